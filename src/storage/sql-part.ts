import type { Scopes } from './transaction-scope.ts'

/**
 * SQLite's part in the open transaction: none before a statement writes. Savepoints are made then, and
 * only then: for the turn, when earlier turns have written, and for each scope that is open, so that
 * each can be undone on its own.
 */
export class SqlPart {
  readonly #exec: (sql: string) => void
  #isOpen = false
  #hasEarlierTurns = false
  #hasTurnSavepoint = false

  constructor(exec: (sql: string) => void) {
    this.#exec = exec
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  enter(scopes: Scopes): void {
    if (!this.#isOpen) {
      this.#exec('BEGIN')
      this.#isOpen = true
    } else if (this.#hasEarlierTurns && !this.#hasTurnSavepoint) {
      this.#exec('SAVEPOINT turn')
      this.#hasTurnSavepoint = true
    }
    for (const scope of scopes.withoutSql()) {
      this.#exec(`SAVEPOINT ${scope.savepoint}`)
      scope.isInSql = true
    }
  }

  turnEnded(): void {
    if (this.#hasTurnSavepoint) this.#exec('RELEASE turn')
    this.#hasTurnSavepoint = false
    this.#hasEarlierTurns = this.#isOpen
  }

  turnAborted(): void {
    if (this.#hasTurnSavepoint) this.#exec('ROLLBACK TO turn; RELEASE turn')
    else if (!this.#hasEarlierTurns) this.rollBack()
    this.#hasTurnSavepoint = false
  }

  rollBack(): void {
    if (!this.#isOpen) return
    this.ended()
    this.#exec('ROLLBACK')
  }

  /** SQLite's transaction is over, whether it was committed or lost. */
  ended(): void {
    this.#isOpen = false
    this.#hasEarlierTurns = false
    this.#hasTurnSavepoint = false
  }
}

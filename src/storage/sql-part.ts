import type { ObjectDatabase } from './object-database.ts'
import type { Scopes } from './transaction-scope.ts'

/**
 * SQLite's part in the open transaction: none before a statement writes. Savepoints are made then, and
 * only then: for the turn, when earlier turns have written, and for each scope that is open, so that
 * each can be undone on its own.
 */
export class SqlPart {
  readonly #database: () => ObjectDatabase
  #isOpen = false
  #hasEarlierTurns = false
  #hasTurnSavepoint = false

  /** @param database opens it if need be */
  constructor(database: () => ObjectDatabase) {
    this.#database = database
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  enter(scopes: Scopes): void {
    if (!this.#isOpen) {
      this.#database().db.exec('BEGIN')
      this.#isOpen = true
    } else if (this.#hasEarlierTurns && !this.#hasTurnSavepoint) {
      this.#database().db.exec('SAVEPOINT turn')
      this.#hasTurnSavepoint = true
    }
    for (const scope of scopes.withoutSql()) {
      this.#database().db.exec(`SAVEPOINT ${scope.savepoint}`)
      scope.isInSql = true
    }
  }

  turnEnded(): void {
    if (this.#hasTurnSavepoint) this.#database().db.exec('RELEASE turn')
    this.#hasTurnSavepoint = false
    this.#hasEarlierTurns = this.#isOpen
  }

  turnAborted(): void {
    if (this.#hasTurnSavepoint) this.#database().rollBack('ROLLBACK TO turn; RELEASE turn')
    else if (!this.#hasEarlierTurns) this.rollBack()
    this.#hasTurnSavepoint = false
  }

  rollBack(): void {
    if (!this.#isOpen) return
    this.ended()
    this.#database().rollBack('ROLLBACK')
  }

  /** SQLite's transaction is over, whether it was committed or lost. */
  ended(): void {
    this.#isOpen = false
    this.#hasEarlierTurns = false
    this.#hasTurnSavepoint = false
  }
}

import { assert } from '../base/index.ts'

/** One level of transaction: what is open, and how it ended. */
export class Scope {
  readonly depth: number
  /** Its name in SQLite; undefined for a transaction as a whole. */
  readonly savepoint: string | undefined
  /** SQLite has the savepoint: a statement has written since the scope was opened. */
  isInSql = false
  readonly #end: (state: 'committed' | 'rolled-back') => void
  #state: 'open' | 'committed' | 'rolled-back' = 'open'

  /** @param end performs the end; called once, unless the scope is abandoned */
  constructor(
    depth: number,
    savepoint: string | undefined,
    end: (state: 'committed' | 'rolled-back') => void,
  ) {
    this.depth = depth
    this.savepoint = savepoint
    this.#end = end
  }

  get state(): 'open' | 'committed' | 'rolled-back' {
    return this.#state
  }

  commit(): void {
    assert(this.#state !== 'committed', 'a transaction is committed twice')
    if (this.#state === 'open') this.#state = 'committed'
    this.#end('committed')
  }

  rollback(): void {
    // Abandoned: whatever ended around this one rolled it back.
    if (this.#state === 'rolled-back') return
    assert(this.#state === 'open', 'a transaction is rolled back after its commit')
    this.#state = 'rolled-back'
    this.#end('rolled-back')
  }

  /** It was rolled back from outside. */
  abandon(): void {
    this.#state = 'rolled-back'
  }
}

interface ScopeEnd {
  commit(): void
  rollBack(): void
  /** @throws the error that broke the store, if any */
  requireUsable(): void
}

/** The transactions and savepoints that are open, innermost last. */
export class Scopes {
  #open: Scope[] = []

  get depth(): number {
    return this.#open.length
  }

  open(savepoint: string | undefined, end: ScopeEnd): Scope {
    const depth = this.depth + 1
    const scope = new Scope(depth, savepoint, (state) => {
      if (state === 'rolled-back') {
        this.abandon(depth)
        this.#open.pop()
        end.rollBack()
        return
      }
      end.requireUsable()
      assert(this.depth === depth, 'a transaction commits before one inside it')
      this.#open.pop()
      end.commit()
    })
    this.#open.push(scope)
    return scope
  }

  /** Savepoints that SQLite does not have yet, outermost first. */
  withoutSql(): Scope[] {
    return this.#open.filter((scope) => scope.savepoint !== undefined && !scope.isInSql)
  }

  /**
   * A rollback (of an outer transaction, of the turn, of a store that broke) ends what is open inside
   * the first `depth`.
   */
  abandon(depth: number): void {
    for (const scope of this.#open.splice(depth)) scope.abandon()
  }
}

/**
 * Commits `scope` after `callback`, or undoes it when that throws, and calls `undone`.
 *
 * @throws what `callback` throws
 */
export function runInScope<T>(scope: Scope, callback: () => T, undone: () => void): T {
  let value: T
  try {
    value = callback()
  } catch (error) {
    scope.rollback()
    undone()
    throw error
  }
  if (scope.state === 'rolled-back') {
    throw new Error('Cannot commit transaction due to an earlier SQL critical error')
  }
  scope.commit()
  return value
}

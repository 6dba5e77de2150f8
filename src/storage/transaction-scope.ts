import { assert } from '../base/index.ts'

/** One level of transaction: what is open, and how it ended. */
export class Scope {
  readonly depth: number
  readonly #end: (state: 'committed' | 'rolled-back') => void
  #state: 'open' | 'committed' | 'rolled-back' = 'open'

  /** @param end performs the end; called once, unless the scope is abandoned */
  constructor(depth: number, end: (state: 'committed' | 'rolled-back') => void) {
    this.depth = depth
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

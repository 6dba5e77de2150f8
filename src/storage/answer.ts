import { assert } from '../base/index.ts'
import type { KvAnswer } from './kv-store.ts'

/**
 * The result of an operation that may have to wait. Unlike a promise it tells whether it is there
 * already, and calls its listener at once, so that the gates decide when user code goes on.
 */
export class Answer<T> implements KvAnswer<T> {
  #result: { readonly value: T } | { readonly error: Error } | undefined
  readonly #listeners: KvAnswer<T>[] = []

  /** One that is there. */
  static of<T>(value: T): Answer<T> {
    const answer = new Answer<T>()
    answer.#result = { value }
    return answer
  }

  get isPending(): boolean {
    return this.#result === undefined
  }

  succeeded(value: T): void {
    this.#settle({ value })
  }

  failed(error: Error): void {
    this.#settle({ error })
  }

  /** Calls back once: at once when the result is there. */
  whenSettled(succeeded: (value: T) => void, failed: (error: Error) => void): void {
    if (this.#result === undefined) this.#listeners.push({ succeeded, failed })
    else if ('value' in this.#result) succeeded(this.#result.value)
    else failed(this.#result.error)
  }

  /** The same with another value; what `change` throws fails it. */
  map<R>(change: (value: T) => R): Answer<R> {
    const changed = new Answer<R>()
    this.whenSettled(
      (value) => {
        let result: R
        try {
          result = change(value)
        } catch (error) {
          changed.failed(error as Error)
          return
        }
        changed.succeeded(result)
      },
      (error) => changed.failed(error),
    )
    return changed
  }

  #settle(result: { readonly value: T } | { readonly error: Error }): void {
    assert(this.#result === undefined, 'an answer is given twice')
    this.#result = result
    for (const listener of this.#listeners.splice(0)) {
      if ('value' in result) listener.succeeded(result.value)
      else listener.failed(result.error)
    }
  }
}

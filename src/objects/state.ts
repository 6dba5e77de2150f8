import type { ObjectId } from '../names/index.ts'
import type { Incarnation } from './incarnation.ts'
import { DurableObjectStorage } from './storage-api.ts'

/** `ctx` of an object (reference, API checklist: DurableObjectState). */
export class DurableObjectState {
  readonly id: ObjectId
  readonly storage: DurableObjectStorage
  readonly props: unknown
  readonly exports: unknown
  readonly #incarnation: Incarnation

  constructor(incarnation: Incarnation, given: { id: ObjectId; props: unknown; exports: unknown }) {
    this.#incarnation = incarnation
    this.id = given.id
    this.props = given.props
    this.exports = given.exports
    this.storage = new DurableObjectStorage(incarnation)
  }

  /** Keeps the object in memory until `promise` settles. */
  waitUntil(promise: unknown): void {
    this.#incarnation.waitUntil(promise)
  }

  /**
   * Delivers no other event until `callback` is done; when it fails, the object is reset
   * (reference 1.4).
   */
  blockConcurrencyWhile<T>(callback: () => T | Promise<T>): Promise<T> {
    return this.#incarnation.blockConcurrencyWhile(callback)
  }

  /**
   * Resets the object: the writes of this turn are undone, unanswered calls fail with `reason`.
   * Unlike on the reference, which ends JavaScript on the spot, this call ends by a throw.
   */
  abort(reason?: unknown): never {
    const error =
      reason instanceof Error
        ? reason
        : new Error(
            reason === undefined
              ? 'Application called abort() to reset Durable Object.'
              : String(reason),
          )
    this.#incarnation.break(error)
    throw error
  }
}

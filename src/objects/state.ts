import type { ObjectId } from '../names/index.ts'
import type { Incarnation } from './incarnation.ts'
import { DurableObjectStorage } from './storage-api.ts'

export interface StateParts {
  readonly id: ObjectId
  readonly props: unknown
  readonly exports: unknown
  /** `deleteAll()` deletes the alarm too: compatibility flag `delete_all_deletes_alarm`. */
  readonly deleteAllDeletesAlarm: boolean
}

/** `ctx` of an object (reference, API checklist: DurableObjectState). */
export class DurableObjectState {
  readonly id: ObjectId
  readonly storage: DurableObjectStorage
  readonly props: unknown
  readonly exports: unknown
  readonly #incarnation: Incarnation

  constructor(incarnation: Incarnation, given: StateParts) {
    this.#incarnation = incarnation
    this.id = given.id
    this.props = given.props
    this.exports = given.exports
    this.storage = new DurableObjectStorage(incarnation, given)
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
   * Resets the object: with `retryAlarm: false`, an alarm whose handler runs is not tried again. The writes of this turn are undone, unanswered calls fail with `reason`. Unlike on the
   * reference, which ends JavaScript on the spot, this call ends by a throw.
   */
  abort(reason?: unknown, options?: { retryAlarm?: boolean }): never {
    if (options?.retryAlarm === false) this.#incarnation.alarm.giveUp()
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

import type { KvOperation } from '../base/index.ts'
import type { KeySpan } from './key-span.ts'

/** Who waits for a store; exactly one of the two is called, once, never before the call returned. */
export interface KvAnswer<T> {
  succeeded(value: T): void
  /** @param error `retryable` when the connection was lost: what was asked may have happened or not */
  failed(error: Error): void
}

export interface KvEntry {
  readonly key: string
  readonly value: Uint8Array
}

export interface KvListRange extends KeySpan {
  readonly isReverse: boolean
  readonly limit: number | undefined
}

/** One transaction: first everything is deleted, when asked; then the operations; then the alarm. */
export interface KvFlush {
  readonly isDeleteAll: boolean
  /** At most one for each key. */
  readonly operations: readonly KvOperation[]
  /** Milliseconds since 1970; null for none; undefined leaves it as it is. */
  readonly alarmAt: number | null | undefined
}

/**
 * The keys and values of one object in a place that takes time. The port below the cache, which is
 * its only user while the object is in memory.
 *
 * Calls may be carried out, and answered, in any order. Each read sees the store at one instant
 * between its call and its answer; each flush happens as a whole at one such instant, or not at all.
 * A cache that follows a broken one needs more: its calls are carried out after those of the other.
 */
export interface KvStore {
  /** Values in the order of `keys`; undefined for a key that does not exist. */
  get(keys: readonly string[], answer: KvAnswer<readonly (Uint8Array | undefined)[]>): void
  /** What exists in the range, in order, or in reverse order, up to the limit. */
  list(range: KvListRange, answer: KvAnswer<readonly KvEntry[]>): void
  /** Succeeds when all of it is durable. */
  flush(flush: KvFlush, answer: KvAnswer<void>): void
}

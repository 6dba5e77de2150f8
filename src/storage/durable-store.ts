import type { Answer } from './answer.ts'
import type { CacheReadOptions, CacheWriteOptions } from './kv-cache.ts'
import type { KvListOptions } from './kv-table.ts'
import type { ObjectStore } from './object-store.ts'
import type { StoreListener, StoreTransaction } from './store-types.ts'

/**
 * What an incarnation asks of its object's durable memory. SQLite answers at once; a store that takes
 * time answers with an {@link Answer} whatever it does not know yet.
 */
export interface DurableStore {
  /** The database, when the object has one that answers at once: SQL is there as well. */
  readonly sqlite: ObjectStore | undefined
  /** Whether there is anything that is not confirmed. */
  readonly hasUnconfirmed: boolean
  setListener(listener: StoreListener | undefined): void
  kvGet(key: string, options?: CacheReadOptions): unknown
  kvGetMany(
    keys: readonly string[],
    options?: CacheReadOptions,
  ): Map<string, unknown> | Answer<Map<string, unknown>>
  kvPut(key: string, value: unknown, options?: CacheWriteOptions): void | Answer<void>
  kvPutMany(
    entries: readonly (readonly [string, unknown])[],
    options?: CacheWriteOptions,
  ): void | Answer<void>
  kvDelete(key: string, options?: CacheWriteOptions): boolean | Answer<boolean>
  kvDeleteMany(keys: readonly string[], options?: CacheWriteOptions): number | Answer<number>
  kvList(
    options: KvListOptions & CacheReadOptions,
  ): Map<string, unknown> | Answer<Map<string, unknown>>
  deleteAll(options: { readonly keepAlarm: boolean }): void
  getAlarm(): number | null
  setAlarm(atMs: number | null, options?: CacheWriteOptions): void
  begin(): StoreTransaction
  turnEnded(): void
  turnAborted(): void
  whenConfirmed(callback: (error: Error | undefined) => void): void
  /**
   * Calls back when an event may be delivered: at once, unless too much waits to be written. Absent
   * when events never wait.
   */
  whenRelieved?(callback: () => void): void
}

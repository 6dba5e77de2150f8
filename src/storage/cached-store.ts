import type { Answer } from './answer.ts'
import type { DurableStore } from './durable-store.ts'
import { listRangeOf } from './key-span.ts'
import {
  type CacheReadOptions,
  type CacheWriteOptions,
  KvCache,
  type KvCacheOptions,
} from './kv-cache.ts'
import type { KvListOptions } from './kv-table.ts'
import { hostedKvLimits, requireKey, requirePairs, requireValue } from './limits.ts'
import type { StoreListener, StoreTransaction } from './store-types.ts'
import { decodeValue, encodeValue, type ErrorFormat } from './values.ts'

/** An object whose durable memory is a store that takes time: keys and values only, no SQL. */
export class CachedStore implements DurableStore {
  readonly sqlite = undefined
  readonly #cache: KvCache

  readonly #errorFormat: ErrorFormat

  constructor(
    options: KvCacheOptions & { readonly errorFormat?: ErrorFormat },
    cache: KvCache = new KvCache(options),
  ) {
    this.#cache = cache
    this.#errorFormat = options.errorFormat ?? 'reference'
  }

  get broken(): Error | undefined {
    return this.#cache.broken
  }

  get hasUnconfirmed(): boolean {
    return this.#cache.hasUnconfirmed
  }

  setListener(listener: StoreListener | undefined): void {
    this.#cache.setListener(listener)
  }

  kvGet(key: string, options?: CacheReadOptions): Answer<unknown> {
    return this.#cache
      .get(checkedKey(key), options)
      .map((bytes) => (bytes === undefined ? undefined : decodeValue(bytes)))
  }

  kvGetMany(keys: readonly string[], options?: CacheReadOptions): Answer<Map<string, unknown>> {
    requirePairs(keys.length, hostedKvLimits)
    return this.#cache.getMany(keys.map(checkedKey), options).map((found) => {
      return new Map([...found].map(([key, bytes]) => [key, decodeValue(bytes)]))
    })
  }

  kvPut(key: string, value: unknown, options?: CacheWriteOptions): Answer<void> {
    return this.#cache.put(checkedKey(key), encodeChecked(value, this.#errorFormat), options)
  }

  kvPutMany(
    entries: readonly (readonly [string, unknown])[],
    options?: CacheWriteOptions,
  ): Answer<void> | undefined {
    // All of them are encoded before the first is written: what cannot be copied writes nothing.
    const format = this.#errorFormat
    const encoded = entries.map(
      ([key, value]) => [checkedKey(key), encodeChecked(value, format)] as const,
    )
    const answers = encoded.map(([key, bytes]) => this.#cache.put(key, bytes, options))
    // The last one waits for as much as any.
    return answers.at(-1)
  }

  kvDelete(key: string, options?: CacheWriteOptions): Answer<boolean> {
    return this.#cache.delete(checkedKey(key), options)
  }

  kvDeleteMany(keys: readonly string[], options?: CacheWriteOptions): Answer<number> {
    return this.#cache.deleteMany(keys.map(checkedKey), options)
  }

  kvList(options: KvListOptions & CacheReadOptions): Answer<Map<string, unknown>> {
    return this.#cache.list(listRangeOf(options), options).map((entries) => {
      return new Map(entries.map(({ key, value }) => [key, decodeValue(value)]))
    })
  }

  deleteAll(options: { readonly keepAlarm: boolean }): void {
    this.#cache.deleteAll(options)
  }

  getAlarm(): number | null {
    return this.#cache.getAlarm()
  }

  setAlarm(atMs: number | null, options?: CacheWriteOptions): void {
    this.#cache.setAlarm(atMs, options)
  }

  begin(): StoreTransaction {
    return this.#cache.begin()
  }

  turnEnded(): void {
    this.#cache.turnEnded()
  }

  turnAborted(): void {
    this.#cache.turnAborted()
  }

  whenConfirmed(callback: (error: Error | undefined) => void): void {
    this.#cache.whenConfirmed(callback)
  }

  whenRelieved(callback: () => void): void {
    this.#cache.whenRelieved(callback)
  }

  /** The store behind it is no more. */
  break(error: Error): void {
    this.#cache.break(error)
  }

  close(): void {
    this.#cache.close()
  }
}

// A remote store is a KV-backed one: it has the limits of those.
function checkedKey(key: string): string {
  requireKey(key, hostedKvLimits)
  return key
}

function encodeChecked(value: unknown, errors: ErrorFormat): Uint8Array {
  const bytes = encodeValue(value, errors)
  requireValue(bytes, hostedKvLimits)
  return bytes
}

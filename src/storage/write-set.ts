import type { KeySpan } from './key-span.ts'
import { isBefore } from './key-span.ts'
import type { KvFlush } from './kv-store.ts'
import type { Hold } from './store-types.ts'
import { type SortedMap, sortedMap } from './sorted-map.ts'

/** What a key is to become. */
export interface Write {
  /** undefined deletes the key. */
  readonly value: Uint8Array | undefined
  /** Whether it stays in the cache when the store has it. */
  readonly isCached: boolean
}

// What an entry costs beside its key and value, roughly.
const overheadBytes = 96

export function entryBytes(key: string, value: Uint8Array | undefined): number {
  return overheadBytes + key.length + (value?.byteLength ?? 0)
}

/**
 * Writes that belong together: those of a turn, of a transaction, of all turns since the last flush, of
 * the flush under way. Each key has its last value only. [KC4]
 */
export class WriteSet {
  readonly values: SortedMap<Write> = sortedMap()
  /** Everything that was there before is gone; `values` come after that. */
  isDeleteAll = false
  /** undefined when the alarm stays as it is. */
  alarmAt: number | null | undefined
  // What waits until these writes are durable, in order.
  #holds: Hold[] = []
  #callbacks: ((error: Error | undefined) => void)[] = []
  #bytes = 0

  get isEmpty(): boolean {
    return this.values.isEmpty && !this.isDeleteAll && this.alarmAt === undefined
  }

  get bytes(): number {
    return this.#bytes
  }

  get isHeld(): boolean {
    return this.#holds.length > 0
  }

  /** What these writes say of `key`; undefined when nothing. */
  get(key: string): Write | undefined {
    return this.values.get(key) ?? (this.isDeleteAll ? gone : undefined)
  }

  put(key: string, write: Write): void {
    const before = this.values.get(key)
    if (before !== undefined) this.#bytes -= entryBytes(key, before.value)
    this.values.set(key, write)
    this.#bytes += entryBytes(key, write.value)
  }

  deleteAll(): void {
    this.values.clear()
    this.#bytes = 0
    this.isDeleteAll = true
  }

  hold(hold: Hold): void {
    this.#holds.push(hold)
  }

  whenDurable(callback: (error: Error | undefined) => void): void {
    this.#callbacks.push(callback)
  }

  /** Takes over everything of `later`, which was written after these. */
  absorb(later: WriteSet): void {
    if (later.isDeleteAll) this.deleteAll()
    for (const [key, write] of later.values.entries()) this.put(key, write)
    if (later.alarmAt !== undefined) this.alarmAt = later.alarmAt
    this.#holds.push(...later.#holds)
    this.#callbacks.push(...later.#callbacks)
  }

  *entriesIn(range: KeySpan): IterableIterator<[string, Write]> {
    for (const [key, write] of this.values.entries(range.begin)) {
      if (!isBefore(key, range.end)) return
      yield [key, write]
    }
  }

  /** These writes as one transaction of a store. */
  toFlush(): KvFlush {
    const entries = this.values.toArray()
    const kept = this.isDeleteAll ? entries.filter(([, { value }]) => value !== undefined) : entries
    return {
      isDeleteAll: this.isDeleteAll,
      operations: kept.map(([key, { value }]) => ({ key, value })),
      alarmAt: this.alarmAt,
    }
  }

  /** The writes are durable, will never be, or were undone: whoever waits hears of it. */
  settle(error: Error | undefined): void {
    const holds = this.#holds
    const callbacks = this.#callbacks
    this.#holds = []
    this.#callbacks = []
    for (const hold of holds) {
      if (error === undefined) hold.release()
      else hold.fail(error)
    }
    for (const callback of callbacks) callback(error)
  }
}

const gone: Write = { value: undefined, isCached: true }

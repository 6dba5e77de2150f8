import { assert, type Clock, DurableError } from '../base/index.ts'

export interface CacheLimits {
  /** Above it, what has not been used for longest is evicted. */
  readonly softBytes: number
  /** Above it, with nothing left to evict, every object is reset. */
  readonly hardBytes: number
  /** Unflushed bytes of one object above which its events wait for the flush. */
  readonly unflushedBytes: number
  /** What has not been used for this long is evicted. */
  readonly staleMs: number
  /** Keys in one call of a store. */
  readonly keysPerRead: number
}

/** The reference's (reference 1.6). */
export const cacheLimits: CacheLimits = {
  softBytes: 16 * 2 ** 20,
  hardBytes: 128 * 2 ** 20,
  unflushedBytes: 8 * 2 ** 20,
  staleMs: 30_000,
  keysPerRead: 128,
}

/** Something that the store has as well, so that forgetting it costs time only. */
export interface Evictable {
  usedAtMs: number
  readonly bytes: number
  /** Forgets it; calls {@link CacheMemory.remove}. */
  evict(): void
}

/**
 * The memory that the caches of all objects of a shard share: what it holds, what was used when, and
 * what must go. [KC13, KC14, KC15]
 */
export class CacheMemory {
  readonly limits: CacheLimits
  readonly #clock: Clock
  // Longest unused first. Only what may be evicted is in here. [KC13]
  readonly #evictable = new Set<Evictable>()
  readonly #caches = new Set<{ break(error: Error): void }>()
  #bytes = 0

  constructor(clock: Clock, limits: CacheLimits = cacheLimits) {
    this.#clock = clock
    this.limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Breaks `cache` when memory overflows. @returns how to stop that */
  register(cache: { break(error: Error): void }): () => void {
    this.#caches.add(cache)
    return () => this.#caches.delete(cache)
  }

  /** Counts bytes that cannot be evicted; a negative number gives them back. */
  charge(bytes: number): void {
    this.#bytes += bytes
    assert(this.#bytes >= 0, 'the storage cache gives back more bytes than it took')
  }

  add(entry: Evictable): void {
    this.#evictable.add(entry)
    entry.usedAtMs = this.#clock.monotonicMs()
    this.charge(entry.bytes)
  }

  /** `entry` was used just now. */
  touch(entry: Evictable): void {
    this.#evictable.delete(entry)
    this.#evictable.add(entry)
    entry.usedAtMs = this.#clock.monotonicMs()
  }

  remove(entry: Evictable): void {
    if (this.#evictable.delete(entry)) this.charge(-entry.bytes)
  }

  /**
   * Brings memory below its limits: evicts, and resets everybody when that is not enough.
   *
   * @param bytesInUse what an operation holds beside the cache, such as the answer of a list
   */
  settle(bytesInUse = 0): void {
    if (this.#bytes + bytesInUse > this.limits.hardBytes) {
      const error = new DurableError(overflowText, { overloaded: true })
      for (const cache of [...this.#caches]) cache.break(error)
      return
    }
    for (const entry of this.#evictable) {
      if (this.#bytes <= this.limits.softBytes) return
      entry.evict()
    }
  }

  /** Evicts what has not been used for too long. */
  evictStale(): void {
    const now = this.#clock.monotonicMs()
    for (const entry of this.#evictable) {
      if (now - entry.usedAtMs < this.limits.staleMs) return
      entry.evict()
    }
  }
}

const overflowText =
  "Durable Object's isolate exceeded its memory limit due to overflowing the storage cache. This could be due to writing too many values to storage without stopping to wait for writes to complete, or due to reading too many values in a single operation (e.g. a large list()). All objects in the isolate were reset."

import type { CacheMemory, Evictable } from './cache-memory.ts'
import { compareKeys } from './key-order.ts'
import { isBefore, isInSpan, keyAfter, type KeySpan, lesserEnd } from './key-span.ts'
import type { KvEntry } from './kv-store.ts'
import { type SortedMap, sortedMap } from './sorted-map.ts'
import { entryBytes } from './write-set.ts'

/** What the store holds at a key, as far as is known: a value, nothing (undefined), or not known. */
export type Known = Uint8Array | undefined | 'unknown'

/** A stretch of keys of which nothing is known. */
export interface UnknownRange extends KeySpan {
  readonly kind: 'unknown'
}

/** What is known of one key. */
export interface KnownKey {
  readonly kind: 'known'
  readonly key: string
  readonly value: Uint8Array | undefined
}

class Entry implements Evictable {
  usedAtMs = 0
  readonly key: string
  // 'unknown' when the entry only marks where a known gap ends.
  readonly value: Known
  // No key exists between this one and the next entry. [KC6]
  isGapEmpty: boolean
  readonly #evicted: (entry: Entry) => void

  constructor(key: string, value: Known, isGapEmpty: boolean, evicted: (entry: Entry) => void) {
    this.key = key
    this.value = value
    this.isGapEmpty = isGapEmpty
    this.#evicted = evicted
  }

  get bytes(): number {
    return entryBytes(this.key, this.value === 'unknown' ? undefined : this.value)
  }

  evict(): void {
    this.#evicted(this)
  }
}

/**
 * What is known of a store's content: keys that exist, keys that do not, and gaps in which none does.
 * All of it is true of the store, so any of it may be forgotten at any time. [KC6, KC13]
 */
export class KnownKeys {
  readonly #memory: CacheMemory
  readonly #entries: SortedMap<Entry> = sortedMap()

  constructor(memory: CacheMemory) {
    this.#memory = memory
  }

  get(key: string): Known {
    const entry = this.#entries.getPairOrNextLower(key)?.[1]
    if (entry === undefined) return 'unknown'
    if (entry.key !== key && !entry.isGapEmpty) return 'unknown'
    this.#memory.touch(entry)
    return entry.key === key ? entry.value : undefined
  }

  /** The store has this at `key`; undefined: it has nothing. */
  set(key: string, value: Known): void {
    const before = this.#entries.get(key)
    const isGapEmpty = before?.isGapEmpty ?? this.#lower(key)?.isGapEmpty ?? false
    if (before !== undefined) this.#memory.remove(before)
    const entry = new Entry(key, value, isGapEmpty, (evicted) => this.#evict(evicted))
    this.#entries.set(key, entry)
    this.#memory.add(entry)
  }

  /** What the store has at `key` has changed, and is not to be remembered. */
  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) this.#openGapBefore(key)
    else this.#drop(entry, false)
  }

  /** Nothing is known any more. */
  clear(): void {
    for (const entry of this.#entries.values()) this.#memory.remove(entry)
    this.#entries.clear()
  }

  /** The store has become empty. */
  emptied(): void {
    this.clear()
    this.set('', undefined)
    this.#markGaps({ begin: '', end: undefined })
  }

  /**
   * The store was read from `range.begin` to `range.end`, and `entries` is all that exists there.
   *
   * @param overtaken keys that were written since the read began: what it says of them may be old
   */
  learn(range: KeySpan, entries: readonly KvEntry[], overtaken: ReadonlySet<string>): void {
    const values = new Map(entries.map(({ key, value }) => [key, value]))
    const markers = this.#keysIn(range).filter((key) => this.#entries.get(key)?.value === 'unknown')
    for (const key of new Set([range.begin, ...values.keys(), ...markers])) {
      if (overtaken.has(key)) continue
      const known = this.#entries.get(key)?.value
      if (known === 'unknown' || !this.#entries.has(key)) this.set(key, values.get(key))
    }
    for (const key of overtaken) {
      if (isInSpan(key, range) && !this.#entries.has(key)) this.set(key, 'unknown')
    }
    // The gap must not reach beyond what was read.
    if (range.end !== undefined && !this.#entries.has(range.end))
      this.set(range.end, this.get(range.end))
    this.#markGaps(range)
  }

  /** What is known and what is not, from the begin of the range to its end, or the other way. */
  *walk(range: KeySpan, isReverse: boolean): IterableIterator<KnownKey | UnknownRange> {
    if (range.end !== undefined && compareKeys(range.begin, range.end) >= 0) return
    const parts = isReverse ? this.#walkDown(range) : this.#walkUp(range)
    for (const part of parts)
      if (part.kind === 'known' || isBefore(part.begin, part.end)) yield part
  }

  *#walkUp({ begin, end }: KeySpan): IterableIterator<KnownKey | UnknownRange> {
    let at = begin
    let before = this.#lower(begin)
    for (;;) {
      const next = this.#entries.getPairOrNextHigher(at)?.[1]
      if (before?.isGapEmpty === true) this.#memory.touch(before)
      else yield { kind: 'unknown', begin: at, end: lesserEnd(next?.key, end) }
      if (next === undefined || !isBefore(next.key, end)) return
      yield this.#part(next)
      before = next
      at = keyAfter(next.key)
    }
  }

  *#walkDown({ begin, end }: KeySpan): IterableIterator<KnownKey | UnknownRange> {
    let upTo = end
    for (;;) {
      const next = this.#lower(upTo)
      const isInside = next !== undefined && compareKeys(next.key, begin) >= 0
      if (next?.isGapEmpty === true) this.#memory.touch(next)
      else yield { kind: 'unknown', begin: isInside ? keyAfter(next.key) : begin, end: upTo }
      if (!isInside) return
      yield this.#part(next)
      upTo = next.key
    }
  }

  #part({ key, value }: Entry): KnownKey | UnknownRange {
    return value === 'unknown'
      ? { kind: 'unknown', begin: key, end: keyAfter(key) }
      : { kind: 'known', key, value }
  }

  #keysIn(range: KeySpan): string[] {
    const keys: string[] = []
    for (const key of this.#entries.keys(range.begin)) {
      if (!isBefore(key, range.end)) break
      keys.push(key)
    }
    return keys
  }

  #markGaps(range: KeySpan): void {
    for (const key of this.#keysIn(range)) {
      const entry = this.#entries.get(key)
      if (entry !== undefined) entry.isGapEmpty = true
    }
  }

  // The entry before `key`; the last one when it is undefined.
  #lower(key: string | undefined): Entry | undefined {
    return this.#entries.nextLowerPair(key)?.[1]
  }

  #openGapBefore(key: string): void {
    const lower = this.#lower(key)
    if (lower !== undefined) lower.isGapEmpty = false
  }

  #evict(entry: Entry): void {
    // A key that does not exist, between two empty gaps, is in one empty gap without its entry.
    this.#drop(entry, entry.value === undefined && entry.isGapEmpty)
  }

  #drop(entry: Entry, isInGap: boolean): void {
    this.#memory.remove(entry)
    this.#entries.delete(entry.key)
    if (!isInGap) this.#openGapBefore(entry.key)
  }
}

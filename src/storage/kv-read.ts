import { Answer } from './answer.ts'
import { compareKeys } from './key-order.ts'
import { isBefore, isInSpan, keyAfter, type KeySpan } from './key-span.ts'
import type { KvEntry, KvListRange } from './kv-store.ts'
import type { KnownKey, UnknownRange } from './known-keys.ts'
import type { WriteSet } from './write-set.ts'

/** A read that the store has not answered. What it sees must be as old as the call. [KC1] */
export interface StoreRead {
  /** Whether `writes`, made durable now, could show in the answer although they came later. */
  conflictsWith(writes: WriteSet): boolean
  /** `writes` became durable while the store was being read. */
  overtakenBy(writes: WriteSet): void
}

/** One key that is being read, for everybody who asked meanwhile. */
export class KeyRead implements StoreRead {
  readonly key: string
  readonly answer: Answer<Uint8Array | undefined> = new Answer()
  /** Whether anybody wants it to stay in the cache. */
  isCached = false

  constructor(key: string) {
    this.key = key
  }

  conflictsWith(writes: WriteSet): boolean {
    return writes.get(this.key) !== undefined
  }

  // A flush that has the key waits for this read, so none is over before it.
  overtakenBy(): void {}
}

/**
 * A list that knows a part of its answer and reads the rest. Everything known is taken down at the
 * call; what the store adds is the keys that were not known then.
 */
export class ListRead implements StoreRead {
  readonly answer: Answer<KvEntry[]> = new Answer()
  /** What to ask of the store; undefined when everything is known. */
  readonly missing: KvListRange | undefined
  /** Keys written while the store was being read. */
  readonly overtaken: Set<string> = new Set()
  readonly #range: KvListRange
  // In the order of the list; undefined for keys that do not exist.
  readonly #known: Map<string, Uint8Array | undefined> = new Map()

  /** @param parts what is known and what is not, in the order of the list */
  constructor(range: KvListRange, parts: Iterable<KnownKey | UnknownRange>) {
    this.#range = range
    const missing: UnknownRange[] = []
    let found = 0
    for (const part of parts) {
      if (part.kind === 'unknown') missing.push(part)
      else {
        this.#known.set(part.key, part.value)
        if (part.value !== undefined) found += 1
        if (found === range.limit) break
      }
    }
    this.missing = this.#toAsk(missing)
  }

  conflictsWith(writes: WriteSet): boolean {
    if (this.missing === undefined) return false
    if (writes.isDeleteAll) return true
    for (const [key] of writes.entriesIn(this.missing)) if (!this.#known.has(key)) return true
    return false
  }

  overtakenBy(writes: WriteSet): void {
    if (this.missing === undefined) return
    for (const [key] of writes.entriesIn(this.missing)) this.overtaken.add(key)
  }

  /** The part of `missing` that the store's answer covers: less than all when the limit cut it. */
  covered(entries: readonly KvEntry[]): KeySpan | undefined {
    const last = entries.at(-1)
    if (this.missing === undefined) return undefined
    const { begin, end, limit, isReverse } = this.missing
    if (last === undefined || entries.length !== limit) return { begin, end }
    return isReverse ? { begin: last.key, end } : { begin, end: keyAfter(last.key) }
  }

  /** What was known at the call and what the store adds, in order, up to the limit. */
  merge(entries: readonly KvEntry[]): KvEntry[] {
    const merged: KvEntry[] = []
    const added = entries.filter(({ key }) => !this.#known.has(key))
    let next = 0
    const takeBefore = (key: string | undefined): void => {
      for (let entry = added[next]; entry !== undefined; entry = added[next]) {
        if (key !== undefined && this.#isBehind(entry.key, key)) return
        merged.push(entry)
        next += 1
      }
    }
    for (const [key, value] of this.#known) {
      takeBefore(key)
      if (value !== undefined) merged.push({ key, value })
    }
    takeBefore(undefined)
    return this.#range.limit === undefined ? merged : merged.slice(0, this.#range.limit)
  }

  #isBehind(a: string, b: string): boolean {
    return this.#range.isReverse ? compareKeys(a, b) < 0 : compareKeys(a, b) > 0
  }

  #toAsk(missing: readonly UnknownRange[]): KvListRange | undefined {
    const { limit, isReverse } = this.#range
    const first = missing[0]
    const last = missing.at(-1)
    if (first === undefined || last === undefined) return undefined
    const range = isReverse
      ? { begin: last.begin, end: first.end }
      : { begin: first.begin, end: last.end }
    if (limit === undefined) return { ...range, limit, isReverse }
    // Of the keys that the store returns, those known not to exist do not count; as many more are asked for.
    let wanted = limit
    for (const [key, value] of this.#known) {
      const isInside = isInSpan(key, range)
      if (value === undefined && isInside) wanted += 1
      const edge = isReverse ? range.end : range.begin
      const isAhead = edge !== undefined && !isInside && !this.#isBehind(key, edge)
      if (value !== undefined && isAhead) wanted -= 1
    }
    return { ...range, limit: wanted, isReverse }
  }
}

/**
 * Puts pending writes over what is known of the store, in the order of the list.
 *
 * @param writes what the writes say, in the same order; undefined for a deleted key
 */
export function* overlay(
  parts: Iterable<KnownKey | UnknownRange>,
  writes: readonly (readonly [key: string, value: Uint8Array | undefined])[],
  isReverse: boolean,
): IterableIterator<KnownKey | UnknownRange> {
  let next = 0
  // The next write, unless it lies behind `edge`.
  const take = (isAhead: (key: string) => boolean): KnownKey | undefined => {
    const write = writes[next]
    if (write === undefined || !isAhead(write[0])) return undefined
    next += 1
    return { kind: 'known', key: write[0], value: write[1] }
  }
  for (const part of parts) {
    if (part.kind === 'known') {
      const order = (key: string): number => (isReverse ? -1 : 1) * compareKeys(key, part.key)
      for (let write; (write = take((key) => order(key) < 0)) !== undefined; ) yield write
      yield take((key) => key === part.key) ?? part
      continue
    }
    let { begin, end } = part
    const isAhead = (key: string): boolean =>
      isReverse ? compareKeys(begin, key) <= 0 : isBefore(key, part.end)
    for (let write; (write = take(isAhead)) !== undefined; yield write) {
      if (!isInSpan(write.key, { begin, end })) continue
      const after = keyAfter(write.key)
      if (isReverse) {
        if (isBefore(after, end)) yield { kind: 'unknown', begin: after, end }
        end = write.key
      } else {
        if (isBefore(begin, write.key)) yield { kind: 'unknown', begin, end: write.key }
        begin = after
      }
    }
    if (isBefore(begin, end)) yield { kind: 'unknown', begin, end }
  }
  for (let write; (write = take(() => true)) !== undefined; ) yield write
}

// Keys are ordered by their UTF-8 bytes, as SQLite orders them. [ST12]

import type { KvListOptions } from './kv-table.ts'

const surrogate = /[\ud800-\udfff]/

/** Less than, equal to or greater than 0, as `a` sorts before, with or after `b`. */
export function compareKeys(a: string, b: string): number {
  // Code units differ from UTF-8 only in where the pairs of surrogates stand.
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : a > b ? 1 : 0
}

/** The keys that a `list` asks for. */
export interface KeyRange {
  readonly start: string | undefined
  readonly startsAfter: boolean
  /** Exclusive. */
  readonly end: string | undefined
  readonly reverse: boolean
  readonly limit: number
}

/** @throws TypeError with the reference's text when the options contradict each other */
export function rangeOf(options: KvListOptions): KeyRange {
  const { start, startAfter, prefix, limit } = options
  if (start !== undefined && startAfter !== undefined) {
    throw new TypeError('list() cannot be called with both start and startAfter values.')
  }
  if (limit !== undefined && !(limit > 0)) {
    throw new TypeError('List limit must be positive.')
  }
  let from = startAfter ?? start
  let startsAfter = startAfter !== undefined
  let { end } = options
  if (prefix !== undefined && prefix !== '') {
    const behind = successor(prefix)
    if (from === undefined || compareKeys(from, prefix) < 0) {
      from = prefix
      startsAfter = false
    }
    if (behind !== undefined && (end === undefined || compareKeys(behind, end) < 0)) end = behind
  }
  return {
    start: from,
    startsAfter,
    end,
    reverse: options.reverse === true,
    limit: limit ?? Number.POSITIVE_INFINITY,
  }
}

export function isInRange(key: string, { start, startsAfter, end }: KeyRange): boolean {
  if (start !== undefined) {
    const order = compareKeys(key, start)
    if (order < 0 || (order === 0 && startsAfter)) return false
  }
  return end === undefined || compareKeys(key, end) < 0
}

/** The least text that sorts after everything beginning with `prefix`; undefined when none does. */
function successor(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10_ffff) continue
    // Behind the last code point before the surrogates come those after them.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    return String.fromCodePoint(...points, next)
  }
  return undefined
}

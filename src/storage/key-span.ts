import { compareKeys, rangeOf } from './key-order.ts'
import type { KvListOptions } from './kv-table.ts'

/** The keys from `begin` up to, not including, `end`; to the last one when `end` is undefined. */
export interface KeySpan {
  readonly begin: string
  readonly end: string | undefined
}

/** The least key that sorts after `key`. */
export function keyAfter(key: string): string {
  return `${key}\0`
}

/** Whether `key` is before `end`; everything is before undefined. */
export function isBefore(key: string, end: string | undefined): boolean {
  return end === undefined || compareKeys(key, end) < 0
}

export function isInSpan(key: string, { begin, end }: KeySpan): boolean {
  return compareKeys(begin, key) <= 0 && isBefore(key, end)
}

/** The smaller of two ends; undefined is the greatest. */
export function lesserEnd(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined) return b
  return isBefore(a, b) ? a : b
}

/** @throws TypeError with the reference's text when the options contradict each other */
export function listRangeOf(options: KvListOptions): KeySpan & {
  readonly isReverse: boolean
  readonly limit: number | undefined
} {
  const { start = '', startsAfter, end, reverse, limit } = rangeOf(options)
  return {
    begin: startsAfter ? keyAfter(start) : start,
    end,
    isReverse: reverse,
    limit: limit === Number.POSITIVE_INFINITY ? undefined : limit,
  }
}

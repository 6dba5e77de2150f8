// How the reference reads the arguments of its KV methods: what it converts, and what it refuses.

import { wrongParameter } from '../base/index.ts'
import type { CacheReadOptions, CacheWriteOptions } from './kv-cache.ts'
import type { KvListOptions } from './kv-table.ts'

/** A method as its errors name it. */
export interface MethodName {
  readonly type: string
  readonly method: string
}

/** Lone surrogates become U+FFFD: keys are kept as UTF-8. */
export function toKey(value: unknown): string {
  return `${value as string}`.toWellFormed()
}

/** The one argument of a method: a text. */
export function toText(values: readonly unknown[], at: MethodName): string {
  if (values.length === 0) throw wrongParameter(at.type, at.method, 1, 'string')
  return `${values[0] as string}`
}

/** One key, or a list of them: an array, whatever else is iterable being one key. */
export function toKeys(values: readonly unknown[], at: MethodName): string | string[] {
  if (values.length === 0) throw wrongParameter(at.type, at.method, 1, 'string or Array')
  const [first] = values
  return Array.isArray(first) ? Array.from(first as unknown[], toKey) : toKey(first)
}

/** @returns the options as an object, if there are any */
export function toOptions(
  value: unknown,
  position: number,
  wanted: string,
  at: MethodName,
): object | undefined {
  if (value === undefined || value === null) return undefined
  if (isObject(value)) return value
  throw wrongParameter(at.type, at.method, position, wanted)
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** The options of a read. @param position from 1 */
export function toReadOptions(
  value: unknown,
  position: number,
  wanted: string,
  at: MethodName,
): CacheReadOptions & { readonly allowConcurrency?: boolean } {
  const options = toOptions(value, position, wanted, at) as Record<string, unknown> | undefined
  if (options === undefined) return {}
  return {
    allowConcurrency: Boolean(options['allowConcurrency']),
    noCache: Boolean(options['noCache']),
  }
}

/** The options of a write. @param position from 1 */
export function toWriteOptions(
  value: unknown,
  position: number,
  at: MethodName,
  wanted = 'PutOptions',
): CacheWriteOptions & { readonly allowConcurrency?: boolean } {
  const options = toOptions(value, position, wanted, at) as Record<string, unknown> | undefined
  if (options === undefined) return {}
  return {
    allowConcurrency: Boolean(options['allowConcurrency']),
    allowUnconfirmed: Boolean(options['allowUnconfirmed']),
    noCache: Boolean(options['noCache']),
  }
}

export function toListOptions(
  value: unknown,
  at: MethodName,
): KvListOptions & CacheReadOptions & { readonly allowConcurrency?: boolean } {
  const options = toOptions(value, 1, 'ListOptions', at) as Record<string, unknown> | undefined
  if (options === undefined) return {}
  const bound = (name: string): string | undefined => {
    const given = options[name]
    return given === undefined ? undefined : toKey(given)
  }
  return {
    start: bound('start'),
    startAfter: bound('startAfter'),
    end: bound('end'),
    prefix: bound('prefix'),
    reverse: Boolean(options['reverse']),
    limit: toLimit(options['limit']),
    allowConcurrency: Boolean(options['allowConcurrency']),
    noCache: Boolean(options['noCache']),
  }
}

const int32Min = -(2 ** 31)
const int32Max = 2 ** 31 - 1

function toLimit(value: unknown): number | undefined {
  if (value === undefined) return undefined
  const number = +(value as number)
  if (!Number.isFinite(number)) return 0
  if (number < int32Min || number > int32Max) {
    throw new TypeError(
      `Value out of range. Must be between ${int32Min} and ${int32Max} (inclusive).`,
    )
  }
  return Math.trunc(number)
}

const putUsage =
  'put() may only be called with a single key-value pair and optional options as put(key, value, options) or with multiple key-value pairs and optional options as put(entries, options)'

/** What a call of `put` asks for; entries that are undefined are left out. */
export function toPut(
  values: readonly unknown[],
  at: MethodName,
): {
  readonly entries: readonly (readonly [string, unknown])[]
  readonly options: ReturnType<typeof toWriteOptions>
} {
  if (values.length === 0) throw wrongParameter(at.type, at.method, 1, 'string or object')
  const [first, second, third] = values
  if (!isObject(first) || Array.isArray(first)) {
    const key = toKey(first)
    const options = toWriteOptions(third, 3, at)
    if (second === undefined) throw new TypeError('put() called with undefined value.')
    return { entries: [[key, second]], options }
  }
  const given = Object.entries(first)
  const last = toWriteOptions(third, 3, at)
  if (second !== undefined && second !== null && !isObject(second)) throw new TypeError(putUsage)
  return {
    entries: given.flatMap(([key, value]) =>
      value === undefined ? [] : [[key.toWellFormed(), value] as const],
    ),
    options: second === undefined ? last : toWriteOptions(second, 2, at),
  }
}

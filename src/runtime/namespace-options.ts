// The options of `DurableObjectNamespace`, read as the reference reads them. All objects are in this
// process: where one should live, and how often a lost connection to it is tried again, decide nothing.

import { wrongParameter } from '../base/index.ts'

const maxRetriesMax = 10
const retryTimeoutMsMin = 500
const retryTimeoutMsMax = 60_000

/**
 * @throws TypeError, RangeError with the reference's texts for options of `get()` and `getByName()` that
 *   it would refuse
 */
export function checkGetOptions(method: string, options: unknown): void {
  const given = tableOf(method, 2, 'GetDurableObjectOptions', options)
  const { routingMode, retry } = given
  if (routingMode !== undefined && String(routingMode) !== 'primary-only') {
    throw new RangeError(`unknown routingMode: ${String(routingMode)}`)
  }
  if (retry !== undefined) checkRetry(retry)
}

function checkRetry(retry: unknown): void {
  if (typeof retry !== 'object' || retry === null) {
    throw wrongField('retry', 'GetDurableObjectOptions', 'RetryOptions')
  }
  const { maxRetries, timeoutMs } = retry as Record<string, unknown>
  requireNumber('maxRetries', maxRetries)
  requireNumber('timeoutMs', timeoutMs)
  requireRange('maxRetries', maxRetries, 0, maxRetriesMax)
  requireRange('timeoutMs', timeoutMs, retryTimeoutMsMin, retryTimeoutMsMax)
}

function requireNumber(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'number') {
    throw wrongField(name, 'RetryOptions', 'number')
  }
}

function requireRange(name: string, value: unknown, min: number, max: number): void {
  if (value === undefined) return
  const number = value as number
  if (Number.isInteger(number) && number >= min && number <= max) return
  throw new RangeError(`retry.${name} must be an integer between ${min} and ${max}`)
}

/** `options.jurisdiction` of `newUniqueId()`. */
export function jurisdictionOption(options: unknown): string | undefined {
  const { jurisdiction } = tableOf('newUniqueId', 1, 'NewUniqueIdOptions', options)
  return jurisdictionOf(jurisdiction)
}

export function jurisdictionOf(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : textOf(value)
}

/** As the reference makes a string of an argument: a symbol is refused. */
export function textOf(value: unknown): string {
  return `${value as string}`
}

function tableOf(
  method: string,
  position: number,
  type: string,
  value: unknown,
): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (typeof value === 'object' || typeof value === 'function') {
    return value as Record<string, unknown>
  }
  throw wrongParameter('DurableObjectNamespace', method, position, type)
}

function wrongField(field: string, type: string, wanted: string): TypeError {
  return new TypeError(
    `Incorrect type for the '${field}' field on '${type}': the provided value is not of type '${wanted}'.`,
  )
}

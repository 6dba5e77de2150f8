import { definePlatformClass, wrongParameter } from '../base/index.ts'
import type { ObjectId } from '../names/index.ts'
import { UserWebSocket, WebSocketRequestResponsePair } from '../sockets/index.ts'
import type { Incarnation } from './incarnation.ts'
import { DurableObjectStorage, type StorageParts } from './storage-api.ts'

export interface StateParts extends StorageParts {
  /** A facet's may be any text. */
  readonly id: ObjectId | string
  readonly facets: object
  readonly props: unknown
  /** Undefined when the project's compatibility date is before `ctx.exports`. */
  readonly exports: object | undefined
}

/** `ctx` of an object (reference, API checklist: DurableObjectState). */
export class DurableObjectState {
  readonly facets: object
  /** There are no containers here. */
  readonly container = undefined
  readonly storage: DurableObjectStorage
  readonly id: ObjectId | string
  readonly props: unknown
  declare readonly exports?: object
  readonly #incarnation: Incarnation

  constructor(incarnation: Incarnation, given: StateParts) {
    this.#incarnation = incarnation
    this.facets = given.facets
    this.storage = DurableObjectStorage.create(incarnation, given)
    this.id = given.id
    this.props = given.props
    if (given.exports !== undefined) this.exports = given.exports
  }

  /** Keeps the object in memory until `promise` settles. */
  waitUntil(...promises: unknown[]): void {
    if (promises.length === 0) throw wrongType('waitUntil', 1, 'Promise')
    this.#incarnation.waitUntil(promises[0])
  }

  /**
   * Delivers no other event until `callback` is done; when it fails, the object is reset
   * (reference 1.4).
   */
  blockConcurrencyWhile<T>(callback: () => T | Promise<T>): Promise<T> {
    if (typeof callback !== 'function') {
      return Promise.reject(wrongType('blockConcurrencyWhile', 1, 'function'))
    }
    return this.#incarnation.blockConcurrencyWhile(callback)
  }

  /**
   * Takes a socket into use so that the object may leave memory while it stays open: its events are
   * `webSocketMessage`, `webSocketClose` and `webSocketError` (reference 1.13).
   */
  acceptWebSocket(webSocket: unknown, tags: unknown = []): void {
    requireType(webSocket, UserWebSocket, 'acceptWebSocket')
    if (!Array.isArray(tags)) throw wrongType('acceptWebSocket', 2, 'Array')
    this.#incarnation.sockets.accept(this.#incarnation, webSocket, tags)
  }

  /** All hibernatable sockets, newest first; with a tag, those that have it, oldest first. */
  getWebSockets(tag?: unknown): UserWebSocket[] {
    const wanted = tag === undefined ? undefined : String(tag)
    return this.#incarnation.sockets.list(this.#incarnation, wanted)
  }

  getTags(webSocket: unknown): string[] {
    requireType(webSocket, UserWebSocket, 'getTags')
    return this.#incarnation.sockets.tagsOf(webSocket)
  }

  /** From now on `pair.request` is answered without waking the object; without a pair, no more. */
  setWebSocketAutoResponse(pair?: unknown): void {
    if (pair !== undefined) {
      requireType(pair, WebSocketRequestResponsePair, 'setWebSocketAutoResponse')
    }
    this.#incarnation.sockets.autoResponse = pair
  }

  getWebSocketAutoResponse(): WebSocketRequestResponsePair | null {
    return this.#incarnation.sockets.autoResponse ?? null
  }

  /** When `webSocket` was last answered automatically. */
  getWebSocketAutoResponseTimestamp(webSocket: unknown): Date | null {
    requireType(webSocket, UserWebSocket, 'getWebSocketAutoResponseTimestamp')
    return this.#incarnation.sockets.autoResponseTimestamp(webSocket)
  }

  /** When a socket's handler takes longer, the object is reset; 0 or nothing: no limit. */
  setHibernatableWebSocketEventTimeout(timeoutMs?: unknown): void {
    this.#incarnation.sockets.eventTimeoutMs = unsignedOf(timeoutMs)
  }

  getHibernatableWebSocketEventTimeout(): number | null {
    const timeoutMs = this.#incarnation.sockets.eventTimeoutMs
    return timeoutMs === 0 ? null : timeoutMs
  }

  /**
   * Resets the object: with `retryAlarm: false`, an alarm whose handler runs is not tried again. The writes of this turn are undone, unanswered calls fail with `reason`. Unlike on the
   * reference, which ends JavaScript on the spot, this call ends by a throw.
   */
  abort(reason?: unknown, options?: { retryAlarm?: boolean }): never {
    const { retryAlarm = true } = options ?? {}
    if (!retryAlarm) this.#incarnation.alarm.giveUp()
    const error = new Error(
      reason === undefined ? 'Application called abort() to reset Durable Object.' : String(reason),
    )
    this.#incarnation.break(error)
    throw error
  }
}

definePlatformClass(DurableObjectState, 'DurableObjectState')

function requireType<T extends object>(
  value: unknown,
  type: new (...values: never[]) => T,
  method: string,
): asserts value is T {
  if (!(value instanceof type)) throw wrongType(method, 1, type.name)
}

function wrongType(method: string, parameter: number, type: string): TypeError {
  return wrongParameter('DurableObjectState', method, parameter, type)
}

// How the reference reads an unsigned integer.
function unsignedOf(value: unknown): number {
  const number = Number(value ?? 0)
  if (!Number.isFinite(number)) {
    throw new TypeError('The value cannot be converted because it is not an integer.')
  }
  if (number < 0) {
    throw new TypeError(
      'The value cannot be converted because it is negative and this API expects a positive number.',
    )
  }
  return Math.trunc(number)
}

import type { Clock } from '../base/index.ts'
import {
  type Connection,
  connectionOf,
  hibernateWebSocket,
  Inbox,
  lostReason,
  requireAutoResponseSize,
  type SocketEvent,
  UserWebSocket,
  type WebSocketRequestResponsePair,
} from '../sockets/index.ts'
import { runAsHost } from '../turns/index.ts'
import type { Incarnation } from './incarnation.ts'

const socketsMax = 32_768
const tagsMax = 10
const tagBytesMax = 256
const eventTimeoutMsMax = 604_800_000
const lostCode = 1006
/** From so many on, those whose client has gone are looked for. */
const unansweredMin = 64

export interface HibernatableSocketsOptions {
  readonly clock: Clock
  /** The incarnation that gets an event; made when there is none. May throw. */
  readonly wake: () => Incarnation
  readonly report: (message: string, error: unknown) => void
}

/**
 * The sockets that one object keeps while it is not in memory, with their tags, attachments and the
 * auto-response. They live as long as the object is not reset. [WS8]
 */
export class HibernatableSockets {
  readonly #options: HibernatableSocketsOptions
  // In the order accepted.
  readonly #sockets = new Set<HibernatableSocket>()
  readonly #byTag = new Map<string, Set<HibernatableSocket>>()
  readonly #bySocket = new WeakMap<UserWebSocket, HibernatableSocket>()
  // Their close event is over and no Close frame was sent back: the program still may, as long as the
  // instance is there and the client waits.
  readonly #unanswered = new Set<HibernatableSocket>()
  #pruneAt = unansweredMin
  #autoResponse: WebSocketRequestResponsePair | undefined
  #eventTimeoutMs = 0

  constructor(options: HibernatableSocketsOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#sockets.size === 0
  }

  /**
   * @throws Error, with the reference's texts, when the socket or the pair is in use already, and for
   *   too many sockets or tags
   */
  accept(incarnation: Incarnation, webSocket: UserWebSocket, tags: readonly string[]): void {
    const connection = connectionOf(webSocket)
    if (connection.use === 'accepted' || connection.use === 'hibernatable') {
      throw new Error(
        'Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`',
      )
    }
    if (connection.use === 'passed-on' || connection.end.peerIsTaken) {
      throw new Error(
        'Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response.',
      )
    }
    if (this.#sockets.size >= socketsMax) {
      throw new Error(
        `only ${socketsMax} websockets can be accepted on a single Durable Object instance`,
      )
    }
    const distinct = requireTags(tags)
    connection.end.take()
    hibernateWebSocket(webSocket, incarnation)
    const socket = new HibernatableSocket(connection, distinct, (event) =>
      this.#deliver(socket, event),
    )
    socket.current = webSocket
    this.#bySocket.set(webSocket, socket)
    this.#sockets.add(socket)
    for (const tag of distinct) {
      const tagged = this.#byTag.get(tag)
      if (tagged === undefined) this.#byTag.set(tag, new Set([socket]))
      else tagged.add(socket)
    }
    connection.end.listen(socket.inbox.hear)
  }

  /** All sockets, newest first; or those with `tag`, in the order accepted (as the reference does). */
  list(incarnation: Incarnation, tag?: string): UserWebSocket[] {
    const found = tag === undefined ? [...this.#sockets].reverse() : (this.#byTag.get(tag) ?? [])
    return Array.from(found, (socket) => this.#forUser(socket, incarnation))
  }

  /** @throws Error when `webSocket` was not given to `accept` */
  tagsOf(webSocket: UserWebSocket): string[] {
    const socket = this.#bySocket.get(webSocket)
    if (socket !== undefined) return [...socket.tags]
    throw new Error(
      connectionOf(webSocket).use === 'accepted'
        ? 'only hibernatable websockets can have tags.'
        : "you must call 'acceptWebSocket()' before attempting to access the tags of a WebSocket.",
    )
  }

  get autoResponse(): WebSocketRequestResponsePair | undefined {
    return this.#autoResponse
  }

  /** @throws RangeError for a text that is too large */
  set autoResponse(pair: WebSocketRequestResponsePair | undefined) {
    if (pair !== undefined) requireAutoResponseSize(pair)
    this.#autoResponse = pair
  }

  autoResponseTimestamp(webSocket: UserWebSocket): Date | null {
    const at = this.#bySocket.get(webSocket)?.autoResponseAt
    return at === undefined ? null : new Date(at)
  }

  /** 0 when there is no limit. */
  get eventTimeoutMs(): number {
    return this.#eventTimeoutMs
  }

  set eventTimeoutMs(timeoutMs: number) {
    if (timeoutMs > eventTimeoutMsMax) {
      throw new Error(`Event timeout should not exceed ${eventTimeoutMsMax} ms.`)
    }
    this.#eventTimeoutMs = timeoutMs
  }

  /** The instance is gone: what it held of its sockets is of no use to the next one. */
  instanceDropped(): void {
    for (const socket of this.#sockets) socket.current = undefined
    for (const { connection } of this.#unanswered) connection.end.disconnect()
    this.#unanswered.clear()
  }

  /** Ends every connection without a Close frame. */
  disconnectAll(): void {
    for (const { connection } of [...this.#sockets, ...this.#unanswered]) {
      connection.end.disconnect()
    }
    this.#sockets.clear()
    this.#byTag.clear()
    this.#unanswered.clear()
  }

  #deliver(socket: HibernatableSocket, event: SocketEvent): boolean {
    if (event.kind === 'message' && this.#answersItself(socket, event.data)) return false
    try {
      const incarnation = this.#options.wake()
      incarnation.deliverEvent(`${handlerOf(event)}()`, this.#eventTimeoutMs, (instance) =>
        this.#handle(socket, incarnation, instance),
      )
      return true
    } catch (error) {
      // The object cannot be loaded: its client must not believe that it was heard.
      this.#options.report('Cannot deliver a WebSocket event', error)
      socket.connection.end.disconnect()
      this.#forget(socket)
      return false
    }
  }

  // [WS9] The answer is not gated itself, but waits behind frames of this socket that are.
  #answersItself(socket: HibernatableSocket, data: string | ArrayBuffer): boolean {
    const pair = this.#autoResponse
    if (pair === undefined || data !== pair.request) return false
    const { connection } = socket
    if (connection.closedOutgoing) return true
    socket.autoResponseAt = this.#options.clock.unixMs()
    connection.outbox.sendUngated({ kind: 'message', data: pair.response })
    return true
  }

  #handle(socket: HibernatableSocket, incarnation: Incarnation, instance: object): unknown {
    const event = socket.inbox.take()
    socket.connection.note(event)
    // Still listed while the handler's own turn lasts.
    if (event.kind !== 'message') runAsHost(() => this.#forget(socket))
    const method: unknown = Reflect.get(instance, handlerOf(event))
    if (typeof method !== 'function') return undefined
    const webSocket = this.#forUser(socket, incarnation)
    return Reflect.apply(method, instance, [webSocket, ...valuesOf(event)])
  }

  #forUser(socket: HibernatableSocket, incarnation: Incarnation): UserWebSocket {
    if (socket.current === undefined) {
      socket.current = new UserWebSocket(socket.connection)
      hibernateWebSocket(socket.current, incarnation)
      this.#bySocket.set(socket.current, socket)
    }
    return socket.current
  }

  #forget(socket: HibernatableSocket): void {
    this.#sockets.delete(socket)
    for (const tag of socket.tags) {
      const tagged = this.#byTag.get(tag)
      tagged?.delete(socket)
      if (tagged?.size === 0) this.#byTag.delete(tag)
    }
    const { closedOutgoing, isLost } = socket.connection
    if (!closedOutgoing && !isLost) this.#unanswered.add(socket)
    if (this.#unanswered.size >= this.#pruneAt) this.#prune()
  }

  #prune(): void {
    for (const socket of this.#unanswered) {
      if (socket.connection.end.isOver) this.#unanswered.delete(socket)
    }
    this.#pruneAt = Math.max(unansweredMin, 2 * this.#unanswered.size)
  }
}

class HibernatableSocket {
  readonly connection: Connection
  readonly tags: readonly string[]
  readonly inbox: Inbox
  autoResponseAt: number | undefined
  /** What the instance in memory holds of it. */
  current: UserWebSocket | undefined

  constructor(
    connection: Connection,
    tags: readonly string[],
    deliver: (event: SocketEvent) => boolean,
  ) {
    this.connection = connection
    this.tags = tags
    this.inbox = new Inbox(connection.end, deliver)
  }
}

function handlerOf(event: SocketEvent): 'webSocketMessage' | 'webSocketClose' | 'webSocketError' {
  if (event.kind === 'message') return 'webSocketMessage'
  return event.kind === 'lost' && event.error !== undefined ? 'webSocketError' : 'webSocketClose'
}

function valuesOf(event: SocketEvent): unknown[] {
  switch (event.kind) {
    case 'message':
      return [event.data]
    case 'closed':
      return [event.code, event.reason, true]
    case 'lost':
      return event.error === undefined ? [lostCode, lostReason, false] : [event.error]
  }
}

function requireTags(tags: readonly string[]): string[] {
  const distinct = [...new Set(tags.map(String))]
  if (distinct.length > tagsMax) {
    throw new Error(`a Hibernatable WebSocket cannot have more than ${tagsMax} tags`)
  }
  for (const tag of distinct) {
    // The reference measures bytes and says characters.
    if (Buffer.byteLength(tag) > tagBytesMax) {
      throw new Error(`"${tag}" is longer than the max tag length (${tagBytesMax} characters).`)
    }
  }
  return distinct
}

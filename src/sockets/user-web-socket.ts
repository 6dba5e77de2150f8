import { codeOwner, currentTurn, type Owner, runAsHost } from '../turns/index.ts'
import { decodeAttachment, encodeAttachment } from './attachment.ts'
import { Connection } from './connection.ts'
import { Inbox } from './inbox.ts'
import { SocketEnd, type SocketEvent } from './socket-end.ts'
import {
  SocketCloseEvent,
  SocketErrorEvent,
  SocketEventTarget,
  SocketMessageEvent,
} from './socket-events.ts'

const closeReasonBytesMax = 123
const lostCode = 1006
/** The reference's words for a connection that ended without a Close frame. */
export const lostReason = 'WebSocket disconnected without sending Close frame.'
const noCode = 1005

let connectionOf: (socket: UserWebSocket) => Connection
let adopt: (socket: UserWebSocket, owner: Owner) => void

/**
 * `WebSocket` as user code sees it: one end of a WebSocketPair, or of the pair behind a response with
 * status 101. The embedding program gets the same class, without gates.
 *
 * Accepted, it hears through the critical section in which it was accepted, and keeps its object in
 * memory until the connection is over. [WS4, WS5]
 */
export class UserWebSocket extends SocketEventTarget {
  static readonly CONNECTING = 0
  static readonly OPEN = 1
  static readonly CLOSING = 2
  static readonly CLOSED = 3
  static readonly READY_STATE_CONNECTING = 0
  static readonly READY_STATE_OPEN = 1
  static readonly READY_STATE_CLOSING = 2
  static readonly READY_STATE_CLOSED = 3

  static {
    connectionOf = (socket) => socket.#connection
    adopt = (socket, owner) => {
      socket.#connection.use = 'hibernatable'
      socket.#owner = owner
    }
    for (const name of Object.keys(UserWebSocket)) {
      const value: unknown = Reflect.get(UserWebSocket, name)
      Object.defineProperty(UserWebSocket.prototype, name, { value, enumerable: true })
    }
    Object.defineProperty(UserWebSocket, 'name', { value: 'WebSocket', configurable: true })
  }

  readonly #connection: Connection
  // Who accepted it; undefined for the embedding program.
  #owner: Owner | undefined
  #binaryType: 'blob' | 'arraybuffer'
  // Called once, when nothing will be heard any more.
  #over: (() => void) | undefined

  /** @param connection made by the runtime: user code cannot open sockets yet */
  constructor(connection: unknown) {
    super()
    if (!(connection instanceof Connection)) {
      throw new Error(
        'Cannot open a WebSocket: new WebSocket(url) is not supported yet, only WebSocketPair and responses with a webSocket are',
      )
    }
    this.#connection = connection
    const owner = ownerHere()
    this.#binaryType = owner?.compatibility.blobFrames === true ? 'blob' : 'arraybuffer'
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#connection.readyState
  }

  get url(): null {
    return null
  }

  get protocol(): string {
    return this.#connection.protocol
  }

  get extensions(): string {
    return this.#connection.extensions
  }

  get bufferedAmount(): number {
    return 0
  }

  /** How binary frames arrive at an accepted socket; a hibernatable one always gets ArrayBuffers. */
  get binaryType(): 'blob' | 'arraybuffer' {
    return this.#binaryType
  }

  set binaryType(type: 'blob' | 'arraybuffer') {
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocket'
  }

  /**
   * Takes this end into use. What has arrived before is delivered now.
   *
   * @param options.allowHalfOpen leaves the answer to a Close frame to the program
   * @throws TypeError when it hibernates or was passed on
   */
  accept(options: { allowHalfOpen?: boolean } = {}): void {
    const connection = this.#connection
    if (connection.use === 'hibernatable') {
      throw new TypeError("Can't accept() WebSocket after enabling hibernation.")
    }
    if (connection.use === 'passed-on') {
      throw new TypeError("Can't accept() WebSocket that was already used in a response.")
    }
    if (connection.use === 'accepted') return
    const owner = ownerHere()
    if (owner !== undefined && owner.openSockets >= owner.openSocketsMax) {
      throw new Error(
        `only ${owner.openSocketsMax} non-hibernatable websockets can be open on a single Durable Object instance`,
      )
    }
    connection.use = 'accepted'
    connection.end.take()
    this.#owner = owner
    const autoReply =
      options.allowHalfOpen === undefined
        ? owner?.compatibility.autoReplyToClose !== false
        : !options.allowHalfOpen
    if (owner === undefined) {
      connection.end.listen((event) =>
        runAsHost(() => {
          if (event.kind === 'message') connection.end.taken(event.data)
          this.#hear(event, autoReply)
        }),
      )
      return
    }
    const entry = owner.entry()
    // One function for all messages: which one it is, the inbox knows.
    const hear = (): void => this.#hear(inbox.take(), autoReply)
    const inbox = new Inbox(connection.end, () => {
      entry.deliverLater(hear)
      return true
    })
    owner.waitStarted()
    owner.openSockets += 1
    const stopListening = owner.onBroken(() => connection.end.disconnect())
    this.#over = () => {
      stopListening()
      owner.openSockets -= 1
      owner.waitEnded()
    }
    connection.end.listen(inbox.hear)
  }

  /**
   * Sends one frame: it leaves when everything that was written before this call is confirmed. After
   * the connection was lost, nothing happens.
   *
   * @throws TypeError before accept(), or after close()
   */
  send(message: unknown): void {
    if (arguments.length === 0) {
      throw new TypeError(
        "Failed to execute 'send' on 'WebSocket': parameter 1 is not of type 'ArrayBuffer or ArrayBufferView or string'.",
      )
    }
    const connection = this.#connection
    if (connection.closedOutgoing) {
      throw new TypeError("Can't call WebSocket send() after close().")
    }
    if (this.#isDeaf()) return
    this.#requireOwn()
    connection.outbox.send(this.#owner, { kind: 'message', data: copyOf(message) })
  }

  /**
   * Sends a Close frame, behind the frames sent before. A second call does nothing.
   *
   * @throws InvalidAccessError, SyntaxError (DOMExceptions) for a code or reason that may not be sent
   */
  close(code?: number, reason?: string): void {
    const limit = ownerHere()?.compatibility.limitsCloseReason !== false
    const frame = closeFrame(code, reason, limit)
    const connection = this.#connection
    if (connection.closedOutgoing || this.#isDeaf()) return
    this.#requireOwn()
    this.#sendClose(frame.code, frame.reason)
  }

  /** Keeps a copy of `value` with this socket, also while its object hibernates. */
  serializeAttachment(value: unknown): void {
    this.#connection.attachment = encodeAttachment(value)
  }

  /** A copy of what was kept; null when there is nothing. */
  deserializeAttachment(): unknown {
    const { attachment } = this.#connection
    return attachment === undefined ? null : decodeAttachment(attachment)
  }

  #sendClose(code: number, reason: string): void {
    const connection = this.#connection
    connection.closedOutgoing = true
    connection.outbox.send(this.#owner, { kind: 'closed', code, reason })
    if (connection.closedIncoming) this.#end()
  }

  // Sends after the connection has ended, and through an object that was passed on, go nowhere.
  #isDeaf(): boolean {
    const { isLost, hasFailed, use } = this.#connection
    if (isLost || hasFailed || use === 'passed-on') return true
    if (use === 'new') {
      throw new TypeError(
        'You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.',
      )
    }
    return false
  }

  // The frames of one socket wait at one gate: code of another owner may not send by it. [WS6]
  #requireOwn(): void {
    const here = ownerHere()
    if (here !== this.#owner && here !== undefined) {
      throw new Error(
        'Cannot perform I/O on behalf of a different Durable Object. I/O objects (such as streams, request/response bodies, and others) created in the context of one Durable Object cannot be accessed from a different Durable Object in the same isolate. This is a limitation of Cloudflare Workers which allows us to improve overall performance.',
      )
    }
  }

  #hear(event: SocketEvent, autoReply: boolean): void {
    const connection = this.#connection
    if (event.kind === 'message') {
      if (connection.hasFailed) return
      const data =
        this.#binaryType === 'blob' && typeof event.data !== 'string'
          ? new Blob([event.data])
          : event.data
      this.#dispatch(new SocketMessageEvent(this, data))
      return
    }
    if (event.kind === 'closed') {
      connection.note(event)
      if (autoReply && !connection.closedOutgoing) this.#sendClose(event.code, event.reason)
      this.#dispatch(new SocketCloseEvent(this, event.code, event.reason, true))
      if (connection.closedOutgoing) this.#end()
      return
    }
    this.#end()
    if (event.error !== undefined) {
      connection.note(event)
      this.#dispatch(new SocketErrorEvent(this, event.error))
      return
    }
    this.#dispatch(new SocketCloseEvent(this, lostCode, lostReason, false))
    connection.note(event)
  }

  // A listener that throws fails its socket: an error event here, a lost connection there. [WS7]
  #dispatch(event: object): void {
    try {
      this.dispatchEvent(event)
    } catch (error) {
      this.#owner?.uncaught(error)
      if (this.#connection.hasFailed) return
      this.#connection.hasFailed = true
      this.#connection.end.disconnect()
      this.#end()
      this.#dispatch(new SocketErrorEvent(this, error))
      if (this.#owner === undefined) throw error
    }
  }

  #end(): void {
    const over = this.#over
    this.#over = undefined
    over?.()
  }
}

/** Both ends of a socket (reference, API checklist). */
export class WebSocketPair {
  readonly 0: UserWebSocket
  readonly 1: UserWebSocket

  constructor() {
    const [first, second] = SocketEnd.pair()
    this[0] = new UserWebSocket(new Connection(first))
    this[1] = new UserWebSocket(new Connection(second))
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocketPair'
  }

  *[Symbol.iterator](): Generator<UserWebSocket> {
    yield this[0]
    yield this[1]
  }
}

/** The socket of a response that came from elsewhere. */
export function receiveWebSocket(end: SocketEnd, protocol: string): UserWebSocket {
  const connection = new Connection(end)
  connection.protocol = protocol
  return new UserWebSocket(connection)
}

/**
 * Hands a socket on in a response; the object that user code holds is of no more use.
 *
 * @throws TypeError when it was accepted or handed on before
 */
export function passOnWebSocket(socket: UserWebSocket): SocketEnd {
  const connection = connectionOf(socket)
  switch (connection.use) {
    case 'accepted':
      throw new TypeError("Can't return WebSocket in a Response after calling accept().")
    case 'hibernatable':
      throw new TypeError("Can't return WebSocket in a Response after calling acceptWebSocket().")
    case 'passed-on':
      throw new TypeError("Can't return WebSocket that was already used in a response.")
    case 'new':
      connection.use = 'passed-on'
      connection.end.take()
      return connection.end
  }
}

/** Gives a socket to the object that keeps it while hibernating. */
export function hibernateWebSocket(socket: UserWebSocket, owner: Owner): void {
  adopt(socket, owner)
}

export { connectionOf }

function ownerHere(): Owner | undefined {
  return codeOwner.getStore() ?? currentTurn()?.owner
}

function copyOf(message: unknown): string | ArrayBuffer {
  if (typeof message === 'string') return message
  if (message instanceof ArrayBuffer) return message.slice(0)
  if (ArrayBuffer.isView(message)) {
    const { buffer, byteOffset, byteLength } = message
    return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  }
  return String(message)
}

function closeFrame(
  code: unknown,
  reason: unknown,
  limitsReason: boolean,
): { code: number; reason: string } {
  if (code === undefined) {
    if (reason === undefined) return { code: noCode, reason: '' }
    throw new DOMException(
      'If you specify a WebSocket close reason, you must also specify a code.',
      'InvalidAccessError',
    )
  }
  const number = Math.trunc(Number(code)) || 0
  const mayBeSent =
    number >= 1000 && number < 5000 && ![1004, noCode, lostCode, 1015].includes(number)
  if (!mayBeSent) {
    throw new DOMException(`Invalid WebSocket close code: ${number}.`, 'InvalidAccessError')
  }
  const text = reason === undefined ? '' : String(reason)
  if (limitsReason && Buffer.byteLength(text) > closeReasonBytesMax) {
    throw new DOMException(
      'WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.',
      'SyntaxError',
    )
  }
  return { code: number, reason: text }
}

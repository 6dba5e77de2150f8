import { Body, type BodyMessage, extractContent, GivenContent } from './body.ts'
import { native } from './native.ts'
import {
  passOnWebSocket,
  receiveWebSocket,
  type SocketEnd,
  UserWebSocket,
} from '../sockets/index.ts'
import type { Owner } from '../turns/index.ts'

/** A response between two owners, or between an owner and the host. */
export interface ResponseMessage {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: BodyMessage
  readonly url: string
  readonly redirected: boolean
  /** With status 101: the receiver's end of the socket. */
  readonly webSocket?: SocketEnd
}

export interface UserResponseInit {
  status?: number
  statusText?: string
  headers?: NonNullable<ResponseInit['headers']>
  cf?: unknown
  webSocket?: unknown
  encodeBody?: 'automatic' | 'manual'
}

const nullBodyStatuses: ReadonlySet<number> = new Set([101, 204, 205, 304])

/**
 * `Response` as user code sees it. An instance of Node's own class by prototype (so `instanceof`
 * holds), but a cheap one: nothing is built before somebody asks for it.
 */
export class UserResponse extends Body {
  #headers: Headers | undefined
  // What `#headers` is made from when it is asked for.
  #pairs: readonly (readonly [string, string])[]
  #status: number
  #statusText: string
  #url = ''
  #redirected = false
  #type: 'default' | 'error' = 'default'
  #webSocket: UserWebSocket | null = null

  constructor(body?: unknown, init: UserResponseInit = {}) {
    const { content, contentType } = extractContent(body)
    super(content)
    const webSocket = webSocketOf(init)
    const status = init.status === undefined ? 200 : Number(init.status)
    if (webSocket !== null && status !== 101) {
      throw new RangeError('Responses with a WebSocket must have status code 101.')
    }
    const isInRange = status >= 200 && status <= 599
    if (!Number.isInteger(status) || !(isInRange || webSocket !== null)) {
      throw new RangeError(
        'Responses may only be constructed with status codes in the range 200 to 599, inclusive.',
      )
    }
    if (content.kind !== 'none' && nullBodyStatuses.has(status)) {
      throw new TypeError(
        `Response with null body status (101, 204, 205, or 304) cannot have a body.`,
      )
    }
    this.#webSocket = webSocket
    this.#status = status
    this.#statusText = init.statusText === undefined ? '' : String(init.statusText)
    this.#pairs = []
    if (init.headers !== undefined) {
      this.#headers = new native.Headers(init.headers)
      if (contentType !== null && !this.#headers.has('content-type')) {
        this.#headers.set('content-type', contentType)
      }
    } else if (contentType !== null) this.#pairs = [['content-type', contentType]]
  }

  static json(value: unknown, init: UserResponseInit = {}): UserResponse {
    const text = JSON.stringify(value)
    if (text === undefined) throw new TypeError('Value is not JSON serializable')
    const headers = new native.Headers(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return new UserResponse(text, { ...init, headers })
  }

  static redirect(url: string | URL, status = 302): UserResponse {
    if (![301, 302, 303, 307, 308].includes(status)) {
      throw new RangeError(`Invalid status code ${status}`)
    }
    return new UserResponse(null, { status, headers: { location: new URL(url).href } })
  }

  static error(): UserResponse {
    const response = new UserResponse(null)
    response.#type = 'error'
    response.#status = 0
    return response
  }

  /** A response that came from elsewhere. */
  static receive(message: ResponseMessage): UserResponse {
    const response = new UserResponse(new GivenContent(message.body))
    response.#setHead(message)
    if (message.webSocket !== undefined) {
      const protocol = response.headers.get('sec-websocket-protocol') ?? ''
      response.#webSocket = receiveWebSocket(message.webSocket, protocol)
    }
    return response
  }

  #setHead(head: Omit<ResponseMessage, 'body'>): void {
    this.#status = head.status
    this.#statusText = head.statusText
    this.#pairs = head.headers
    this.#url = head.url
    this.#redirected = head.redirected
  }

  get headers(): Headers {
    this.#headers ??= new native.Headers(this.#pairs as [string, string][])
    return this.#headers
  }

  get status(): number {
    return this.#status
  }

  get statusText(): string {
    return this.#statusText
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299
  }

  get url(): string {
    return this.#url
  }

  get redirected(): boolean {
    return this.#redirected
  }

  get type(): 'default' | 'error' {
    return this.#type
  }

  /** The client's end of the socket, of a response with status 101. */
  get webSocket(): UserWebSocket | null {
    return this.#webSocket
  }

  clone(): UserResponse {
    if (this.#webSocket !== null) {
      throw new TypeError('Cannot clone a response to a WebSocket handshake.')
    }
    const copy = new UserResponse(new GivenContent(this.forkContent()))
    copy.#setHead(this.#head())
    return copy
  }

  /** Hands this response on; its body is used up. */
  take(owner: Owner | undefined): ResponseMessage {
    const message = { ...this.#head(), body: this.takeBody(owner) }
    if (this.#webSocket === null) return message
    const statusText = this.#statusText === '' ? 'Switching Protocols' : this.#statusText
    return { ...message, statusText, webSocket: passOnWebSocket(this.#webSocket) }
  }

  #head(): Omit<ResponseMessage, 'body'> {
    return {
      status: this.#status,
      statusText: this.#statusText,
      headers: this.#headers === undefined ? this.#pairs : [...this.#headers],
      url: this.#url,
      redirected: this.#redirected,
    }
  }
}

function webSocketOf({ webSocket }: UserResponseInit): UserWebSocket | null {
  if (webSocket === undefined || webSocket === null) return null
  if (webSocket instanceof UserWebSocket) return webSocket
  throw new TypeError(
    "Incorrect type for the 'webSocket' field on 'InitializerDict': the provided value is not of type 'WebSocket'.",
  )
}

import { Body, type BodyMessage, extractContent, GivenContent } from './body.ts'
import { native } from './native.ts'
import type { Owner } from '../turns/index.ts'

type RequestRedirect = 'error' | 'follow' | 'manual'

/** A request between two owners, or between an owner and the host. */
export interface RequestMessage {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: BodyMessage
  readonly redirect: RequestRedirect
  readonly cf?: unknown
}

export interface UserRequestInit {
  method?: string
  headers?: NonNullable<RequestInit['headers']>
  body?: unknown
  redirect?: RequestRedirect
  signal?: AbortSignal | null
  cf?: unknown
}

const normalizedMethods: ReadonlySet<string> = new Set([
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'POST',
  'PUT',
])
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** `Request` as user code sees it; see `UserResponse` for why it is not Node's own. */
export class UserRequest extends Body {
  #url: string
  #method: string
  #headers: Headers | undefined
  #pairs: readonly (readonly [string, string])[]
  #redirect: RequestRedirect
  #signal: AbortSignal | undefined
  #cf: unknown

  constructor(input: unknown, init: UserRequestInit = {}) {
    const source = input instanceof UserRequest ? input : undefined
    const method = normalizeMethod(init.method ?? source?.method ?? 'GET')
    const extracted = extractContent(init.body)
    const content =
      init.body === undefined && source !== undefined ? source.moveContent() : extracted.content
    if (content.kind !== 'none' && (method === 'GET' || method === 'HEAD')) {
      throw new TypeError('Request with a GET or HEAD method cannot have a body.')
    }
    super(content)
    this.#url = source?.url ?? (input instanceof KnownUrl ? String(input) : parseUrl(String(input)))
    this.#method = method
    this.#redirect = init.redirect ?? source?.redirect ?? 'follow'
    this.#signal = init.signal ?? source?.givenSignal
    this.#cf = init.cf ?? source?.cf
    this.#pairs = []
    const headers = init.headers ?? source?.headers
    if (headers !== undefined) this.#headers = new native.Headers(headers)
    if (extracted.contentType !== null && !this.headers.has('content-type')) {
      this.headers.set('content-type', extracted.contentType)
    }
  }

  /** A request that came from elsewhere. */
  static receive(message: RequestMessage, signal?: AbortSignal): UserRequest {
    const init = { method: 'POST', body: new GivenContent(message.body) }
    const request = new UserRequest(new KnownUrl(message.url), init)
    request.#method = message.method
    request.#pairs = message.headers
    request.#redirect = message.redirect
    request.#cf = message.cf
    request.#signal = signal
    return request
  }

  get url(): string {
    return this.#url
  }

  get method(): string {
    return this.#method
  }

  get headers(): Headers {
    this.#headers ??= new native.Headers(this.#pairs as [string, string][])
    return this.#headers
  }

  get redirect(): RequestRedirect {
    return this.#redirect
  }

  /** The signal, unless nobody has one that could abort. */
  get givenSignal(): AbortSignal | undefined {
    return this.#signal
  }

  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal
    return this.#signal
  }

  get cf(): unknown {
    return this.#cf
  }

  get cache(): string {
    return 'default'
  }

  get credentials(): string {
    return 'same-origin'
  }

  get destination(): '' {
    return ''
  }

  get duplex(): 'half' {
    return 'half'
  }

  get integrity(): string {
    return ''
  }

  get keepalive(): boolean {
    return false
  }

  get mode(): string {
    return 'cors'
  }

  get referrer(): string {
    return 'about:client'
  }

  get referrerPolicy(): string {
    return ''
  }

  clone(): UserRequest {
    const copy = new UserRequest(new KnownUrl(this.#url), {
      method: 'POST',
      body: new GivenContent(this.forkContent()),
      headers: this.headers,
      redirect: this.#redirect,
      cf: this.#cf,
    })
    copy.#method = this.#method
    copy.#signal = this.#signal
    return copy
  }

  /** Hands this request on; its body is used up. */
  take(owner: Owner | undefined): RequestMessage {
    return {
      url: this.#url,
      method: this.#method,
      headers: this.#headers === undefined ? this.#pairs : [...this.#headers],
      body: this.takeBody(owner),
      redirect: this.#redirect,
      ...(this.#cf === undefined ? {} : { cf: this.#cf }),
    }
  }
}

/** A URL that was parsed before. */
class KnownUrl {
  readonly #href: string

  constructor(href: string) {
    this.#href = href
  }

  toString(): string {
    return this.#href
  }
}

function parseUrl(text: string): string {
  if (!URL.canParse(text)) throw new TypeError(`Invalid URL: ${text}`)
  return new URL(text).href
}

function normalizeMethod(method: string): string {
  const text = String(method)
  const upper = text.toUpperCase()
  if (normalizedMethods.has(upper)) return upper
  if (!token.test(text) || ['CONNECT', 'TRACE', 'TRACK'].includes(upper)) {
    throw new TypeError(`Invalid HTTP method string: ${text}`)
  }
  return text
}

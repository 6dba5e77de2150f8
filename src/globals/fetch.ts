import { type Owner, runAsHost } from '../turns/index.ts'
import { type BodyMessage } from './body.ts'
import { hostStreamOf, sourceOfHostStream } from './byte-source.ts'
import { exchangeUnder, withLength } from './exchange.ts'
import { gatedPromise } from './gated.ts'
import { native } from './native.ts'
import { type RequestMessage, UserRequest, type UserRequestInit } from './request.ts'
import { type ResponseMessage, UserResponse } from './response.ts'

/**
 * `fetch` of user code: the request leaves through the output gate, the response is a delivered
 * event. [EG5, GL1, SM9]
 *
 * @throws TypeError (as a rejection) for a bad URL or when the network fails
 */
export function userFetch(
  owner: Owner,
  input: unknown,
  init?: UserRequestInit,
): Promise<UserResponse> {
  let request: UserRequest
  let message: RequestMessage
  try {
    request = new UserRequest(toUserRequest(input), init)
    message = request.take(owner)
  } catch (error) {
    return Promise.reject(error as Error)
  }
  const signal = request.givenSignal
  if (signal === undefined) return sendToHost(owner, message).then(UserResponse.receive)
  const control = new AbortController()
  return exchangeUnder(
    signal,
    owner,
    message,
    (tied) => sendToHost(owner, tied, { asked: signal, host: control.signal }),
    () => runAsHost(() => control.abort(signal.reason)),
  )
}

function sendToHost(
  owner: Owner,
  message: RequestMessage,
  signals?: { readonly asked: AbortSignal; readonly host: AbortSignal },
): Promise<ResponseMessage> {
  const { promise, resolve, reject } = gatedPromise<ResponseMessage>(owner)
  const send = async (): Promise<void> => {
    try {
      signals?.asked.throwIfAborted()
      const response = await native.fetch(message.url, hostInit(message, signals?.host))
      resolve(() => receiveDecoded(response))
    } catch (error) {
      reject(error)
    }
  }
  // Issued here and now: only what was written before this call holds it.
  owner.egress({ released: () => runAsHost(() => void send()), dropped: reject })
  return promise
}

/** User code may hold a Node Request, made by a library before the globals were patched. */
export function toUserRequest(input: unknown): unknown {
  if (!(input instanceof native.Request) || input instanceof UserRequest) return input
  return UserRequest.receive(messageOfHostRequest(input), input.signal)
}

export function messageOfHostRequest(request: Request): RequestMessage {
  return {
    url: request.url,
    method: request.method,
    headers: [...request.headers],
    body: bodyOfHost(request.body),
    redirect: request.redirect,
  }
}

/** A response of the host as a message; its body is pulled on demand. */
export function receiveHost(response: Response): ResponseMessage {
  return {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers],
    body: bodyOfHost(response.body),
    url: response.url,
    redirected: response.redirected,
  }
}

/** What the host's own fetch, Request and Response take for a body. */
export function hostBodyOf(
  body: BodyMessage,
): string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null {
  switch (body.kind) {
    case 'none':
      return null
    case 'text':
      return body.text
    case 'bytes':
      return body.bytes as Uint8Array<ArrayBuffer>
    case 'source':
      return hostStreamOf(body.source)
  }
}

function hostInit(message: RequestMessage, signal: AbortSignal | undefined): RequestInit {
  // The host knows the length of text and bytes itself.
  const { headers } = message.body.kind === 'source' ? withLength(message) : message
  return {
    method: message.method,
    headers: headers as [string, string][],
    body: hostBodyOf(message.body),
    redirect: message.redirect,
    signal: signal ?? null,
    duplex: 'half',
  } as RequestInit
}

function bodyOfHost(stream: ReadableStream<Uint8Array> | null): BodyMessage {
  if (stream === null) return { kind: 'none' }
  return { kind: 'source', source: sourceOfHostStream(stream) }
}

// The host undoes the encoding of a body; handed on, its bytes must not claim to be encoded. [SM10]
function receiveDecoded(response: Response): ResponseMessage {
  const message = receiveHost(response)
  if (message.body.kind !== 'source') return message
  if (response.headers.has('content-encoding')) {
    const headers = message.headers.filter(
      ([name]) => name !== 'content-encoding' && name !== 'content-length',
    )
    return { ...message, headers }
  }
  const length = response.headers.get('content-length')
  if (length === null) return message
  return { ...message, body: { ...message.body, length: Number(length) } }
}

import { type Owner, runAsHost } from '../turns/index.ts'
import { type BodyMessage } from './body.ts'
import { hostStreamOf, sourceOfHostStream } from './byte-source.ts'
import { gatedPromise } from './gated.ts'
import { native } from './native.ts'
import { type RequestMessage, UserRequest, type UserRequestInit } from './request.ts'
import { type ResponseMessage, UserResponse } from './response.ts'

/**
 * `fetch` of user code: the request leaves through the output gate, the response is a delivered
 * event. [EG5, GL1]
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
  const abort = new AbortController()
  const stopAborting = abortThroughGate(owner, request.signal, abort)
  const { promise, resolve, reject } = gatedPromise<UserResponse>(owner)
  const send = async (): Promise<void> => {
    try {
      const response = await native.fetch(message.url, hostInit(message, abort.signal))
      resolve(() => UserResponse.receive(receiveHost(response)))
    } catch (error) {
      reject(error)
    }
  }
  // Issued here and now: only what was written before this call holds it.
  owner.egress({ released: () => runAsHost(() => void send()), dropped: reject })
  return promise.finally(stopAborting)
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

function hostInit(message: RequestMessage, signal: AbortSignal): RequestInit {
  return {
    method: message.method,
    headers: message.headers as [string, string][],
    body: hostBodyOf(message.body),
    redirect: message.redirect,
    signal,
    duplex: 'half',
  } as RequestInit
}

function bodyOfHost(stream: ReadableStream<Uint8Array> | null): BodyMessage {
  if (stream === null) return { kind: 'none' }
  return { kind: 'source', source: sourceOfHostStream(stream) }
}

// An abort is a message too: the server sees the connection close. It waits at the gate as well.
function abortThroughGate(owner: Owner, signal: AbortSignal, abort: AbortController): () => void {
  const pass = (): void => {
    const send = (): void => runAsHost(() => abort.abort(signal.reason))
    owner.egress({ released: send, dropped: send })
  }
  if (signal.aborted) pass()
  else signal.addEventListener('abort', pass, { once: true })
  return () => signal.removeEventListener('abort', pass)
}

// What a request and its response owe each other while both are under way.

import type { Owner } from '../turns/index.ts'
import type { BodyMessage } from './body.ts'
import { connectionLost, CutSource } from './byte-source.ts'
import { ownerHere } from './gated.ts'
import type { RequestMessage } from './request.ts'
import { type ResponseMessage, UserResponse } from './response.ts'

/** A request whose body can be read until it is answered. */
export interface LentRequest {
  readonly message: RequestMessage
  /** Takes note of the answer, inside the turn that packs it; to be sent in its place. */
  answered(response: ResponseMessage): ResponseMessage
}

/**
 * Lends a request to a handler: when the last byte of the answer has left, what the handler has not
 * read of the body is not wanted any more, and whoever sends it is told. [SM8]
 */
export function lendRequest(message: RequestMessage): LentRequest {
  const { body } = message
  if (body.kind !== 'source') return { message, answered: (response) => response }
  const lent = new CutSource(body.source)
  const end = (): void => {
    const text = "Can't read from request stream after response has been sent."
    lent.cut({ kind: 'error', error: new TypeError(text) }, connectionLost())
  }
  return {
    message: { ...message, body: { ...body, source: lent } },
    answered: (response) => {
      if (response.body.kind === 'source') {
        const source = new CutSource(response.body.source, end)
        return { ...response, body: { ...response.body, source } }
      }
      const owner = ownerHere()
      if (owner === undefined) end()
      else owner.egress({ released: end, dropped: end })
      return response
    },
  }
}

/** `message` with the `content-length` of its body, or with none when that is not known. [SM10] */
export function withLength(message: RequestMessage): RequestMessage {
  if (message.body.kind === 'none') return message
  const length = lengthOf(message.body)
  const headers = message.headers.filter(([name]) => name !== 'content-length')
  if (length !== undefined) headers.push(['content-length', String(length)])
  return { ...message, headers }
}

export function lengthOf(body: BodyMessage): number | undefined {
  switch (body.kind) {
    case 'none':
      return undefined
    case 'text':
      return Buffer.byteLength(body.text)
    case 'bytes':
      return body.bytes.byteLength
    case 'source':
      return body.length
  }
}

/**
 * Sends `message` under the signal of its request. When that aborts, the promise and reads of the
 * response reject with its reason; the other side learns of it through the gate. [SM9]
 *
 * @param start sends the request; must not when the signal has aborted by then
 * @param tell called when the abort has passed the gate
 */
export function exchangeUnder(
  signal: AbortSignal,
  owner: Owner,
  message: RequestMessage,
  start: (message: RequestMessage) => Promise<ResponseMessage>,
  tell: () => void = () => {},
): Promise<UserResponse> {
  if (signal.aborted) return Promise.reject(signal.reason as Error)
  const entry = owner.entry()
  const { promise, resolve, reject } = Promise.withResolvers<UserResponse>()
  const { body } = message
  const sent = body.kind === 'source' ? new CutSource(body.source) : undefined
  let received: CutSource | undefined
  const stopListening = (): void => signal.removeEventListener('abort', aborted)
  const aborted = (): void =>
    entry.deliver(() => {
      const { reason } = signal
      const failed = { kind: 'error', error: reason } as const
      reject(reason as Error)
      received?.cut(failed, connectionLost(), owner)
      const cut = (): void => {
        sent?.cut({ kind: 'error', error: connectionLost() }, reason)
        tell()
      }
      owner.egress({ released: cut, dropped: cut })
    })
  signal.addEventListener('abort', aborted, { once: true })
  const request = sent === undefined ? message : { ...message, body: { ...body, source: sent } }
  start(request as RequestMessage).then(
    (response) => {
      if (response.body.kind !== 'source') stopListening()
      else {
        received = new CutSource(response.body.source, stopListening)
        if (signal.aborted) received.cut({ kind: 'end' }, connectionLost(), owner)
        response = { ...response, body: { ...response.body, source: received } }
      }
      resolve(UserResponse.receive(response))
    },
    (error: unknown) => {
      stopListening()
      reject(error as Error)
    },
  )
  return promise
}

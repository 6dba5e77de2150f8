import {
  native,
  ownerHere,
  receiveHost,
  type RequestMessage,
  type ResponseMessage,
  UserResponse,
} from '../globals/index.ts'

/** Calls `fetch` of an instance or of a worker's default export. */
export function callFetch(handler: object, ...values: unknown[]): unknown {
  const method: unknown = Reflect.get(handler, 'fetch')
  if (typeof method !== 'function') {
    throw new Error('Handler does not export a fetch() function.')
  }
  return Reflect.apply(method, handler, values)
}

/** What a fetch handler returned, as a message; runs in the handler's turn. */
export function packResponse(value: unknown, request: RequestMessage): ResponseMessage {
  if (value instanceof UserResponse) {
    if (value.webSocket !== null && !asksForWebSocket(request)) {
      throw new TypeError(
        'Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".',
      )
    }
    return value.take(ownerHere())
  }
  // A Node Response, made by a library that was loaded before the globals were patched.
  if (value instanceof native.Response) return receiveHost(value)
  throw new TypeError("Incorrect type for Promise: the Promise did not resolve to 'Response'.")
}

function asksForWebSocket({ headers }: RequestMessage): boolean {
  return headers.some(([name, value]) => name === 'upgrade' && value.toLowerCase() === 'websocket')
}

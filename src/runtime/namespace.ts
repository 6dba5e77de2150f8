import {
  exchangeUnder,
  lendRequest,
  native,
  ownerHere,
  receiveHost,
  type RequestMessage,
  type ResponseMessage,
  toUserRequest,
  UserRequest,
  type UserRequestInit,
  UserResponse,
  withLength,
} from '../globals/index.ts'
import { IdFactory, type ObjectId } from '../names/index.ts'
import { type Callee, DurableObject, rpcTarget, sendCall } from '../objects/index.ts'
import { createObjectStub, lookupError } from '../rpc/index.ts'
import type { ObjectClass, ObjectTable, Resident } from './object-table.ts'

/** Answers where an object lives. The local answer is "here". */
export interface ObjectRouter {
  locate(objectClass: ObjectClass, id: ObjectId): Resident
}

export function localRouter(table: ObjectTable): ObjectRouter {
  return { locate: (objectClass, id) => table.resident(objectClass, id) }
}

/** `env.NAME` for a Durable Object class (reference 1.16). */
export class DurableObjectNamespace {
  readonly #ids: IdFactory
  readonly #class: ObjectClass
  readonly #router: ObjectRouter

  constructor(objectClass: ObjectClass, router: ObjectRouter) {
    this.#ids = new IdFactory(objectClass.uniqueKey)
    this.#class = objectClass
    this.#router = router
  }

  newUniqueId(): ObjectId {
    return this.#ids.newUniqueId()
  }

  idFromName(name: string): ObjectId {
    return this.#ids.idFromName(String(name))
  }

  idFromString(hex: string): ObjectId {
    return this.#ids.idFromString(String(hex))
  }

  /** A stub for the object `id`. Makes no call. `locationHint` is accepted and means nothing here. */
  get(id: ObjectId, _options?: unknown): object {
    this.#ids.requireOwn(id)
    return createStub(this.#class, this.#router, id)
  }

  getByName(name: string, options?: unknown): object {
    return this.get(this.idFromName(name), options)
  }
}

function createStub(objectClass: ObjectClass, router: ObjectRouter, id: ObjectId): object {
  let resident: Resident | undefined
  // [OB8] The stub stays with the resident it first used, unless that one was merely evicted.
  const findCallee = (): Resident => {
    if (resident === undefined || resident.isRetired) resident = router.locate(objectClass, id)
    return resident
  }
  const target = rpcTarget(findCallee, undefined, undefined, requireRpc)
  const stub = createObjectStub(target, {
    name: id.name,
    id,
    fetch: (input: unknown, init?: UserRequestInit) => fetchFrom(findCallee, input, init),
  })
  residents.set(stub, findCallee)
  return stub
}

const residents = new WeakMap<object, () => Resident>()

/** Where the calls of an object's stub go; undefined when `value` is no such stub. */
export function residentOf(value: unknown): Resident | undefined {
  return typeof value === 'object' && value !== null ? residents.get(value)?.() : undefined
}

/** Sends a request to the handler behind `findCallee`; the answer is a delivered event. */
async function fetchFrom(
  findCallee: () => Callee,
  input: unknown,
  init?: UserRequestInit,
): Promise<UserResponse> {
  const request = new UserRequest(toUserRequest(input), init)
  const owner = ownerHere()
  const message = withLength(request.take(owner))
  const signal = request.givenSignal
  if (signal === undefined || owner === undefined) {
    return sendRequest(findCallee, message, UserResponse.receive)
  }
  const findUnlessAborted = (): Callee => {
    signal.throwIfAborted()
    return findCallee()
  }
  return exchangeUnder(signal, owner, message, (tied) =>
    sendRequest(findUnlessAborted, tied, (response) => response),
  )
}

function sendRequest<T>(
  findCallee: () => Callee,
  message: RequestMessage,
  receive: (response: ResponseMessage) => T,
): Promise<T> {
  const lent = lendRequest(message)
  return sendCall(findCallee, {
    kind: 'fetch',
    invoke: (instance) => callFetch(instance, UserRequest.receive(lent.message)),
    pack: (value) => lent.answered(packResponse(value, message)),
    unpack: (packed) => receive(packed as ResponseMessage),
  })
}

/** Calls `fetch` of an instance or of a worker's default export. */
export function callFetch(handler: object, ...values: unknown[]): unknown {
  const method: unknown = Reflect.get(handler, 'fetch')
  if (typeof method !== 'function') {
    throw lookupError('Handler does not export a fetch() function.')
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

function requireRpc(instance: object): void {
  if (instance instanceof DurableObject) return
  throw lookupError(
    'The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module "cloudflare:workers".',
  )
}

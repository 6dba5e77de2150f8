import {
  definePlatformClass,
  defineReadonly,
  illegalInvocation,
  wrongParameter,
} from '../base/index.ts'
import {
  exchangeUnder,
  lendRequest,
  ownerHere,
  type RequestMessage,
  type ResponseMessage,
  toUserRequest,
  UserRequest,
  type UserRequestInit,
  UserResponse,
  withLength,
} from '../globals/index.ts'
import type { ObjectId } from '../names/index.ts'
import { type Callee, sendCall } from '../objects/index.ts'
import { callFetch, packResponse } from './fetch-handler.ts'

// Where the requests of a stub go. Keyed by what user code holds, which is a proxy of the class below.
const callees = new WeakMap<object, () => Callee>()

/** What all stubs of services and objects have; exported by `cloudflare:workers` for `instanceof`. */
export class ServiceStub {
  /** @internal User code cannot make stubs. */
  constructor(made?: symbol) {
    if (made !== maker) throw new TypeError('Illegal constructor')
  }

  /** Sends a request to the service or object; the answer is a delivered event. */
  async fetch(input?: unknown, init?: UserRequestInit): Promise<UserResponse> {
    const findCallee = callees.get(this)
    if (findCallee === undefined) throw illegalInvocation()
    if (input === undefined) throw wrongParameter('Fetcher', 'fetch', 1, 'Request or string')
    return fetchFrom(findCallee, input, init)
  }

  /** There are no sockets over TCP here. */
  connect(): never {
    throw new Error('Cannot connect(): TCP between services is not supported, only fetch() and RPC')
  }
}

const maker = Symbol('ServiceStub')

/** What a stub of an object is a proxy of. */
export class ObjectStub extends ServiceStub {
  declare readonly name: string | undefined
  declare readonly id: ObjectId

  constructor(id: ObjectId) {
    super(maker)
    defineReadonly(this, { name: id.name, id })
  }
}

/** What a stub of a worker's entrypoint is a proxy of. */
export class EntrypointStub extends ServiceStub {
  constructor() {
    super(maker)
  }
}

definePlatformClass(ServiceStub, 'ServiceStub')
definePlatformClass(ObjectStub, 'DurableObject')
definePlatformClass(EntrypointStub, 'ServiceStub')

/** Says where requests through `stub` go. */
export function fetchThrough(stub: object, findCallee: () => Callee): void {
  callees.set(stub, findCallee)
}

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

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
import {
  type Callee,
  GatedCapability,
  InboundRpc,
  type Receiver,
  sendCall,
} from '../objects/index.ts'
import { createObjectStub, type Operation, refusingCalls, stubKind } from '../rpc/index.ts'
import { callFetch, packResponse } from './fetch-handler.ts'

/** What all stubs of services and objects have; exported by `cloudflare:workers` for `instanceof`. */
export class ServiceStub {
  /** @internal User code cannot make stubs. */
  constructor(made?: symbol) {
    if (made !== maker) throw new TypeError('Illegal constructor')
  }

  /** Sends a request to the service or object; the answer is a delivered event. */
  async fetch(input?: unknown, init?: UserRequestInit): Promise<UserResponse> {
    const capability = capabilityOf(this)
    if (capability === undefined) throw illegalInvocation()
    if (input === undefined) throw wrongParameter('Fetcher', 'fetch', 1, 'Request or string')
    return fetchFrom(capability.findCallee, input, init)
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

/** What a stub of a worker's entrypoint, or of a facet, is a proxy of. */
export function newServiceStub(): ServiceStub {
  return new ServiceStub(maker)
}

definePlatformClass(ServiceStub, 'ServiceStub')
Object.defineProperty(ServiceStub.prototype, Symbol.toStringTag, { value: 'Fetcher' })
definePlatformClass(ObjectStub, 'DurableObject')
refusingCalls(ObjectStub, 'Illegal constructor')

/** What a stub looks like besides its remote methods. */
export interface Shell {
  readonly object: object
  readonly type: string
  readonly mayTravel: boolean
  /** Why it may not, where the reference has words of its own for that. */
  readonly refusal?: string
}

/**
 * A stub of an object or of a worker's entrypoint. Who gets it in a message gets a plain service stub.
 *
 * @param findCallee where calls go; asked at each call
 * @param check throws, in the callee's turn, when an instance takes no calls
 */
export function createServiceStub(
  findCallee: () => Callee,
  check: (instance: object) => void,
  shell: Shell = { object: newServiceStub(), type: 'ServiceStub', mayTravel: true },
): object {
  const capability = new CalleeCapability(findCallee, check)
  const { refusal } = shell
  const refuse = (): never => {
    throw new DOMException(refusal, 'DataCloneError')
  }
  const pass = shell.mayTravel ? () => createServiceStub(findCallee, check) : undefined
  const travel = refusal === undefined ? pass : refuse
  return createObjectStub(capability, { shell: shell.object, type: shell.type, travel })
}

function capabilityOf(value: object): CalleeCapability | undefined {
  const kind = stubKind(value)
  if (kind?.kind !== 'object' || !(kind.capability instanceof CalleeCapability)) return undefined
  return kind.capability
}

/** Where the calls of a stub go now; undefined when `value` is no stub of a service or object. */
export function calleeOf(value: unknown): Callee | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return capabilityOf(value)?.findCallee()
}

/** An object, or an entrypoint of a worker, as what calls begin with. It lives without claims. */
class CalleeCapability extends GatedCapability {
  readonly findCallee: () => Callee
  readonly #receiver: Receiver

  constructor(findCallee: () => Callee, check: (instance: object) => void) {
    super()
    this.findCallee = findCallee
    this.#receiver = { kind: 'entrypoint', check }
  }

  send(operation: Operation): void {
    this.findCallee().deliver(new InboundRpc(operation, this.#receiver))
  }

  retain(): void {}
  release(): void {}
  override dispose(): void {}
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

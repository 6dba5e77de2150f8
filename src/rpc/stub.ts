// What user code holds of things elsewhere: RpcStub, RpcPromise and RpcProperty (reference 1.14).
//
// All are proxies of a function, since each can be called, and answer any name: a path that grows.

import { types } from 'node:util'
import {
  type Capability,
  dropParcel,
  Held,
  type Operation,
  type StartedCall,
} from './capability.ts'
import { exportValue, notAReceiver } from './exporter.ts'
import { isReceiver } from './rpc-target.ts'

// Names before the one that is called or read.
const pathDepthMax = 64

/** What is awaited or read further, at last. */
type Then = Promise<unknown>['then']
type Catch = Promise<unknown>['catch']
type Finally = Promise<unknown>['finally']

/** What a call through a stub gives: a promise of the result, and a way to call what is not there yet. */
export class RpcPromise {
  constructor() {
    throw new TypeError('Illegal constructor')
  }

  // oxlint-disable-next-line unicorn/no-thenable -- being awaited is what it is for
  then(...values: Parameters<Then>): ReturnType<Then> {
    return promiseOf(this).then(...values)
  }

  catch(...values: Parameters<Catch>): ReturnType<Catch> {
    return promiseOf(this).catch(...values)
  }

  finally(...values: Parameters<Finally>): ReturnType<Finally> {
    return promiseOf(this).finally(...values)
  }

  /** Gives up what the call has given or will give; what was pipelined on it is done all the same. */
  [Symbol.dispose](): void {
    handlerOf(this).dispose()
  }
}

/** A member of something elsewhere: a method when called, a property when awaited. */
export class RpcProperty {
  constructor() {
    throw new TypeError('Illegal constructor')
  }

  // oxlint-disable-next-line unicorn/no-thenable -- being awaited is what it is for
  then(...values: Parameters<Then>): ReturnType<Then> {
    return promiseOf(this).then(...values)
  }

  catch(...values: Parameters<Catch>): ReturnType<Catch> {
    return promiseOf(this).catch(...values)
  }

  finally(...values: Parameters<Finally>): ReturnType<Finally> {
    return promiseOf(this).finally(...values)
  }
}

class Stub {
  constructor(value: unknown) {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
      throw new TypeError(
        "Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'.",
      )
    }
    const kind = stubKind(value)
    if (kind !== undefined && kind.kind !== 'stub') throw notAReceiver()
    if (kind === undefined && !isReceiver(value)) throw notAReceiver()
    return createStub(new Held(exportValue(value, 'stub'))) as Stub
  }

  /** Another reference to the same thing, to be disposed of on its own. */
  dup(): object {
    return handlerOf(this).dup()
  }

  /** Gives the reference up. The last one gone, the other side lets go. */
  [Symbol.dispose](): void {
    handlerOf(this).dispose()
  }
}

/**
 * Stands for a function, an RpcTarget or a plain object elsewhere. Dispose of it when it is not needed
 * any more (`using`, `Symbol.dispose`), so that the other side can let go.
 *
 * `new RpcStub(value)` makes one of a value of one's own; it throws a TypeError when that is no plain
 * object, function or RpcTarget.
 */
export const RpcStub: typeof Stub = refusingCalls(
  Stub,
  "Failed to construct 'JsRpcStub': Please use the 'new' operator, this object constructor cannot be called as a function.",
)
Object.defineProperty(Stub, 'name', { value: 'RpcStub' })

/** `type`, but called as a function it throws with `message`, as classes of the reference do. */
export function refusingCalls<T extends abstract new (...values: never[]) => object>(
  type: T,
  message: string,
): T {
  const apply = (): never => {
    throw new TypeError(message)
  }
  const proxy = new Proxy(type, { apply })
  Object.defineProperty(type.prototype, 'constructor', { value: proxy, enumerable: false })
  return proxy
}

/** What a value is, when it is one that is made here. */
export type StubKind =
  | { readonly kind: 'stub'; readonly held: Held }
  | {
      readonly kind: 'object'
      readonly capability: Capability
      /** The name of its class. */
      readonly type: string
      /** Makes what the receiver of a message gets; undefined when it cannot be passed. */
      readonly travel: (() => object) | undefined
    }
  | { readonly kind: 'RpcPromise' | 'RpcProperty' }

/** Says what is behind `value` when it is a stub or a part of one. */
export function stubKind(value: object): StubKind | undefined {
  return handlerBehind(value)?.kind
}

/** A stub of a function, an RpcTarget or a plain object elsewhere. */
export function createStub(held: Held): object {
  const stub = proxyOf(new StubHandler(held))
  forgotten.register(stub, held)
  return stub
}

const forgotten = new FinalizationRegistry<Held>((held) => held.forgotten())

/** What a stub of an object or an entrypoint is besides its remote methods. */
export interface ObjectStubParts {
  /** What it has of its own, or inherits: `id`, `fetch`. When that is a function, so is the stub. */
  readonly shell: object
  /** The name of its class. */
  readonly type: string
  /** Makes what the receiver of a message gets; it cannot be passed without. */
  readonly travel?: (() => object) | undefined
}

/** A stub of an object or of an entrypoint: it needs not be disposed of. */
export function createObjectStub(capability: Capability, parts: ObjectStubParts): object {
  return new Proxy(parts.shell, new ObjectHandler(capability, parts))
}

// A proxy cannot be told from outside, but its handler answers when it is asked for this name. Not a
// WeakMap: with an entry for each stub, promise and property it was half of the time of a call.
const question = Symbol('handler')
let answer: Handler | undefined

function handlerBehind(value: object): Handler | undefined {
  if (!types.isProxy(value)) return undefined
  answer = undefined
  try {
    Reflect.get(value, question)
  } catch {
    // A proxy of the program's own, which knows its names.
  }
  return answer
}

function handlerOf(proxy: object): Handler {
  const handler = handlerBehind(proxy)
  if (handler === undefined) throw new TypeError('Illegal invocation')
  return handler
}

function promiseOf(proxy: object): Promise<unknown> {
  return handlerOf(proxy).promise()
}

// All proxies share it: nothing can be written to it. An arrow function has no `prototype`.
const callable = (): void => {}
Reflect.deleteProperty(callable, 'name')
Reflect.deleteProperty(callable, 'length')

/** Where a path begins. */
interface PathRoot {
  /** @throws Error when it was disposed of */
  readonly capability: Capability
}

abstract class Handler implements ProxyHandler<object> {
  abstract readonly kind: StubKind
  protected abstract readonly prototype: object
  protected abstract readonly tag: string | undefined

  protected abstract member(name: string, proxy: object): object

  promise(): Promise<unknown> {
    throw new TypeError('Illegal invocation')
  }

  dup(): object {
    throw new TypeError('Illegal invocation')
  }

  dispose(): void {
    throw new TypeError('Illegal invocation')
  }

  get(_target: object, name: string | symbol, proxy: object): unknown {
    if (name === question) {
      answer = this
      return undefined
    }
    if (name in this.prototype) return Reflect.get(this.prototype, name)
    if (typeof name === 'symbol') return name === Symbol.toStringTag ? this.tag : undefined
    // A stub is not a promise: `await stub` must give the stub. An index is no name.
    if (name === 'then' || isArrayIndex(name)) return undefined
    return this.member(name, proxy)
  }

  has(_target: object, name: string | symbol): boolean {
    return name !== 'then' || 'then' in this.prototype
  }

  getPrototypeOf(): object {
    return this.prototype
  }

  set(_target: object, _name: string | symbol, _value: unknown): boolean {
    return false
  }

  defineProperty(_target: object, _name: string | symbol, _to: PropertyDescriptor): boolean {
    return false
  }

  preventExtensions(): boolean {
    return false
  }
}

function isArrayIndex(name: string): boolean {
  const index = Number(name) >>> 0
  return String(index) === name && index !== 0xffff_ffff
}

/** `stub.name.name`: called, awaited, or read further. */
class PropertyHandler extends Handler {
  readonly kind = { kind: 'RpcProperty' } as const
  protected readonly prototype = RpcProperty.prototype
  protected readonly tag = 'JsRpcProperty'
  readonly #root: PathRoot
  readonly #path: readonly string[]
  // Kept, since a promise that nobody has any more is disposed of.
  readonly #rootProxy: object

  constructor(root: PathRoot, path: readonly string[], rootProxy: object) {
    super()
    this.#root = root
    this.#path = path
    this.#rootProxy = rootProxy
  }

  apply(_target: object, _this: unknown, values: unknown[]): object {
    return startCall(this.#root, this.#path, values)
  }

  override promise(): Promise<unknown> {
    const started = start(this.#root, this.#path)
    started.awaited()
    return started.promise
  }

  protected member(name: string): object {
    return proxyOf(new PropertyHandler(this.#root, [...this.#path, name], this.#rootProxy))
  }
}

/** The result of a call. */
class PromiseHandler extends Handler implements PathRoot {
  readonly kind = { kind: 'RpcPromise' } as const
  protected readonly prototype = RpcPromise.prototype
  protected readonly tag = 'JsRpcPromise'
  readonly #started: StartedCall
  #isDisposed = false
  #isPipelined = false

  constructor(started: StartedCall) {
    super()
    this.#started = started
  }

  get capability(): Capability {
    if (this.#isDisposed) throw new Error('RPC promise used after being disposed.')
    return this.#started.result
  }

  apply(_target: object, _this: unknown, values: unknown[]): object {
    this.#pipelined()
    return startCall(this, [], values)
  }

  override promise(): Promise<unknown> {
    this.#started.awaited()
    return this.#started.promise
  }

  override dispose(): void {
    if (this.#isDisposed) return
    this.#isDisposed = true
    this.#started.dispose()
  }

  protected member(name: string, proxy: object): object {
    if (this.#pipelined()) abandoned.register(proxy, this.#started)
    return proxyOf(new PropertyHandler(this, [name], proxy))
  }

  // Whoever only pipelines hears of a failure from what was pipelined.
  #pipelined(): boolean {
    if (this.#isPipelined) return false
    this.#isPipelined = true
    this.#started.promise.catch(() => {})
    return true
  }
}

// Calls whose result was only pipelined on, when nobody can reach it any more.
const abandoned = new FinalizationRegistry<StartedCall>((started) => started.abandoned())

abstract class RootHandler extends Handler implements PathRoot {
  abstract readonly capability: Capability
  #lastMember: { readonly name: string; readonly proxy: object } | undefined

  apply(_target: object, _this: unknown, values: unknown[]): unknown {
    return startCall(this, [], values)
  }

  // Programs call the same method of the same stub again and again.
  protected member(name: string, proxy: object): object {
    if (this.#lastMember?.name !== name) {
      this.#lastMember = { name, proxy: proxyOf(new PropertyHandler(this, [name], proxy)) }
    }
    return this.#lastMember.proxy
  }
}

class StubHandler extends RootHandler {
  readonly kind: { readonly kind: 'stub'; readonly held: Held }
  protected readonly prototype = Stub.prototype
  protected readonly tag = 'JsRpcStub'

  constructor(held: Held) {
    super()
    this.kind = { kind: 'stub', held }
  }

  get capability(): Capability {
    return this.kind.held.capability
  }

  override dup(): object {
    return createStub(this.kind.held.dup())
  }

  override dispose(): void {
    this.kind.held.dispose()
  }
}

class ObjectHandler extends RootHandler {
  readonly kind: StubKind
  readonly capability: Capability
  protected readonly prototype: object
  protected readonly tag = undefined
  readonly #shell: object

  constructor(capability: Capability, { shell, type, travel }: ObjectStubParts) {
    super()
    this.capability = capability
    this.kind = { kind: 'object', capability, type, travel }
    this.prototype = Object.getPrototypeOf(shell) as object
    this.#shell = shell
  }

  override get(target: object, name: string | symbol, proxy: object): unknown {
    if (Object.hasOwn(this.#shell, name)) return Reflect.get(this.#shell, name)
    // JSON shows what a stub has of its own.
    return name === 'toJSON' ? undefined : super.get(target, name, proxy)
  }

  override set(target: object, name: string | symbol, value: unknown): boolean {
    return Reflect.set(target, name, value)
  }

  override defineProperty(target: object, name: string | symbol, to: PropertyDescriptor): boolean {
    return Reflect.defineProperty(target, name, to)
  }

  override apply(target: object, self: unknown, values: unknown[]): unknown {
    return Reflect.apply(target as () => unknown, self, values)
  }
}

function proxyOf(handler: Handler): object {
  return new Proxy(callable, handler)
}

function startCall(root: PathRoot, path: readonly string[], values: readonly unknown[]): object {
  return proxyOf(new PromiseHandler(start(root, path, values)))
}

// Never throws: who calls a function that gives a promise expects its errors there.
function start(root: PathRoot, path: readonly string[], values?: readonly unknown[]): StartedCall {
  try {
    if (path.length > pathDepthMax + 1) {
      throw new TypeError('RPC pipelined property path is too deep (max 64).')
    }
    return root.capability.start(path, values)
  } catch (error) {
    return failedCall(error)
  }
}

/** Every call of it fails. */
export function failingCapability(error: unknown): Capability {
  const ignore = (): void => {}
  const send = (operation: Operation): void => {
    if (operation.args !== undefined) dropParcel(operation.args)
    operation.failed(error)
  }
  return { start: () => failedCall(error), send, retain: ignore, release: ignore, dispose: ignore }
}

function failedCall(error: unknown): StartedCall {
  const ignore = (): void => {}
  const result = failingCapability(error)
  const promise = Promise.reject(error as Error)
  return { promise, result, awaited: ignore, dispose: ignore, abandoned: ignore }
}

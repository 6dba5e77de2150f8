// Calls as their callee sees them, and what it exports.

import {
  callRemote,
  type Capability,
  dropParcel,
  type ExportReason,
  type Operation,
  Packer,
  type Parcel,
  readRemote,
  setExporter,
  stubKind,
} from '../rpc/index.ts'
import { codeOwner, currentTurn, type Entry } from '../turns/index.ts'
import type { InboundCall } from './call.ts'
import { EventOwner } from './event-owner.ts'
import { GatedCapability, refuse } from './outbound-rpc.ts'

/** What an operation begins with. */
export type Receiver =
  | { readonly kind: 'value'; readonly value: unknown }
  /** The callee's own instance; `check` throws when it takes no calls. */
  | { readonly kind: 'entrypoint'; readonly check: (instance: object) => void }

/** An operation, delivered as an event. */
export class InboundRpc implements InboundCall {
  readonly kind = 'rpc'
  readonly #operation: Operation
  readonly #receiver: Receiver
  #isOpened = false
  #packed: Parcel | undefined

  constructor(operation: Operation, receiver: Receiver) {
    this.#operation = operation
    this.#receiver = receiver
  }

  invoke(instance: object): unknown {
    const { path } = this.#operation
    const receiver = this.#receiver
    const values = this.#open()
    let base: unknown = instance
    if (receiver.kind === 'value') base = receiver.value
    else receiver.check(instance)
    return values === undefined
      ? readRemote(base, receiver.kind, path)
      : callRemote(base, receiver.kind, path, values)
  }

  pack(value: unknown): Parcel {
    const { parcel, target } = packResult(value)
    this.#packed = parcel
    this.#operation.resolved(target)
    this.#finish()
    return parcel
  }

  threw(): void {
    this.#finish()
  }

  reply(parcel: unknown): void {
    this.#packed = undefined
    this.#operation.replied(parcel as Parcel)
  }

  fail(error: unknown): void {
    const { args } = this.#operation
    if (!this.#isOpened && args !== undefined) dropParcel(args)
    if (this.#packed !== undefined) dropParcel(this.#packed)
    this.#operation.failed(error)
  }

  #open(): readonly unknown[] | undefined {
    const { args } = this.#operation
    this.#isOpened = true
    if (args === undefined) return undefined
    if (args.references.length > 0) {
      const owner = ownerHere()
      for (const held of args.references) owner.adopt(held)
    }
    return args.value as readonly unknown[]
  }

  // [RP12] Whether or not it was used: the callee has made a `dup()` of what it keeps.
  #finish(): void {
    for (const held of this.#operation.args?.references ?? []) held.dispose()
  }
}

/**
 * A value of one owner that others can call. Calls enter through the critical section in which it was
 * passed out (reference 1.3). [RP6]
 *
 * What is a `reference` keeps its owner in memory until the last claim is gone; its disposer is then
 * called, as an event of the owner. [RP10, RP15]
 */
class LocalCapability extends GatedCapability {
  readonly #owner: EventOwner
  readonly #entry: Entry
  readonly #value: unknown
  readonly #keepsOwner: boolean
  readonly #disposer: (() => void) | undefined
  #claims = 1

  constructor(value: unknown, reason: ExportReason | 'data', disposer?: () => void) {
    super()
    this.#owner = ownerHere()
    this.#entry = this.#owner.entry()
    this.#value = value
    this.#keepsOwner = reason !== 'data' && this.#owner.staysFor(reason)
    this.#disposer = disposer
    if (this.#keepsOwner) this.#owner.waitStarted()
  }

  send(operation: Operation): void {
    if (this.#owner.isOver) {
      const text = 'The execution context which hosts this callback is no longer running.'
      refuse(operation, new Error(text))
      return
    }
    const receiver = { kind: 'value', value: this.#value } as const
    this.#owner.deliver(new InboundRpc(operation, receiver), this.#entry)
  }

  retain(): void {
    this.#claims += 1
  }

  release(): void {
    this.#claims -= 1
    if (this.#claims > 0 || this.#owner.isOver) return
    const disposer = this.#disposer
    if (disposer === undefined) this.#left()
    else {
      this.#entry.deliverLater(() => {
        this.#left()
        disposer()
      })
    }
  }

  #left(): void {
    if (this.#keepsOwner) this.#owner.waitEnded()
  }
}

/** What a method gave, as it travels, and where calls on it go meanwhile, with a claim. */
interface PackedResult {
  readonly parcel: Parcel
  readonly target: Capability
}

// In the callee's turn.
function packResult(value: unknown): PackedResult {
  const packer = new Packer('result', ownerHere().compatibility)
  const parcel = packer.pack(value)
  const whole = targetOfWhole(value, parcel)
  if (whole !== undefined) {
    whole.retain()
    for (const held of packer.given) held.release()
    return { parcel, target: whole }
  }
  const disposer = disposerOf(value)
  const { given } = packer
  if (disposer === undefined && given.length === 0) {
    return { parcel, target: new LocalCapability(value, 'data') }
  }
  const target = new LocalCapability(value, 'result', () => {
    for (const held of given) held.dispose()
    disposer?.()
  })
  return { parcel: { ...parcel, hasDisposer: true }, target }
}

// A result that is a reference as a whole is called itself.
function targetOfWhole(value: unknown, parcel: Parcel): Capability | undefined {
  if (parcel.references.length === 0) {
    const stub = isObject(value) ? stubKind(value) : undefined
    return stub?.kind === 'object' ? stub.capability : undefined
  }
  const passed = stubKind(parcel.value as object)
  return passed?.kind === 'stub' ? passed.held.pipelined : undefined
}

/** Calls the disposer of a value that user code passed, if it has one. */
function disposerOf(value: unknown): (() => void) | undefined {
  if (!isObject(value)) return undefined
  const dispose: unknown = Reflect.get(value, Symbol.dispose)
  return typeof dispose === 'function' ? () => Reflect.apply(dispose, value, []) : undefined
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** The owner of the code that runs now. */
function ownerHere(): EventOwner {
  const owner = codeOwner.getStore() ?? currentTurn()?.owner
  if (owner instanceof EventOwner) return owner
  throw new TypeError(
    'Cannot pass a function or an RpcTarget: no code of an object or of a worker request is running, which could be called back',
  )
}

setExporter((value, reason) => new LocalCapability(value, reason, disposerOf(value)))

import { newestCompatibility } from '../base/index.ts'
import {
  type Capability,
  dropParcel,
  type Held,
  type Operation,
  type Origin,
  Packer,
  type Parcel,
  type StartedCall,
  stubKind,
} from '../rpc/index.ts'
import { type Owner, rootContext } from '../turns/index.ts'
import { answerTo, callerHere } from './call.ts'
import { EventOwner } from './event-owner.ts'

/**
 * A capability whose operations leave the code that asks through its output gate, and whose answers
 * are delivered events of it. [RP20, RP21]
 */
export abstract class GatedCapability implements Capability {
  /** Carries an operation out; called by host code, in the order of the calls. */
  abstract send(operation: Operation): void
  abstract retain(): void
  abstract release(): void

  start(path: readonly string[], values?: readonly unknown[]): StartedCall {
    const caller = callerHere()
    const args = values === undefined ? undefined : packArguments(caller, values)
    const call = new OutboundRpc(caller, path, args)
    const send = (): void => {
      try {
        rootContext(() => this.send(call))
      } catch (error) {
        call.failed(error)
      }
    }
    if (caller === undefined) send()
    // A broken caller hears nothing: its code no longer runs.
    else caller.egress({ released: send, dropped: () => call.dropped() })
    return call
  }

  dispose(): void {
    const release = (): void => this.release()
    const caller = callerHere()
    if (caller === undefined) release()
    else caller.egress({ released: release, dropped: release })
  }
}

const noArguments: Parcel = { value: [], references: [] }

// Functions and RpcTargets stay where they are; calls of them enter through the critical section that is
// in force now. [RP6]
function packArguments(caller: Owner | undefined, values: readonly unknown[]): Parcel {
  if (values.length === 0) return noArguments
  return new Packer('argument', caller?.compatibility ?? newestCompatibility).pack(values)
}

/** A call as its caller sees it. */
class OutboundRpc implements Operation, StartedCall {
  readonly path: readonly string[]
  readonly args: Parcel | undefined
  readonly promise: Promise<unknown>
  readonly result = new PendingResult()
  readonly #contents: Contents
  readonly #settle: (run: () => void) => void
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void

  constructor(caller: Owner | undefined, path: readonly string[], args: Parcel | undefined) {
    this.path = path
    this.args = args
    this.#contents = new Contents(caller, this)
    this.#settle = answerTo(caller)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  resolved(target: Capability): void {
    this.result.fulfil(target)
  }

  replied(parcel: Parcel): void {
    this.#contents.arrived(parcel.references)
    this.#settle(() => this.#open(parcel))
  }

  failed(error: unknown): void {
    this.result.fail(error)
    this.#settle(() => this.#reject(error))
  }

  /** The caller's gate did not let it go. */
  dropped(): void {
    if (this.args !== undefined) dropParcel(this.args)
  }

  awaited(): void {
    this.#contents.isAwaited = true
  }

  dispose(): void {
    this.#contents.dispose()
  }

  abandoned(): void {
    this.#contents.abandoned()
  }

  // In the caller's turn.
  #open({ value, hasDisposer }: Parcel): void {
    const stub = isObject(value) ? stubKind(value) : undefined
    if (stub?.kind === 'stub') this.result.isNow(stub.held)
    const contents = this.#contents
    contents.opened()
    if (isObject(value) && stub === undefined) {
      Object.defineProperty(value, Symbol.dispose, {
        value: () => contents.dispose(),
        configurable: true,
        writable: true,
      })
      if (hasDisposer === true) forgottenResults.register(value, contents)
    }
    this.#resolve(value)
  }
}

/** What a result brought, to be given up as a whole. [RP11] */
class Contents implements Origin {
  readonly description: string
  isAwaited = false
  readonly #caller: Owner | undefined
  readonly #result: Capability
  #references: readonly Held[] = []
  #isDisposed = false

  constructor(caller: Owner | undefined, { path, args, result }: OutboundRpc) {
    this.description = `the result of ${path.join('.')}${args === undefined ? '' : '()'}`
    this.#caller = caller
    this.#result = result
  }

  arrived(references: readonly Held[]): void {
    this.#references = references
    for (const held of references) {
      held.origin = this
      if (this.#caller instanceof EventOwner) this.#caller.adopt(held)
    }
  }

  opened(): void {
    if (this.#isDisposed) for (const held of this.#references) held.dispose()
  }

  dispose(): void {
    if (this.#isDisposed) return
    this.#isDisposed = true
    this.#result.dispose()
    for (const held of this.#references) held.dispose()
  }

  /** The promise is garbage, and user code never had what it stands for. */
  abandoned(): void {
    if (!this.isAwaited) this.#release()
  }

  /** The result is garbage. */
  collected(): void {
    if (!this.#isDisposed) this.forgotten(`An RPC result, ${this.description},`)
    this.#release()
  }

  forgotten(what: string): void {
    if (this.#caller instanceof EventOwner) this.#caller.warnForgotten(what)
  }

  #release(): void {
    if (this.#isDisposed) return
    this.#isDisposed = true
    this.#result.release()
    for (const held of this.#references) held.release()
  }
}

const forgottenResults = new FinalizationRegistry<Contents>((contents) => contents.collected())

/**
 * What a call will give: operations wait until it is known, and then go there in order. One claim
 * belongs to the caller.
 */
class PendingResult extends GatedCapability {
  #claims = 1
  #waiting: Operation[] = []
  #state:
    | { readonly kind: 'pending' }
    | { readonly kind: 'known'; readonly target: Capability }
    | { readonly kind: 'held'; readonly held: Held }
    | { readonly kind: 'failed'; readonly error: unknown } = { kind: 'pending' }

  send(operation: Operation): void {
    switch (this.#state.kind) {
      case 'pending':
        this.#waiting.push(operation)
        break
      case 'known':
        this.#state.target.send(operation)
        break
      case 'held':
        this.#sendThrough(operation, this.#state.held)
        break
      case 'failed':
        refuse(operation, this.#state.error)
    }
  }

  retain(): void {
    this.#claims += 1
  }

  release(): void {
    this.#claims -= 1
    if (this.#claims === 0 && this.#state.kind === 'known') this.#state.target.release()
  }

  /** Takes over a claim on `target`. */
  fulfil(target: Capability): void {
    this.#state = { kind: 'known', target }
    for (const operation of this.#waiting) target.send(operation)
    this.#waiting = []
    if (this.#claims === 0) target.release()
  }

  /** The caller has a stub of it: from now on they are one. */
  isNow(held: Held): void {
    if (this.#state.kind === 'known' && this.#claims > 0) this.#state.target.release()
    this.#state = { kind: 'held', held }
  }

  #sendThrough(operation: Operation, held: Held): void {
    const target = held.pipelined
    if (target !== undefined) target.send(operation)
    else refuse(operation, new Error('RPC stub used after being disposed.'))
  }

  fail(error: unknown): void {
    if (this.#state.kind !== 'pending') return
    this.#state = { kind: 'failed', error }
    for (const operation of this.#waiting) refuse(operation, error)
    this.#waiting = []
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** Ends an operation that nobody carries out. */
export function refuse(operation: Operation, error: unknown): void {
  if (operation.args !== undefined) dropParcel(operation.args)
  operation.failed(error)
}

import { RingMember } from '../base/index.ts'

/**
 * Something that can be called elsewhere: a function, an RpcTarget, an object, the result of a call
 * that is still under way.
 *
 * Counted: who keeps one has a claim, made by `retain` (or handed over by whoever made it), and gives
 * it up once, by `release` or `dispose`. With the last claim the other side lets go.
 */
export interface Capability {
  /**
   * Calls the method at `path`, or reads the property when `values` is absent. Called by the code that
   * asks, in its turn: what is sent waits at its output gate, in the order of the calls. [RP5, EG6]
   */
  start(path: readonly string[], values?: readonly unknown[]): StartedCall
  retain(): void
  /** Gives a claim up; by host code. */
  release(): void
  /** Carries an operation out; by host code, in the order of the calls. */
  send(operation: Operation): void
  /** As `release`, but by the code that runs now: it is told to the other side behind its gate. */
  dispose(): void
}

export interface StartedCall {
  readonly promise: Promise<unknown>
  /** What the call will give, which can be called at once; one claim belongs to the caller. */
  readonly result: Capability
  /** The caller waits for the promise: what comes is in its hands then. */
  awaited(): void
  /** The caller wants nothing of the result any more: everything in it is given up. */
  dispose(): void
  /** As `dispose`, by host code: the caller's promise is garbage. */
  abandoned(): void
}

/** Copies on their way, and the references that travel with them, each with a claim. */
export interface Parcel {
  readonly value: unknown
  readonly references: readonly Held[]
  /** The callee waits to hear that the caller is done with the result. */
  readonly hasDisposer?: boolean
}

/** A parcel that nobody will open. */
export function dropParcel(parcel: Parcel): void {
  for (const held of parcel.references) held.release()
}

/** One operation on its way to what a capability stands for. Exactly one of replied, failed is called. */
export interface Operation {
  readonly path: readonly string[]
  /** Undefined: the property is read. */
  readonly args: Parcel | undefined
  /** There is a value now, to which pipelined operations go; takes over a claim. Before `replied`. */
  resolved(target: Capability): void
  replied(result: Parcel): void
  failed(error: unknown): void
}

/** The message that a stub came with. It must not lead to the stub, which would then never be garbage. */
export interface Origin {
  /** For people: the result of which call, the argument of which method. */
  readonly description: string
  /** Whether user code has ever got hold of what came. */
  readonly isAwaited: boolean
  /** `what` was not disposed of and is garbage. */
  forgotten(what: string): void
}

/** A claim in the hands of user code: what is behind a stub. */
export class Held extends RingMember {
  readonly #capability: Capability
  // A stub that was returned is the receiver's, but what is pipelined on the result still finds it.
  #state: 'open' | 'transferred' | 'disposed' = 'open'
  /** The message that brought it, for whoever forgets to give it up; undefined for own stubs. */
  origin: Origin | undefined

  /** Takes over one claim. */
  constructor(capability: Capability) {
    super()
    this.#capability = capability
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** @throws Error when it was disposed of or given away */
  get capability(): Capability {
    if (this.#state === 'open') return this.#capability
    throw new Error('RPC stub used after being disposed.')
  }

  /** What pipelined calls go to; undefined once the claim is gone. */
  get pipelined(): Capability | undefined {
    return this.#state === 'disposed' ? undefined : this.#capability
  }

  dup(): Held {
    this.capability.retain()
    const other = new Held(this.#capability)
    other.origin = this.origin
    return other
  }

  /** Given away by user code; the claim stays until `release`, for what is pipelined. */
  transfer(): void {
    if (this.#state === 'open') this.#state = 'transferred'
  }

  dispose(): void {
    if (this.#end()) this.#capability.dispose()
  }

  /** As `dispose`, by host code: the holder is over. */
  release(): void {
    if (this.#end()) this.#capability.release()
  }

  /** As `release`: the stub is garbage. */
  forgotten(): void {
    const { origin } = this
    if (this.#state === 'open' && origin?.isAwaited === true) {
      origin.forgotten(`An RPC stub in ${origin.description}`)
    }
    this.release()
  }

  #end(): boolean {
    if (this.#state === 'disposed') return false
    this.#state = 'disposed'
    this.unlink()
    return true
  }
}

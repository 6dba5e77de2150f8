import { Ring, RingMember } from '../base/index.ts'
import { copyError, copyThrown, type ExportReason, type Held, lookupKind } from '../rpc/index.ts'
import { type Entry, Owner } from '../turns/index.ts'
import type { Callee, InboundCall } from './call.ts'

/** A call that was delivered; linked until it is answered. */
class Delivery extends RingMember {
  readonly call: InboundCall

  constructor(call: InboundCall) {
    super()
    this.call = call
  }
}

/**
 * An owner that takes calls: runs them in its turns and lets each answer, good or bad, leave
 * through its output gate. When it breaks, every call that has no answer yet fails.
 */
export abstract class EventOwner extends Owner implements Callee {
  // Calls delivered and not answered; an answer that waits at the output gate is still in here.
  readonly #inFlight = new Ring<Delivery>()
  // [RP14] What the code of this owner has references to; given up when it is over.
  #holds: Ring<Held> | undefined
  #isOver = false

  /** Hex id of the object, for errors that its code throws; undefined for the stateless worker. */
  protected abstract readonly objectId: string | undefined

  /** What calls run on. Asked inside a turn. */
  protected abstract target(): object

  /** The entry for events that start something new. */
  protected abstract rootEntry(): Entry

  /** Whether its end counts as a reset for callers, rather than as what it is. */
  protected get isResetWhenBroken(): boolean {
    return this.objectId !== undefined
  }

  get hasCalls(): boolean {
    return !this.#inFlight.isEmpty
  }

  /** Its code runs no more: what it exported cannot be called. */
  get isOver(): boolean {
    return this.#isOver || this.broken !== undefined
  }

  /** Takes note of a reference that this owner's code gets. */
  adopt(held: Held): void {
    if (this.isOver) {
      held.release()
      return
    }
    this.#holds ??= new Ring()
    this.#holds.add(held)
  }

  /** A stub of this owner's was not disposed of: told once for each place that they come from. */
  warnForgotten(what: string): void {
    if (this.isOver || forgotten.has(what) || forgotten.size === forgottenMax) return
    forgotten.add(what)
    this.warn(
      new Error(
        `${what} was not disposed of by ${this.label}: the other side keeps what is behind it until the garbage is collected, which may take arbitrarily long. Call its [Symbol.dispose](), or declare it with \`using\``,
      ),
    )
  }

  /** Something that the developer should see. */
  protected abstract warn(warning: Error): void

  /** Whether a value that others can call keeps this owner from being over. */
  staysFor(_reason: ExportReason): boolean {
    return true
  }

  /** A call has its answer. */
  protected answered(): void {}

  /** Nothing of this owner runs any more, though nothing broke. */
  protected setOver(): void {
    this.#isOver = true
    this.#letGo()
  }

  #letGo(): void {
    for (const held of this.#holds?.drain() ?? []) held.release()
  }

  deliver(call: InboundCall, entry: Entry = this.rootEntry()): void {
    if (this.broken !== undefined) {
      call.fail(this.lateError(this.broken.error))
      return
    }
    const delivery = new Delivery(call)
    this.#inFlight.add(delivery)
    entry.deliverLater(() => this.#serve(delivery))
  }

  /** What a call gets that comes after this owner broke. */
  protected lateError(error: unknown): Error {
    return copyError(error, { durableObjectReset: this.isResetWhenBroken })
  }

  /** Fails every unanswered call. @returns false when this owner was broken before */
  protected override setBroken(error: unknown): boolean {
    if (!super.setBroken(error)) return false
    for (const { call } of this.#inFlight.drain()) {
      // The reference marks only requests as failed remotely (reference 1.15, ctx.abort).
      const remote = call.kind === 'fetch'
      call.fail(copyError(error, { remote, durableObjectReset: this.isResetWhenBroken }))
    }
    this.#letGo()
    return true
  }

  #serve(delivery: Delivery): void {
    try {
      const result = delivery.call.invoke(this.target())
      if (!isThenable(result)) this.#returned(delivery, result)
      else {
        Promise.resolve(result).then(
          (value) => this.#returned(delivery, value),
          (error: unknown) => this.#threw(delivery, error),
        )
      }
    } catch (error) {
      this.#threw(delivery, error)
    }
  }

  #returned(delivery: Delivery, value: unknown): void {
    const { call } = delivery
    let packed: unknown
    try {
      packed = call.pack(value)
    } catch (error) {
      this.#threw(delivery, error, 'the runtime')
      return
    }
    this.#answer(delivery, () => call.reply(packed))
  }

  #threw(delivery: Delivery, error: unknown, by: 'the runtime' | 'code' = 'code'): void {
    const { call } = delivery
    call.threw?.()
    const lookup = lookupKind(error)
    const ofUser = call.kind === 'rpc' && by === 'code' && lookup !== 'entrypoint'
    const copy = copyThrown(error, {
      remote: lookup === undefined || !ofUser ? true : 'first',
      durableObjectId: ofUser ? this.objectId : undefined,
      isMessageOnly: !this.compatibility.enhancedErrors,
    })
    this.#answer(delivery, () => call.fail(copy))
  }

  // [EG1, EG2, EG3] A returned value, a response and a thrown error wait alike. When the gate breaks,
  // the call was failed by `setBroken` already: the answer is dropped.
  #answer(delivery: Delivery, send: () => void): void {
    if (!delivery.isLinked) return
    this.egress({
      released: () => {
        if (!delivery.unlink()) return
        send()
        this.answered()
      },
      dropped: () => {},
    })
  }
}

// The places from which forgotten stubs came, of all owners.
const forgotten = new Set<string>()
const forgottenMax = 1000

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof Reflect.get(value, 'then') === 'function'
}

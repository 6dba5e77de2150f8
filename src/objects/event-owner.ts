import { Ring, RingMember } from '../base/index.ts'
import { copyError, isLookupError } from '../rpc/index.ts'
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

  /** Hex id of the object, for errors that its code throws; undefined for the stateless worker. */
  protected abstract readonly objectId: string | undefined

  /** What calls run on. Asked inside a turn. */
  protected abstract target(): object

  /** The entry for events that start something new. */
  protected abstract rootEntry(): Entry

  get hasCalls(): boolean {
    return !this.#inFlight.isEmpty
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
    return copyError(error, { durableObjectReset: this.objectId !== undefined })
  }

  /** Fails every unanswered call. @returns false when this owner was broken before */
  protected override setBroken(error: unknown): boolean {
    if (!super.setBroken(error)) return false
    for (const { call } of this.#inFlight.drain()) {
      // The reference marks only requests as failed remotely (reference 1.15, ctx.abort).
      const remote = call.kind === 'fetch'
      call.fail(copyError(error, { remote, durableObjectReset: this.objectId !== undefined }))
    }
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
      this.#threw(delivery, error)
      return
    }
    this.#answer(delivery, () => call.reply(packed))
  }

  #threw(delivery: Delivery, error: unknown): void {
    const { call } = delivery
    const ofUser = call.kind === 'rpc' && this.objectId !== undefined && !isLookupError(error)
    const copy = copyError(error, {
      remote: true,
      ...(ofUser ? { durableObjectId: this.objectId } : {}),
    })
    this.#answer(delivery, () => call.fail(copy))
  }

  // [EG1, EG2, EG3] A returned value, a response and a thrown error wait alike. When the gate breaks,
  // the call was failed by `setBroken` already: the answer is dropped.
  #answer(delivery: Delivery, send: () => void): void {
    if (!delivery.isLinked) return
    this.egress({
      released: () => {
        if (delivery.unlink()) send()
      },
      dropped: () => {},
    })
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof Reflect.get(value, 'then') === 'function'
}

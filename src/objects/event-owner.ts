import { copyError, isLookupError } from '../rpc/index.ts'
import { type Entry, Owner } from '../turns/index.ts'
import type { Callee, InboundCall } from './call.ts'

/**
 * An owner that takes calls: runs them in its turns and lets each answer, good or bad, leave
 * through its output gate. When it breaks, every call that has no answer yet fails.
 */
export abstract class EventOwner extends Owner implements Callee {
  // Calls delivered and not answered; an answer that waits at the output gate is still in here.
  readonly #inFlight = new Set<InboundCall>()

  /** Hex id of the object, for errors that its code throws; undefined for the stateless worker. */
  protected abstract readonly objectId: string | undefined

  /** What calls run on. Asked inside a turn. */
  protected abstract target(): object

  /** The entry for events that start something new. */
  protected abstract rootEntry(): Entry

  get hasCalls(): boolean {
    return this.#inFlight.size > 0
  }

  deliver(call: InboundCall, entry: Entry = this.rootEntry()): void {
    if (this.broken !== undefined) {
      call.fail(this.lateError(this.broken.error))
      return
    }
    this.#inFlight.add(call)
    entry.deliverLater(() => this.#serve(call))
  }

  /** What a call gets that comes after this owner broke. */
  protected lateError(error: unknown): Error {
    return copyError(error, { durableObjectReset: this.objectId !== undefined })
  }

  /** Fails every unanswered call. @returns false when this owner was broken before */
  protected override setBroken(error: unknown): boolean {
    if (!super.setBroken(error)) return false
    const calls = [...this.#inFlight]
    this.#inFlight.clear()
    for (const call of calls) {
      // The reference marks only requests as failed remotely (reference 1.15, ctx.abort).
      const remote = call.kind === 'fetch'
      call.fail(copyError(error, { remote, durableObjectReset: this.objectId !== undefined }))
    }
    return true
  }

  #serve(call: InboundCall): void {
    try {
      const result = call.invoke(this.target())
      if (!isThenable(result)) this.#returned(call, result)
      else {
        Promise.resolve(result).then(
          (value) => this.#returned(call, value),
          (error: unknown) => this.#threw(call, error),
        )
      }
    } catch (error) {
      this.#threw(call, error)
    }
  }

  #returned(call: InboundCall, value: unknown): void {
    let packed: unknown
    try {
      packed = call.pack(value)
    } catch (error) {
      this.#threw(call, error)
      return
    }
    this.#answer(call, () => call.reply(packed))
  }

  #threw(call: InboundCall, error: unknown): void {
    const ofUser = call.kind === 'rpc' && this.objectId !== undefined && !isLookupError(error)
    const copy = copyError(error, {
      remote: true,
      ...(ofUser ? { durableObjectId: this.objectId } : {}),
    })
    this.#answer(call, () => call.fail(copy))
  }

  // [EG1, EG2, EG3] A returned value, a response and a thrown error wait alike. When the gate breaks,
  // the call was failed by `setBroken` already: the answer is dropped.
  #answer(call: InboundCall, send: () => void): void {
    if (!this.#inFlight.has(call)) return
    this.egress({
      released: () => {
        if (this.#inFlight.delete(call)) send()
      },
      dropped: () => {},
    })
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof Reflect.get(value, 'then') === 'function'
}

import type { Compatibility } from '../base/index.ts'
import { copyError, type ExportReason } from '../rpc/index.ts'
import type { Entry, Outgoing } from '../turns/index.ts'
import { codeOwner, pump } from '../turns/index.ts'
import { EventOwner } from './event-owner.ts'

/**
 * One request of the stateless worker. It has no storage, hence no gates: its events are delivered
 * one at a time like all others, and what it sends leaves at once.
 */
export class WorkerRequest extends EventOwner {
  readonly label = 'worker'
  override readonly compatibility: Compatibility
  protected readonly objectId = undefined
  readonly #newTarget: (request: WorkerRequest) => object
  #target: object | undefined
  readonly #report: (error: unknown) => void
  readonly #entry: Entry

  /**
   * @param newTarget makes what calls run on, in the first turn
   * @param report hears of errors that no caller gets
   */
  constructor(
    newTarget: (request: WorkerRequest) => object,
    compatibility: Compatibility,
    report: (error: unknown) => void,
  ) {
    super()
    this.compatibility = compatibility
    this.#newTarget = newTarget
    this.#report = report
    const deliverLater = (run: () => void): void => pump.post(this, undefined, run)
    this.#entry = { deliver: deliverLater, deliverLater }
  }

  entry(): Entry {
    return this.#entry
  }

  // Its turns are few: entering by `run` is cheaper than taking a snapshot for it.
  override enter<R>(run: () => R): R {
    return codeOwner.run(this, run)
  }

  turnEnded(): void {}

  uncaught(error: unknown): void {
    this.#report(error)
  }

  /** Keeps the request's work going after its answer; errors are reported. */
  waitUntil(promise: unknown): void {
    this.waitStarted()
    Promise.resolve(promise).then(
      () => this.waitEnded(),
      (error: unknown) => {
        this.#report(error)
        this.waitEnded()
      },
    )
  }

  override waitEnded(): void {
    super.waitEnded()
    this.#endIfIdle()
  }

  // Who calls a worker may keep what it returned; what a worker passes out does not prolong its request.
  override staysFor(reason: ExportReason): boolean {
    return reason === 'result'
  }

  protected override answered(): void {
    this.#endIfIdle()
  }

  // [RP14] A request is over when it is answered and nothing that it started is under way.
  #endIfIdle(): void {
    if (!this.hasCalls && !this.hasWaits && !this.isOver) this.setOver()
  }

  protected warn(warning: Error): void {
    this.#report(warning)
  }

  /** Ends this request: calls that have no answer yet fail with `reason`. */
  abort(reason: unknown): void {
    this.setBroken(copyError(reason))
  }

  protected leave(message: Outgoing): void {
    message.released()
  }

  protected target(): object {
    this.#target ??= this.#newTarget(this)
    return this.#target
  }

  protected rootEntry(): Entry {
    return this.#entry
  }
}

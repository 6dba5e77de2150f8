import { assert } from '../base/index.ts'
import { Queue } from './queue.ts'

/** A message on its way out; exactly one of the two is called, once. Callbacks must not throw. */
export interface OutputWaiter {
  released(): void
  dropped(error: unknown): void
}

export interface OutputGateHooks {
  /** Nothing leaves any more. Called once, after all waiters were dropped. */
  readonly broken?: (error: unknown) => void
}

/** One unconfirmed commit that keeps the output gate shut. */
export class OutputHold {
  readonly #settled: (hold: OutputHold) => void
  readonly #failed: (error: unknown) => void
  #state: 'held' | 'released' | 'failed' = 'held'

  /** @internal Made by {@link OutputGate.hold}. */
  constructor(settled: (hold: OutputHold) => void, failed: (error: unknown) => void) {
    this.#settled = settled
    this.#failed = failed
  }

  get state(): 'held' | 'released' | 'failed' {
    return this.#state
  }

  /** The commit is confirmed. */
  release(): void {
    assert(this.#state === 'held', 'an output hold is settled twice')
    this.#state = 'released'
    this.#settled(this)
  }

  /** The commit will never be confirmed: the gate breaks. [OG4] */
  fail(error: unknown): void {
    assert(this.#state === 'held', 'an output hold is settled twice')
    this.#state = 'failed'
    this.#failed(error)
  }
}

interface Waiting {
  // [OG2] The waiter may go when holds 1 to `snapshot` are released, in whatever order that happens.
  readonly snapshot: number
  readonly waiter: OutputWaiter
}

/**
 * Decides when a message may leave one object. A message waits for the holds that are present when
 * it is issued; messages never overtake each other. [OG1, OG2, OG3]
 */
export class OutputGate {
  readonly #hooks: OutputGateHooks
  // In the order made; released ones stay until all before them are released.
  readonly #holds = new Queue<OutputHold>()
  readonly #waiters = new Queue<Waiting>()
  // Holds 1 to `#releasedThrough` are released; `#issued` is the number of the newest.
  #releasedThrough = 0
  #issued = 0
  #isReleasing = false
  #broken: { readonly error: unknown } | undefined

  constructor(hooks: OutputGateHooks = {}) {
    this.#hooks = hooks
  }

  /** No hold is present: messages leave at once. */
  get isOpen(): boolean {
    return this.#broken === undefined && this.#releasedThrough === this.#issued
  }

  get broken(): { readonly error: unknown } | undefined {
    return this.#broken
  }

  get waiterCount(): number {
    return this.#waiters.length
  }

  /** Keeps inside whatever is issued from now on, until the hold is released. */
  hold(): OutputHold {
    const hold = new OutputHold(
      () => this.#settle(),
      (error) => this.break(error),
    )
    this.#holds.push(hold)
    this.#issued += 1
    return hold
  }

  /** Issues a message. Released before this returns when no hold is present. [OG2] */
  wait(waiter: OutputWaiter): void {
    if (this.#broken !== undefined) {
      waiter.dropped(this.#broken.error)
    } else if (this.#releasedThrough === this.#issued && this.#waiters.length === 0) {
      waiter.released()
    } else {
      this.#waiters.push({ snapshot: this.#issued, waiter })
      // Only what is being released now is ahead of it, perhaps.
      this.#settle()
    }
  }

  /** Breaks the gate for ever: what waits, and what will be issued, is dropped. [OG4] */
  break(error: unknown): void {
    if (this.#broken !== undefined) return
    this.#broken = { error }
    for (const { waiter } of this.#waiters.drain()) waiter.dropped(error)
    this.#hooks.broken?.(error)
  }

  // Waiters may issue, hold and release in turn; the outermost call lets all of them go, in order.
  #settle(): void {
    if (this.#isReleasing || this.#broken !== undefined) return
    this.#isReleasing = true
    try {
      for (;;) {
        while (this.#holds.first?.state === 'released') {
          this.#holds.shift()
          this.#releasedThrough += 1
        }
        const next = this.#waiters.first
        if (next === undefined || next.snapshot > this.#releasedThrough) return
        this.#waiters.shift()
        next.waiter.released()
      }
    } finally {
      this.#isReleasing = false
    }
  }
}

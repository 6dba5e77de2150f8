import { AsyncLocalStorage } from 'node:async_hooks'
import { type Compatibility, newestCompatibility, Ring, RingMember } from '../base/index.ts'

/** Something that waits to leave its owner; settled exactly once, outside of the owner's code. */
export interface Outgoing {
  released(): void
  dropped(error: unknown): void
}

/**
 * A place from which a later event re-enters its owner: the critical section (or root gate) that
 * was in force when the wait began.
 */
export interface Entry {
  /**
   * Runs `run` in one turn of the owner as soon as the input gate lets it in. When the owner's own
   * turn, in the same section, is running now, `run` is called at once: nothing slips in, because
   * no event is delivered. Does nothing when the owner is broken.
   */
  deliver(run: () => void): void
  /** As {@link deliver}, but always in a turn of its own. */
  deliverLater(run: () => void): void
}

class BrokenListener extends RingMember {
  readonly listener: (error: unknown) => void

  constructor(listener: (error: unknown) => void) {
    super()
    this.listener = listener
  }
}

/**
 * Whose code runs: an incarnation of an object, or one request of the stateless worker.
 *
 * Level 1 knows no gates; an owner brings them. Everything that hands a promise or a callback to
 * user code talks to its owner only through this class.
 */
export abstract class Owner {
  /** For messages: `Room "lobby"`, `worker`. */
  abstract readonly label: string
  /** Which behaviours this code was written for. */
  readonly compatibility: Compatibility = newestCompatibility

  /** How many sockets this owner has accepted whose connection is not over, and how many it may. */
  openSockets = 0
  readonly openSocketsMax: number = Number.POSITIVE_INFINITY

  #enter: (<R>(run: () => R) => R) | undefined
  // Raised while a timer, a fetch or another piece of I/O is under way: such an owner is not idle.
  #waits = 0
  #strays = 0
  #broken: { readonly error: unknown } | undefined
  #brokenListeners: Ring<BrokenListener> | undefined

  /** The entry for events that belong to what the current turn does. */
  abstract entry(): Entry

  /** Lets `message` go when everything that this owner wrote so far is confirmed. */
  protected abstract leave(message: Outgoing): void

  /** A turn of this owner is over: microtasks are drained, the lock is still held. */
  abstract turnEnded(): void

  /** User code threw where nobody can catch it (a timer, a listener, a microtask). */
  abstract uncaught(error: unknown): void

  /**
   * Lets `message` go when everything that its sender may know of is confirmed: the writes of this
   * owner and, for a stray, also those of the owner whose turn runs now. [EG12]
   */
  egress(message: Outgoing): void {
    const holder = holderOfTurn()
    if (holder === undefined || holder === this) this.leave(message)
    else {
      holder.leave({
        released: () => this.leave(message),
        dropped: (error) => message.dropped(error),
      })
    }
  }

  /** Whether I/O that will enter this owner again is under way. */
  get hasWaits(): boolean {
    return this.#waits > 0
  }

  /** How often code of this owner asked for something outside of its own turns. */
  get strayCount(): number {
    return this.#strays
  }

  /** Counts a stray; the first one of an owner is reported with its source line. */
  countStray(operation: string): void {
    this.#strays += 1
    if (this.#strays === 1) this.strayed(operation)
  }

  /** The first stray of this owner; overridden to warn. */
  protected strayed(_operation: string): void {}

  /** Set for ever when this owner's code may no longer run nor be heard. */
  get broken(): { readonly error: unknown } | undefined {
    return this.#broken
  }

  /**
   * Calls `listener` once when this owner breaks, at once if it is broken already: whoever waits
   * for its code must learn that nothing will come.
   *
   * @returns how to stop listening
   */
  onBroken(listener: (error: unknown) => void): () => void {
    if (this.#broken !== undefined) {
      listener(this.#broken.error)
      return () => {}
    }
    const member = new BrokenListener(listener)
    this.#brokenListeners ??= new Ring()
    this.#brokenListeners.add(member)
    return () => member.unlink()
  }

  /** @returns false when this owner is broken already; the first error stays */
  protected setBroken(error: unknown): boolean {
    if (this.#broken !== undefined) return false
    this.#broken = { error }
    for (const { listener } of this.#brokenListeners?.drain() ?? []) listener(error)
    return true
  }

  /** Marks the start of I/O; `waitEnded` must follow once. */
  waitStarted(): void {
    this.#waits += 1
  }

  waitEnded(): void {
    this.#waits -= 1
  }

  /** Runs `run` in this owner's async context: its code stays its own across awaits. */
  enter<R>(run: () => R): R {
    this.#enter ??= rootContext(() => codeOwner.run(this, () => AsyncLocalStorage.snapshot()))
    return this.#enter(run)
  }
}

let holderOfTurn: () => Owner | undefined = () => undefined

/** Tells owners who holds the turn; the pump does so when it is loaded. */
export function setTurnHolder(holder: () => Owner | undefined): void {
  holderOfTurn = holder
}

/** Whose code is this, by async context. Free per await from Node 24 on. */
export const codeOwner: AsyncLocalStorage<Owner> = new AsyncLocalStorage()

/**
 * The async context of the program itself. Host code (undici among it) is called through here, so
 * that it neither meets patched globals as user code would, nor keeps a user's store alive.
 */
export const rootContext: <R>(run: () => R) => R = AsyncLocalStorage.snapshot()

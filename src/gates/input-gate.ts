import { assert } from '../base/index.ts'
import { Queue } from './queue.ts'

/** Who waits to enter; exactly one of the two is called, once. Callbacks must not throw. */
export interface InputWaiter {
  /** The gate is locked for the waiter, who owns the lock. */
  granted(lock: InputLock): void
  rejected(error: unknown): void
}

export interface InputGateHooks {
  /** The gate will never open again. Called once, after all waiters were rejected. */
  readonly broken?: (error: unknown) => void
}

/**
 * A reference to the fact that a gate is locked. The gate stays locked while any reference lives.
 * [IG2]
 */
export class InputLock {
  readonly #gate: InputGate
  #isReleased = false

  /** @internal Only gates make locks. */
  constructor(gate: InputGate) {
    this.#gate = gate
  }

  /** What is locked: the root gate or a critical section that is in force. */
  get gate(): InputGate {
    return this.#gate.live
  }

  /** Another reference to the same lock. */
  addRef(): InputLock {
    assert(!this.#isReleased, 'an input lock is referenced after its release')
    return this.#gate.addLock()
  }

  /** Gives the reference back; the last one lets exactly one waiter in. [IG3] */
  release(): void {
    assert(!this.#isReleased, 'an input lock is released twice')
    this.#isReleased = true
    this.#gate.removeLock()
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

/**
 * Decides when an event may be delivered to one object. Pure: it calls back, synchronously, and the
 * caller runs the turn.
 */
export class InputGate {
  readonly #hooks: InputGateHooks
  // [IG2] The gate is locked exactly when this is not 0.
  #lockCount = 0
  // [IG4] Sections that wait to start go before events that wait to enter.
  readonly #children = new Queue<InputWaiter>()
  readonly #waiters = new Queue<InputWaiter>()
  #broken: { readonly error: unknown } | undefined

  constructor(hooks: InputGateHooks = {}) {
    this.#hooks = hooks
  }

  get isLocked(): boolean {
    return this.#lockCount > 0
  }

  /** Set for ever once the gate broke. */
  get broken(): { readonly error: unknown } | undefined {
    return this.#broken
  }

  get waiterCount(): number {
    return this.#waiters.length + this.#children.length
  }

  /**
   * Asks to enter. A free gate is locked and granted at once, before this returns; a broken one
   * rejects at once; otherwise the waiter queues, first come first served. [IG1]
   */
  wait(waiter: InputWaiter): void {
    this.#enqueue(this.#waiters, waiter)
  }

  /** A nested scope; nothing is locked before its first `wait()`. [CS1] */
  startCriticalSection(): CriticalSection {
    return new CriticalSection(this)
  }

  /** Breaks the gate for ever: everybody who waits, and will wait, is rejected. [IG5] */
  break(error: unknown): void {
    if (this.#broken !== undefined) return
    this.#broken = { error }
    const rejected = [...this.#children.drain(), ...this.#waiters.drain()]
    for (const waiter of rejected) waiter.rejected(error)
    this.#hooks.broken?.(error)
  }

  /** How deep this gate is nested; 0 for the root. */
  get depth(): number {
    return 0
  }

  /**
   * Itself, until a section succeeds; then the nearest gate above that is still in force. What is
   * left of a finished section counts there. [CS4]
   */
  get live(): InputGate {
    return this
  }

  /** @internal A section asks for the lock, with priority. */
  waitAsChild(waiter: InputWaiter): void {
    this.#enqueue(this.#children, waiter)
  }

  /** @internal */
  addLock(): InputLock {
    this.#lockCount += 1
    return new InputLock(this)
  }

  /** @internal */
  removeLock(): void {
    assert(this.#lockCount > 0, 'an input gate is unlocked more often than locked')
    this.#lockCount -= 1
    if (this.#lockCount > 0) return
    const next = this.#children.shift() ?? this.#waiters.shift()
    // The lock is taken before the waiter hears of it, so a freed gate cannot be stolen. [IG3]
    next?.granted(this.addLock())
  }

  /** @internal Takes over the locks and waiters of a section that succeeded. [CS4] */
  adopt(section: InputGate): void {
    this.#lockCount += section.#lockCount
    section.#lockCount = 0
    for (const child of section.#children.drain()) this.#enqueue(this.#children, child)
    for (const waiter of section.#waiters.drain()) this.#enqueue(this.#waiters, waiter)
  }

  #enqueue(queue: Queue<InputWaiter>, waiter: InputWaiter): void {
    if (this.#broken !== undefined) waiter.rejected(this.#broken.error)
    else if (this.#lockCount === 0) waiter.granted(this.addLock())
    else queue.push(waiter)
  }
}

/**
 * A nested scope of locks (`blockConcurrencyWhile`, `transaction`). From its first `wait()` to its
 * end it holds one lock of its parent, so that no event of the parent is delivered; what the scope
 * itself starts waits at the section's own gate. [CS1, CS2]
 */
export class CriticalSection extends InputGate {
  readonly #depth: number
  #parent: InputGate
  #state: 'not-started' | 'initial-wait' | 'running' | 'finished' = 'not-started'
  // Held while `running`. [CS2]
  #parentLock: InputLock | undefined

  /** @internal Made by {@link InputGate.startCriticalSection}. */
  constructor(parent: InputGate) {
    super()
    this.#parent = parent
    this.#depth = parent.depth + 1
  }

  override get depth(): number {
    return this.#depth
  }

  get state(): 'not-started' | 'initial-wait' | 'running' | 'finished' {
    return this.#state
  }

  override get live(): InputGate {
    let gate: InputGate = this
    while (gate instanceof CriticalSection && gate.#state === 'finished') gate = gate.#parent
    // Later look-ups skip what is finished for good.
    if (gate !== this) this.#parent = gate
    return gate
  }

  /** The first call starts the section; later ones wait inside it; after its end, above it. */
  override wait(waiter: InputWaiter): void {
    if (this.#state === 'finished') this.live.wait(waiter)
    else if (this.#state === 'not-started' && this.broken === undefined) this.#start(waiter)
    else super.wait(waiter)
  }

  override waitAsChild(waiter: InputWaiter): void {
    if (this.#state === 'finished') this.live.waitAsChild(waiter)
    else super.waitAsChild(waiter)
  }

  override addLock(): InputLock {
    return this.#state === 'finished' ? this.live.addLock() : super.addLock()
  }

  override removeLock(): void {
    if (this.#state === 'finished') this.live.removeLock()
    else super.removeLock()
  }

  /**
   * Ends the section well: its waiters, and locks still held, become the parent's.
   *
   * @returns the parent's lock, which the section held: whoever releases it decides when the next
   *   event may come, so the code after the section runs before any queued event [CS3]
   */
  succeeded(): InputLock {
    const parentLock = this.#parentLock
    assert(this.#state === 'running' && parentLock !== undefined, 'a section ends that never ran')
    this.#state = 'finished'
    this.#parentLock = undefined
    this.#parent.live.adopt(this)
    return parentLock
  }

  /** Breaks the section and every gate above it, up to the root. [CS5] */
  failed(error: unknown): void {
    let gate: InputGate = this
    while (gate instanceof CriticalSection) {
      gate.break(error)
      gate = gate.#parent
    }
    gate.break(error)
  }

  #start(waiter: InputWaiter): void {
    this.#state = 'initial-wait'
    // Taken before the parent grants: whoever else waits here comes after the first waiter.
    const lock = this.addLock()
    this.#parent.live.waitAsChild({
      granted: (parentLock) => {
        if (this.broken !== undefined) {
          parentLock.release()
          return
        }
        this.#state = 'running'
        this.#parentLock = parentLock
        waiter.granted(lock)
      },
      rejected: (error) => {
        waiter.rejected(error)
        this.break(error)
      },
    })
  }
}

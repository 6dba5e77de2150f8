import { assert, type Clock, type Compatibility, DurableError, type Timers } from '../base/index.ts'
import { type CriticalSection, InputGate, type InputLock, OutputGate } from '../gates/index.ts'
import { copyError } from '../rpc/index.ts'
import type { Answer, DurableStore } from '../storage/index.ts'
import { currentTurn, type Entry, type Outgoing, pump } from '../turns/index.ts'
import { alarmCall, type AlarmRing } from './alarm-call.ts'
import type { InboundCall } from './call.ts'
import { CpuLimit } from './cpu-limit.ts'
import { EventOwner, isThenable } from './event-owner.ts'
import type { HibernatableSockets } from './hibernatable-sockets.ts'
import { ObjectAlarm } from './object-alarm.ts'

const criticalSectionMs = 30_000
const confirmMs = 30_000
const sectionDepthMax = 64
const openSocketsMax = 32_768

export interface IncarnationOptions {
  /** For messages: class and name, or class and id. */
  readonly label: string
  /** Hex. */
  readonly objectId: string
  /** Lent: the store may outlive this incarnation. */
  readonly store: DurableStore
  readonly clock: Clock
  readonly timers: Timers
  readonly compatibility: Compatibility
  /** What the object may compute after an event has come to it, in milliseconds. */
  readonly cpuMs?: number | undefined
  /** The object's hibernatable sockets; they outlive this incarnation when it is evicted. */
  readonly sockets: HibernatableSockets
  /** A facet of another object: it has no alarm. */
  readonly isFacet: boolean
  /** `deleteAll()`: what facets of the object have stored goes as well. */
  readonly deleteFacets: (incarnation: Incarnation) => void
  /** Makes the user's instance; runs inside the first turn. */
  readonly construct: (incarnation: Incarnation) => object
  /** This incarnation is over; the next event finds a new one. Called once. */
  readonly ended: (error: unknown) => void
  /** Something the developer should see; no caller gets it. */
  readonly report: (message: string, error: unknown) => void
}

/**
 * One life of an object in memory, from wake to evict or reset: its gates, its instance, and the
 * calls it owes an answer. [OB1]
 */
export class Incarnation extends EventOwner {
  readonly label: string
  readonly store: DurableStore
  readonly alarm: ObjectAlarm
  readonly clock: Clock
  readonly sockets: HibernatableSockets
  override readonly compatibility: Compatibility
  override readonly openSocketsMax: number = openSocketsMax
  protected readonly objectId: string
  readonly #options: IncarnationOptions
  readonly #inputGate: InputGate
  readonly #outputGate: OutputGate
  readonly #rootEntry: Entry
  #instance: object | undefined
  #isConstructed = false
  readonly #cpu: CpuLimit | undefined
  #isEndedByParent = false

  constructor(options: IncarnationOptions) {
    super()
    this.label = options.label
    this.objectId = options.objectId
    this.store = options.store
    this.alarm = new ObjectAlarm(options.store)
    this.clock = options.clock
    this.sockets = options.sockets
    this.compatibility = options.compatibility
    this.#options = options
    this.#cpu = options.cpuMs === undefined ? undefined : new CpuLimit(options.cpuMs)
    this.#inputGate = new InputGate({ broken: (error) => this.break(error) })
    this.#outputGate = new OutputGate({ broken: (error) => this.break(error) })
    this.#rootEntry = this.#entryThrough(this.#inputGate)
    this.#attachStore()
    // [OB2] The constructor takes the lock ahead of the event that woke the object.
    this.#rootEntry.deliverLater(() => this.#construct())
  }

  /** Nothing is under way: the instance may be dropped without anybody noticing. */
  get isIdle(): boolean {
    return (
      this.#isConstructed &&
      !this.hasCalls &&
      !this.hasWaits &&
      !this.#inputGate.isLocked &&
      this.#outputGate.isOpen &&
      !this.store.hasUnconfirmed
    )
  }

  /** Whether this incarnation's own code runs, in its own turn. */
  get holdsTurn(): boolean {
    return currentTurn()?.owner === this
  }

  entry(): Entry {
    const gate = this.#gateHere()
    return gate === this.#inputGate ? this.#rootEntry : this.#entryThrough(gate)
  }

  override enter<R>(run: () => R): R {
    this.#cpu?.turnStarted()
    return super.enter(run)
  }

  override deliver(call: InboundCall, entry?: Entry): void {
    this.#cpu?.eventCame()
    super.deliver(call, entry)
  }

  turnEnded(): void {
    const excess = this.#cpu?.turnEnded()
    if (excess !== undefined) this.break(excess)
    if (this.broken === undefined) this.store.turnEnded()
    else this.store.turnAborted()
  }

  uncaught(error: unknown): void {
    this.#options.report('Uncaught error', error)
  }

  /**
   * Ends this incarnation: nothing more enters or leaves, unanswered calls fail with `error`, and
   * the writes of the turn that runs now are rolled back. [OB4]
   */
  break(error: unknown): void {
    if (!this.setBroken(error)) return
    this.#inputGate.break(error)
    this.#outputGate.break(error)
    this.sockets.disconnectAll()
    this.store.setListener(undefined)
    if (!this.holdsTurn) this.store.turnAborted()
    this.#options.ended(error)
  }

  /** As {@link break}, for a facet that its parent ends: callers get `error` as it is. [FC4] */
  endByParent(error: unknown): void {
    this.#isEndedByParent = true
    this.break(error)
  }

  get isFacet(): boolean {
    return this.#options.isFacet
  }

  /** Deletes what facets of the object have stored, and ends them. [FC5] */
  deleteFacets(): void {
    this.#options.deleteFacets(this)
  }

  /** Calls `alarm()` of the instance, as an event. [AL4] */
  ring(ring: AlarmRing): void {
    const { alarm, store } = this
    const { timers, report } = this.#options
    const incarnation = this
    this.deliver(
      alarmCall(
        {
          alarm,
          store,
          timers,
          report,
          get broken() {
            return incarnation.broken
          },
          break: (error) => this.break(error),
        },
        ring,
      ),
    )
  }

  /** Whether there is an instance, whose handlers can be looked for. */
  get hasInstance(): boolean {
    return this.#instance !== undefined
  }

  /** Whether the instance has an `alarm()` that can be called. */
  get hasAlarmHandler(): boolean {
    return (
      this.#instance !== undefined && typeof Reflect.get(this.#instance, 'alarm') === 'function'
    )
  }

  /** Lets go of the store. Only for an idle incarnation: nothing of it can run afterwards. */
  evict(): void {
    assert(this.isIdle, `${this.label} is evicted while something is under way`)
    this.sockets.instanceDropped()
    this.store.setListener(undefined)
    this.setOver()
  }

  /** @throws the error that broke this incarnation, if any */
  requireAlive(): void {
    if (this.broken !== undefined) throw copyError(this.broken.error, { durableObjectReset: true })
  }

  /**
   * Runs `callback` while no other event is delivered; its value arrives before any queued event.
   * When it fails, so does this incarnation, and the promise never settles. [CS, OB5]
   *
   * @returns a promise that rejects at once when nested more than 64 deep
   */
  blockConcurrencyWhile<T>(callback: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      const section = this.#startSection()
      this.#runSection(section, callback, resolve, (error) => section.failed(error))
    })
  }

  /** As {@link blockConcurrencyWhile}, but an error of `callback` is the caller's. */
  runExclusively<T>(callback: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const section = this.#startSection()
      const settled = (): Promise<() => void> =>
        callback().then(
          (value) => () => resolve(value),
          (error: unknown) => () => reject(error),
        )
      this.#runSection(
        section,
        settled,
        (settle) => settle(),
        (error) => section.failed(error),
      )
    })
  }

  /**
   * A promise of what storage answers later. Until its continuation has run, with all its microtasks,
   * nothing is delivered but answers of storage that was asked under the same lock, and it is delivered
   * in the critical section in which it was asked for. With `allowConcurrency` it is an event like any
   * other. Called in a turn of this incarnation. [KC18, KC19]
   */
  awaitStorage<T>(answer: Answer<T>, allowConcurrency: boolean): Promise<T> {
    const deliver = allowConcurrency ? this.#deliverAsEvent() : this.#deliverUnderLock()
    return new Promise((resolve, reject) => {
      answer.whenSettled(
        (value) => deliver(() => resolve(value)),
        (error) => deliver(() => reject(error)),
      )
    })
  }

  /**
   * Delivers an event that nobody waits for an answer of: `handle` runs on the instance, and an error
   * is reported. Until it is done this incarnation stays in memory; it is reset when that takes longer
   * than `timeLimitMs` (0: no limit). [WS21]
   */
  deliverEvent(what: string, timeLimitMs: number, handle: (instance: object) => unknown): void {
    this.#cpu?.eventCame()
    this.waitStarted()
    this.#rootEntry.deliverLater(() => {
      let result: unknown
      try {
        result = handle(this.target())
      } catch (error) {
        this.#options.report(`Uncaught error in ${what}`, error)
      }
      if (isThenable(result)) this.#awaitHandler(what, timeLimitMs, result)
      else this.waitEnded()
    })
  }

  /** Keeps this incarnation in memory until `promise` settles; an error is reported. */
  waitUntil(promise: unknown): void {
    this.waitStarted()
    Promise.resolve(promise).then(
      () => this.waitEnded(),
      (error: unknown) => {
        this.waitEnded()
        this.#options.report('Uncaught error in waitUntil()', error)
      },
    )
  }

  /** Calls back when everything written so far is confirmed. */
  whenConfirmed(callback: (error: Error | undefined) => void): void {
    this.store.whenConfirmed(callback)
  }

  /** Lets nothing out before all that was written to `store` so far is confirmed. */
  holdUntilConfirmed(store: Pick<DurableStore, 'whenConfirmed'>): void {
    const hold = this.#hold()
    store.whenConfirmed((error) => {
      if (error === undefined) hold.release()
      else hold.fail(error)
    })
  }

  protected override get isResetWhenBroken(): boolean {
    return !this.#isEndedByParent
  }

  protected leave(message: Outgoing): void {
    this.#outputGate.wait(message)
  }

  protected target(): object {
    if (this.#instance === undefined) throw new Error('Cannot deliver a call: no instance exists')
    return this.#instance
  }

  protected rootEntry(): Entry {
    return this.#rootEntry
  }

  protected warn(warning: Error): void {
    this.#options.report('Warning', warning)
  }

  protected override strayed(operation: string): void {
    const where = new Error(
      `${operation} was called by code of ${this.label} outside of its turns: it waits for the gate. ` +
        'A callback of something that Sluice does not wrap is the usual cause',
    )
    this.#options.report('Stray continuation', where)
  }

  #awaitHandler(what: string, timeLimitMs: number, result: PromiseLike<unknown>): void {
    const over = (): void => {
      timer?.cancel()
      this.waitEnded()
    }
    const failed = (error: unknown): void => {
      this.#options.report(`Uncaught error in ${what}`, error)
      over()
    }
    const tookTooLong = (): void => {
      const text = 'Actor exceeded event execution time and was disconnected.'
      const error = new DurableError(text, { retryable: true })
      this.#options.report(`Cannot wait for ${what} any longer`, error)
      this.break(error)
    }
    const timer =
      timeLimitMs === 0 ? undefined : this.#options.timers.after(timeLimitMs, tookTooLong)
    result.then(over, failed)
  }

  #construct(): void {
    try {
      this.#instance = this.#options.construct(this)
      this.#isConstructed = true
    } catch (error) {
      this.break(error)
    }
  }

  #attachStore(): void {
    this.store.setListener({
      holdOutput: () => this.#hold(),
      broke: (error) => this.break(error),
      // The lock keeps turns away; it is asked for like any other, so nobody waits for long.
      whenQuiet: (act) =>
        this.#inputGate.wait({
          granted: (lock) =>
            this.store.whenConfirmed(() => {
              if (this.broken === undefined) act()
              lock.release()
            }),
          rejected: () => {},
        }),
    })
    // Commits of an earlier incarnation may still be on their way: what this one reads of them must
    // not be told before they are confirmed. [OB6]
    if (this.store.hasUnconfirmed) this.holdUntilConfirmed(this.store)
  }

  #hold(): { release(): void; fail(error: unknown): void } {
    const hold = this.#outputGate.hold()
    const timer = this.#options.timers.after(confirmMs, () =>
      hold.fail(
        new DurableError(
          'Durable Object storage operation exceeded timeout which caused object to be reset.',
          { overloaded: true },
        ),
      ),
    )
    return {
      release: () => {
        timer.cancel()
        if (hold.state === 'held') hold.release()
      },
      fail: (error) => {
        timer.cancel()
        if (hold.state === 'held') hold.fail(error)
      },
    }
  }

  // The section in force for the code that runs now. A stray has none: it enters at the root.
  #gateHere(): InputGate {
    const turn = currentTurn()
    return turn?.owner === this ? (turn.lock as InputLock).gate : this.#inputGate
  }

  #entryThrough(gate: InputGate): Entry {
    const deliverLater = (run: () => void): void => {
      gate.wait({
        granted: (lock) => this.#post(lock, run),
        // Whoever waits for a broken owner listens to `onBroken`.
        rejected: () => {},
      })
    }
    const deliver = (run: () => void): void => {
      const turn = currentTurn()
      if (turn?.owner === this && (turn.lock as InputLock).gate === gate) {
        if (this.broken === undefined) run()
      } else deliverLater(run)
    }
    return { deliver, deliverLater }
  }

  // The lock is held already, so nothing overtakes an event that waits here for storage. [KC16]
  #post(lock: InputLock, run: () => void): void {
    const post = (): void =>
      pump.post(this, lock, () => {
        if (this.broken === undefined) run()
      })
    if (this.store.whenRelieved === undefined) post()
    else this.store.whenRelieved(post)
  }

  #deliverUnderLock(): (run: () => void) => void {
    const turn = currentTurn()
    assert(turn?.owner === this, `storage of ${this.label} is awaited outside of its turns`)
    const lock = (turn.lock as InputLock).addRef()
    return (run) => this.#post(lock, run)
  }

  #deliverAsEvent(): (run: () => void) => void {
    const entry = this.entry()
    this.waitStarted()
    return (run) => {
      this.waitEnded()
      entry.deliverLater(run)
    }
  }

  #startSection(): CriticalSection {
    this.requireAlive()
    const section = this.#gateHere().startCriticalSection()
    if (section.depth > sectionDepthMax) {
      throw new Error('blockConcurrencyWhile() calls are nested too deeply.')
    }
    return section
  }

  #runSection<T>(
    section: CriticalSection,
    callback: () => T | Promise<T>,
    succeeded: (value: T) => void,
    failed: (error: unknown) => void,
  ): void {
    const timer = this.#options.timers.after(criticalSectionMs, () =>
      section.failed(
        new DurableError(
          'A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was canceled and the Durable Object was reset.',
          { overloaded: true },
        ),
      ),
    )
    const stopListening = this.onBroken(() => timer.cancel())
    const settle = (finish: () => void): void => {
      if (this.broken !== undefined) return
      timer.cancel()
      stopListening()
      finish()
    }
    const run = async (): Promise<T> => await callback()
    this.#entryThrough(section).deliverLater(() => {
      run().then(
        (value) => settle(() => pump.post(this, section.succeeded(), () => succeeded(value))),
        (error: unknown) => settle(() => failed(error)),
      )
    })
  }
}

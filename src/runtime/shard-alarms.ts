import { AlarmSchedule, type Ring, type RingOutcome } from '../alarms/index.ts'
import type { Clock, Random, Timer, Timers } from '../base/index.ts'
import { IdFactory, type ObjectId } from '../names/index.ts'
import type { AlarmEnd } from '../objects/index.ts'
import type { Catalogue } from './catalogue.ts'
import type { ObjectClass, ObjectTable } from './object-table.ts'

export interface ShardAlarmsOptions {
  readonly table: ObjectTable
  readonly catalogue: Catalogue
  /** The classes whose objects can be woken. */
  readonly classes: readonly ObjectClass[]
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly report: (message: string, error: unknown) => void
}

// A wall clock may be set: nothing sleeps longer than this without looking at it.
const sleepMsMax = 60_000
// Alarms that are due together do not start together: requests are served in between.
const startsMax = 100
// With so many handlers under way, others start slowly; they must not wait for the slowest of them.
const ringingMany = 1000
const slowMs = 100
const failedMs = 1000
// Objects that alarms woke, and that nobody else asked for, leave memory early when there are more.
const wokenMax = 500

/**
 * Wakes the objects of one shard when their alarms are due. The schedule follows confirmed commits and
 * nothing else, in the same moment in which they are confirmed: it is never later than what is stored.
 * An alarm that was moved or deleted by a commit not yet confirmed may be due all the same; then what
 * the object's own store says decides. [AL3]
 */
export class ShardAlarms {
  readonly #options: ShardAlarmsOptions
  readonly #schedule: AlarmSchedule
  readonly #classes: ReadonlyMap<string, { objectClass: ObjectClass; ids: IdFactory }>
  readonly #unknownClasses = new Set<string>()
  // Oldest first.
  #woken = new Set<string>()
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #isStopped = false
  #drained: (() => void) | undefined

  constructor(options: ShardAlarmsOptions) {
    this.#options = options
    this.#schedule = new AlarmSchedule({ source: options.catalogue, random: options.random })
    this.#classes = new Map(
      options.classes.map((objectClass) => [
        objectClass.uniqueKey,
        { objectClass, ids: new IdFactory(objectClass.uniqueKey) },
      ]),
    )
    this.#plan()
  }

  /** A commit of the object `key` is durable, and the catalogue knows. */
  confirmed(key: string, alarmAt: number | null): void {
    this.#schedule.confirmed(key, alarmAt)
    this.#plan()
  }

  /** Starts no alarm any more. Resolves when no handler is under way. [AL10] */
  stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    if (this.#schedule.ringingCount === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#drained = resolve
    })
  }

  // The catalogue's disk may fail. Whoever told of a commit must not hear of that: it is tried again.
  #plan(): void {
    if (this.#isStopped) return
    try {
      this.#planNext()
    } catch (error) {
      this.#cannotRead(error)
    }
  }

  #cannotRead(error: unknown): void {
    this.#options.report('Cannot read which alarms are due', error)
    this.#wakeAfter(failedMs)
  }

  #planNext(): void {
    const next = this.#schedule.nextAt()
    if (next === undefined) return
    const now = this.#options.clock.unixMs()
    const pauseMs = this.#schedule.ringingCount < ringingMany ? 0 : slowMs
    const at = Math.min(Math.max(next, now + pauseMs), now + sleepMsMax)
    if (at < this.#timerAt) this.#wakeAfter(at - now)
  }

  #wakeAfter(delayMs: number): void {
    this.#timer?.cancel()
    this.#timerAt = this.#options.clock.unixMs() + delayMs
    this.#timer = this.#options.timers.after(delayMs, () => this.#wake())
  }

  #wake(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    const now = this.#options.clock.unixMs()
    try {
      // One by one: what is taken rings, also when the next cannot be read.
      for (let started = 0; started < startsMax; started += 1) {
        const [ring] = this.#schedule.takeDue(now, 1)
        if (ring === undefined) break
        this.#ring(ring)
      }
    } catch (error) {
      this.#cannotRead(error)
      return
    }
    this.#plan()
  }

  #ring(ring: Ring): void {
    const found = this.#find(ring.key)
    // Its class is not there any more: the alarm stays stored for a program that has it again.
    if (found === undefined) this.#finish(ring, { kind: 'ignored' })
    else {
      try {
        this.#deliver(ring, found)
      } catch (error) {
        this.#options.report(`Cannot wake the object ${ring.key} for its alarm`, error)
        const isCounted = false
        this.#finish(ring, { kind: 'failed', isCounted, isReplaced: false, mayRetry: true })
      }
    }
  }

  #deliver(ring: Ring, { objectClass, id }: { objectClass: ObjectClass; id: ObjectId }): void {
    const { table } = this.#options
    const resident = table.resident(objectClass, id)
    if (!resident.isAwake) {
      // The instance need not be made for an alarm that is not stored any more.
      const store = table.openStore(ring.key, id.name)
      const storedAt = store.getAlarm()
      if (storedAt !== ring.at) {
        store.whenConfirmed((error) =>
          this.#finish(ring, {
            kind: 'spurious',
            storedAt: error === undefined ? storedAt : ring.at,
          }),
        )
        return
      }
      this.#woken.add(ring.key)
    }
    const { at, retryCount, isLast } = ring
    resident.ring({
      at,
      retryCount,
      isLast,
      ended: (end) => {
        if (end.kind === 'reset' && !this.#isStopped) {
          const label = `${objectClass.name} ${JSON.stringify(id.name ?? id.toString())}`
          this.#options.report(`${label}: The object was reset during its alarm`, end.error)
        }
        this.#finish(ring, outcomeOf(end))
      },
    })
  }

  #finish(ring: Ring, outcome: RingOutcome): void {
    const { table, clock, report } = this.#options
    const result = this.#schedule.finished(ring.key, outcome, clock.unixMs())
    if (this.#isStopped) {
      if (this.#schedule.ringingCount === 0) this.#drained?.()
      return
    }
    if (result === 'abandoned') {
      try {
        table.clearAlarm(ring.key, ring.at)
      } catch (error) {
        report(`Cannot delete the abandoned alarm of ${ring.key}`, error)
      }
    }
    for (const key of this.#woken) {
      if (this.#woken.size <= wokenMax) break
      this.#woken.delete(key)
      table.evict(key)
    }
    this.#plan()
  }

  #find(key: string): { objectClass: ObjectClass; id: ObjectId } | undefined {
    const slash = key.lastIndexOf('/')
    const uniqueKey = key.slice(0, slash)
    const known = this.#classes.get(uniqueKey)
    if (known === undefined) {
      if (!this.#unknownClasses.has(uniqueKey)) {
        this.#unknownClasses.add(uniqueKey)
        this.#options.report(
          'Alarms wait',
          new Error(`objects of '${uniqueKey}' have alarms, and no class is bound to it`),
        )
      }
      return undefined
    }
    const { objectClass, ids } = known
    const name = this.#options.catalogue.nameOf(key)
    const hex = key.slice(slash + 1)
    return { objectClass, id: ids.idFromString(hex, name) }
  }
}

function outcomeOf(end: AlarmEnd): RingOutcome {
  switch (end.kind) {
    case 'succeeded':
    case 'spurious':
      return end
    case 'threw':
      return { kind: 'failed', isCounted: true, isReplaced: end.isReplaced, mayRetry: true }
    case 'reset':
      return {
        kind: 'failed',
        isCounted: end.isCounted,
        isReplaced: false,
        mayRetry: end.mayRetry,
      }
  }
}

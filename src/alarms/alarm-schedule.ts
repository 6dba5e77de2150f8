import { assert, type Random, type UnixMs } from '../base/index.ts'
import { compareDue, DueHeap } from './due-heap.ts'
import { type AlarmSource, DueIndex } from './due-index.ts'
import { decideRetry, firstRun, retriesMax, type RetryState } from './retry.ts'

/** An alarm that is due: its handler should be called. Ends with `finished`, once. */
export interface Ring {
  readonly key: string
  /** The time that it was set for. */
  readonly at: UnixMs
  readonly retryCount: number
  /** A failure that counts is the last one: the alarm is then abandoned. */
  readonly isLast: boolean
}

/** What came of a ring; told when everything that the handler wrote is confirmed. */
export type RingOutcome =
  | { readonly kind: 'succeeded' }
  /** Nobody could be called: forgotten until the next start, and still stored. */
  | { readonly kind: 'ignored' }
  /** Another time is stored: the handler was not called. [AL3] */
  | { readonly kind: 'spurious'; readonly storedAt: UnixMs | null }
  | {
      readonly kind: 'failed'
      readonly isCounted: boolean
      /** The handler had set or deleted the alarm: that stands, and nothing is retried. */
      readonly isReplaced: boolean
      readonly mayRetry: boolean
    }

export interface AlarmScheduleOptions {
  readonly source: AlarmSource
  readonly random: Random
  /** See {@link DueIndex}. */
  readonly indexLimit?: number
}

interface Ringing {
  readonly at: UnixMs
  readonly retry: RetryState
  /** What was confirmed since it rang; undefined when nothing was. */
  confirmedAt: UnixMs | null | undefined
}

/**
 * The alarms of one shard: armed, ringing, or waiting for another try. At most one handler of an
 * object is called at a time. [AL4]
 */
export class AlarmSchedule {
  readonly #random: Random
  readonly #armed: DueIndex
  readonly #ringing = new Map<string, Ringing>()
  // A key is in both or in neither.
  readonly #retrying = new Map<string, { readonly at: UnixMs; readonly retry: RetryState }>()
  readonly #retries: DueHeap

  constructor({ source, random, indexLimit }: AlarmScheduleOptions) {
    this.#random = random
    this.#armed = new DueIndex(source, indexLimit)
    this.#retries = new DueHeap(compareDue((a, b) => source.compareKeys(a, b)))
  }

  get ringingCount(): number {
    return this.#ringing.size
  }

  /** How many alarms are in memory, in any state. */
  get size(): number {
    return this.#armed.size + this.#ringing.size + this.#retrying.size
  }

  /** A commit of `key` is confirmed, after which its alarm is `at`. The source says so already. */
  confirmed(key: string, at: UnixMs | null): void {
    const ringing = this.#ringing.get(key)
    if (ringing !== undefined) {
      ringing.confirmedAt = at
      return
    }
    // The same time is the alarm that failed; another one replaces its retries.
    if (this.#retrying.get(key)?.at === at) return
    this.#forgetRetry(key)
    this.#armed.set(key, at)
  }

  /** When the next alarm is due. */
  nextAt(): UnixMs | undefined {
    const armed = this.#armed.next()
    const retry = this.#retries.first?.at
    return armed === undefined || (retry !== undefined && retry < armed) ? retry : armed
  }

  /** Takes alarms that are due, at most `max`; each is ringing until `finished`. */
  takeDue(nowMs: UnixMs, max: number): Ring[] {
    const rings: Ring[] = []
    while (rings.length < max) {
      const ring = this.#takeRetry(nowMs) ?? this.#takeArmed(nowMs)
      if (ring === undefined) break
      rings.push(ring)
    }
    return rings
  }

  /** @returns 'abandoned' when the stored alarm is to be deleted: it will not ring again */
  finished(key: string, outcome: RingOutcome, nowMs: UnixMs): 'done' | 'abandoned' {
    const ringing = this.#ringing.get(key)
    assert(ringing !== undefined, `an alarm of ${key} is finished that does not ring`)
    this.#ringing.delete(key)
    const { at, confirmedAt } = ringing
    const isSame = confirmedAt === undefined || confirmedAt === at
    if (outcome.kind === 'failed' && !outcome.isReplaced && isSame) {
      return this.#failed(key, ringing, outcome, nowMs)
    }
    const stored = outcome.kind === 'spurious' ? outcome.storedAt : undefined
    const armedFor = confirmedAt === undefined ? stored : confirmedAt
    if (armedFor !== undefined) this.#armed.set(key, armedFor)
    return 'done'
  }

  #failed(
    key: string,
    { at, retry }: Ringing,
    { isCounted, mayRetry }: RingOutcome & { kind: 'failed' },
    nowMs: UnixMs,
  ): 'done' | 'abandoned' {
    if (!mayRetry) return 'abandoned'
    const decision = decideRetry(retry, isCounted, this.#random)
    if (decision.kind === 'abandon') return 'abandoned'
    this.#retrying.set(key, { at, retry: decision.state })
    this.#retries.set(key, nowMs + decision.delayMs)
    return 'done'
  }

  #takeRetry(nowMs: UnixMs): Ring | undefined {
    const first = this.#retries.first
    if (first === undefined || first.at > nowMs) return undefined
    const { key } = first
    const retrying = this.#retrying.get(key)
    assert(retrying !== undefined, `a retry of ${key} is due that nobody waits for`)
    this.#forgetRetry(key)
    return this.#ring(key, retrying.at, retrying.retry)
  }

  #takeArmed(nowMs: UnixMs): Ring | undefined {
    for (;;) {
      const due = this.#armed.take(nowMs)
      if (due === undefined) return undefined
      // Read again from the source, where it stays until its handler has succeeded.
      if (this.#ringing.has(due.key) || this.#retrying.has(due.key)) continue
      return this.#ring(due.key, due.at, firstRun)
    }
  }

  #ring(key: string, at: UnixMs, retry: RetryState): Ring {
    this.#ringing.set(key, { at, retry, confirmedAt: undefined })
    const retryCount = retry.countedRetries
    return { key, at, retryCount, isLast: retryCount >= retriesMax }
  }

  #forgetRetry(key: string): void {
    this.#retrying.delete(key)
    this.#retries.delete(key)
  }
}

import type { UnixMs } from '../base/index.ts'
import { compareDue, type Due, DueHeap } from './due-heap.ts'

export type { Due } from './due-heap.ts'

/** Every armed alarm, however many: what is stored. */
export interface AlarmSource {
  /** The first `limit` alarms behind `after`, in order of time and, between equal times, of keys. */
  readAlarms(after: Due | undefined, limit: number): readonly Due[]
  /** The order of keys in `readAlarms`. */
  compareKeys(a: string, b: string): number
}

/**
 * The alarms that are due next. However many are armed, only the earliest are in memory; the rest is
 * read from the source when those are used up. [AL11]
 */
export class DueIndex {
  readonly #source: AlarmSource
  readonly #limit: number
  readonly #compare: (a: Due, b: Due) => number
  // Every armed alarm up to the frontier, and none behind it.
  readonly #heap: DueHeap
  #frontier: Due | 'start' | 'end' = 'start'

  /** @param limit how many are read at a time; at most twice as many are in memory */
  constructor(source: AlarmSource, limit = 1000) {
    this.#source = source
    this.#limit = limit
    this.#compare = compareDue((a, b) => source.compareKeys(a, b))
    this.#heap = new DueHeap(this.#compare)
  }

  /** How many are in memory. */
  get size(): number {
    return this.#heap.size
  }

  /** The source has changed: `key` is armed for `at`, or not at all. */
  set(key: string, at: UnixMs | null): void {
    if (at === null || !this.#isCovered({ key, at })) {
      this.#heap.delete(key)
      return
    }
    this.#heap.set(key, at)
    if (this.#heap.size <= 2 * this.#limit) return
    this.#frontier = this.#heap.keepEarliest(this.#limit) ?? 'start'
  }

  /** When the first alarm is due. */
  next(): UnixMs | undefined {
    this.#fill()
    return this.#heap.first?.at
  }

  /** Takes out the first alarm if it is due. */
  take(nowMs: UnixMs): Due | undefined {
    this.#fill()
    const first = this.#heap.first
    if (first === undefined || first.at > nowMs) return undefined
    this.#heap.delete(first.key)
    return first
  }

  #isCovered(due: Due): boolean {
    if (this.#frontier === 'start') return false
    return this.#frontier === 'end' || this.#compare(due, this.#frontier) <= 0
  }

  #fill(): void {
    if (this.#heap.size > 0 || this.#frontier === 'end') return
    const after = this.#frontier === 'start' ? undefined : this.#frontier
    const page = this.#source.readAlarms(after, this.#limit)
    for (const { key, at } of page) this.#heap.set(key, at)
    this.#frontier = page.length < this.#limit ? 'end' : (page.at(-1) as Due)
  }
}

import type { UnixMs } from '../base/index.ts'

/** One object and the time at which it wants to be woken. */
export interface Due {
  readonly key: string
  readonly at: UnixMs
}

/** Orders by time; between equal times the given order of keys decides, so no two are equal. */
export function compareDue(
  compareKeys: (a: string, b: string) => number,
): (a: Due, b: Due) => number {
  return (a, b) => a.at - b.at || compareKeys(a.key, b.key)
}

/** A binary heap of at most one time per key: the earliest first, any key changed in O(log n). */
export class DueHeap {
  readonly #compare: (a: Due, b: Due) => number
  readonly #heap: Due[] = []
  // Where each key stands in `#heap`.
  readonly #places = new Map<string, number>()

  constructor(compare: (a: Due, b: Due) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#heap.length
  }

  get first(): Due | undefined {
    return this.#heap[0]
  }

  set(key: string, at: UnixMs): void {
    this.delete(key)
    this.#heap.push({ key, at })
    this.#rise(this.#heap.length - 1)
  }

  delete(key: string): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    this.#places.delete(key)
    const last = this.#heap.pop() as Due
    if (last.key === key) return
    this.#put(place, last)
    this.#rise(place)
    this.#sink(this.#places.get(last.key) as number)
  }

  /** Keeps only the `count` earliest. @returns the latest of those */
  keepEarliest(count: number): Due | undefined {
    const kept = this.#heap.toSorted(this.#compare).slice(0, count)
    this.#places.clear()
    // A sorted array is a heap.
    this.#heap.length = 0
    for (const due of kept) {
      this.#places.set(due.key, this.#heap.length)
      this.#heap.push(due)
    }
    return kept.at(-1)
  }

  #rise(from: number): void {
    const due = this.#heap[from] as Due
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = this.#heap[parent] as Due
      if (this.#compare(above, due) <= 0) break
      this.#put(place, above)
      place = parent
    }
    this.#put(place, due)
  }

  #sink(from: number): void {
    const due = this.#heap[from] as Due
    let place = from
    for (;;) {
      let child = 2 * place + 1
      let below = this.#heap[child]
      if (below === undefined) break
      const other = this.#heap[child + 1]
      if (other !== undefined && this.#compare(other, below) < 0) {
        child += 1
        below = other
      }
      if (this.#compare(due, below) <= 0) break
      this.#put(place, below)
      place = child
    }
    this.#put(place, due)
  }

  #put(place: number, due: Due): void {
    this.#heap[place] = due
    this.#places.set(due.key, place)
  }
}

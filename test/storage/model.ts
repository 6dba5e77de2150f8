// What storage has to look like, in plain maps: what each read must see, which states a flush may leave
// in the store, and what a message that left tells of.

import { compareKeys } from '../../src/storage/key-order.ts'

/** Where a write is in the order of states; unset while its transaction is open. */
interface Place {
  state: number | 'open' | 'undone'
}

/** A write that the outside must not learn of before it is durable. */
export interface Need {
  readonly key: string
  readonly value: number | undefined
  readonly place: Place
}

export interface ListOptions {
  start?: string
  startAfter?: string
  end?: string
  prefix?: string
  reverse?: boolean
  limit?: number
}

interface Level {
  readonly values: Map<string, number>
  readonly needs: Need[]
}

export class Model {
  // The outermost is what is committed; each transaction stands on a copy of the one below.
  #levels: Level[]
  /** The states between two turns, oldest first, as texts. */
  readonly states: string[]

  constructor(initial: ReadonlyMap<string, number>) {
    this.#levels = [{ values: new Map(initial), needs: [] }]
    this.states = [textOf(initial)]
  }

  get #top(): Level {
    return this.#levels.at(-1) as Level
  }

  get(key: string): number | undefined {
    return this.#top.values.get(key)
  }

  getMany(keys: readonly string[]): [string, number][] {
    const unique = [...new Set(keys)].sort(compareKeys)
    return unique.flatMap((key): [string, number][] => {
      const value = this.get(key)
      return value === undefined ? [] : [[key, value]]
    })
  }

  list({ start, startAfter, end, prefix, reverse, limit }: ListOptions): [string, number][] {
    const found = [...this.#top.values].filter(
      ([key]) =>
        (start === undefined || compareKeys(key, start) >= 0) &&
        (startAfter === undefined || compareKeys(key, startAfter) > 0) &&
        (end === undefined || compareKeys(key, end) < 0) &&
        (prefix === undefined || key.startsWith(prefix)),
    )
    found.sort(([a], [b]) => (reverse === true ? compareKeys(b, a) : compareKeys(a, b)))
    return found.slice(0, limit)
  }

  write(key: string, value: number | undefined, isConfirmed: boolean): void {
    if (value === undefined) this.#top.values.delete(key)
    else this.#top.values.set(key, value)
    if (!isConfirmed) return
    const isInTransaction = this.#levels.length > 1
    const place: Place = { state: isInTransaction ? 'open' : this.states.length }
    this.#top.needs.push({ key, value, place })
  }

  deleteAll(): void {
    for (const key of [...this.#top.values.keys()]) this.write(key, undefined, true)
  }

  begin(): void {
    this.#levels.push({ values: new Map(this.#top.values), needs: [] })
  }

  commit(): void {
    const { values, needs } = this.#levels.pop() as Level
    const below = this.#levels.pop() as Level
    this.#levels.push({ values, needs: [...below.needs, ...needs] })
    if (this.#levels.length > 1) return
    for (const { place } of needs) place.state = this.states.length
  }

  rollBack(): void {
    const { needs } = this.#levels.pop() as Level
    for (const { place } of needs) place.state = 'undone'
  }

  /** What a message sent now may tell of. */
  get needs(): Need[] {
    return this.#levels.flatMap(({ needs }) => needs)
  }

  /** A turn is over: its state is one that a flush may leave. */
  turnEnded(): void {
    this.states.push(textOf((this.#levels[0] as Level).values))
  }

  /** What the last turn left. */
  get last(): string {
    return this.states.at(-1) as string
  }
}

export function textOf(values: ReadonlyMap<string, number>): string {
  return JSON.stringify([...values].sort(([a], [b]) => compareKeys(a, b)))
}

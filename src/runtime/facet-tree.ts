import type { ObjectId } from '../names/index.ts'
import type { Callee, InboundCall } from '../objects/index.ts'
import { copyError } from '../rpc/index.ts'
import type { ObjectImage } from '../storage/index.ts'
import type { Entry } from '../turns/index.ts'
import type { Confirmable, FacetCopy } from './facet-copy.ts'
import type { ObjectClass, ObjectTable, Resident } from './object-table.ts'

/** What a facet is started with. */
export interface FacetStart {
  readonly objectClass: ObjectClass
  readonly id: ObjectId | string
}

/** Asks for what a facet is started with; calls back once, outside of turns. */
export type StartFacet = (
  started: (start: FacetStart) => void,
  failed: (error: unknown) => void,
) => void

/** A facet as the catalogue knows it: its number, and `<number of its parent>/<name>`. */
export interface KnownFacet {
  readonly number: number
  readonly path: string
}

/** Where an object, or a facet, stands among the facets of the same object. */
export class FacetHome {
  readonly rootKey: string
  /** 0: the object itself. */
  readonly number: number
  /** 1: the object itself. */
  readonly depth: number
  readonly #table: ObjectTable

  constructor(table: ObjectTable, rootKey: string, number: number, depth: number) {
    this.#table = table
    this.rootKey = rootKey
    this.number = number
    this.depth = depth
  }

  get tree(): FacetTree {
    return this.#table.facetTree(this.rootKey)
  }
}

/**
 * The facets of one object, and theirs: objects inside of it, each with a database of its own and gates
 * of its own. A facet is known by a number, which is part of its key, `<key of the object>.<number>`.
 *
 * Its place and name go into the log with its own first commit, as an object's name does, and from there
 * into the catalogue: a facet that has stored something is never without them. [FC7]
 */
export class FacetTree {
  readonly #table: ObjectTable
  readonly #rootKey: string
  readonly #numbers = new Map<string, number>()
  readonly #places = new Map<string, FacetPlace>()
  // Those that are not confirmed yet, by number.
  readonly #copies = new Map<number, FacetCopy>()
  #lastNumber = 0

  constructor(table: ObjectTable, rootKey: string, known: Iterable<KnownFacet>) {
    this.#table = table
    this.#rootKey = rootKey
    for (const { number, path } of known) {
      this.#lastNumber = Math.max(this.#lastNumber, number)
      this.#numbers.set(path, Math.max(number, this.#numbers.get(path) ?? 0))
    }
  }

  /** Nothing of it is in memory. */
  get isUnused(): boolean {
    return this.#copies.size === 0 && [...this.#places.values()].every((place) => place.isUnused)
  }

  /**
   * The facet's place in memory. A place whose facet broke is replaced; one that could not be started
   * stays until it is ended.
   */
  place(home: FacetHome, name: string, start: StartFacet): FacetPlace {
    const path = `${home.number}/${name}`
    const known = this.#places.get(path)
    if (known !== undefined && !known.isOver) return known
    const number = this.#numberOf(path)
    const startWhenCopied: StartFacet = (started, failed) => {
      const copy = this.#copies.get(number)
      if (copy === undefined) start(started, failed)
      // When it fails, so does the object, and with it this place.
      else {
        copy.whenConfirmed((error) => {
          if (error === undefined) start(started, failed)
        })
      }
    }
    const place = new FacetPlace(startWhenCopied, ({ objectClass, id }) =>
      this.#table.facet(
        new FacetHome(this.#table, this.#rootKey, number, home.depth + 1),
        keyOf(this.#rootKey, number),
        path,
        objectClass,
        id,
      ),
    )
    this.#places.set(path, place)
    return place
  }

  /** Ends the facet `name` of `parent`, if it runs, and with it its own facets. */
  end(parent: number, name: string, reason: unknown): void {
    this.#end(`${parent}/${name}`, reason)
  }

  /** Ends all facets of `parent`. */
  endBelow(parent: number, reason: unknown): void {
    for (const path of [...this.#places.keys()]) {
      if (path.startsWith(`${parent}/`)) this.#end(path, reason)
    }
  }

  /**
   * Ends the facet and deletes what it and its own facets have stored.
   *
   * @returns what must be confirmed before anybody may know
   */
  delete(parent: number, name: string, reason: Error): Confirmable[] {
    return this.#delete(`${parent}/${name}`, reason)
  }

  /** As {@link delete}, for all facets of `parent`. */
  deleteBelow(parent: number, reason: Error): Confirmable[] {
    const prefix = `${parent}/`
    const paths = new Set([...this.#numbers.keys(), ...this.#places.keys()])
    return [...paths]
      .filter((path) => path.startsWith(prefix))
      .flatMap((path) => this.#delete(path, reason))
  }

  /**
   * Deletes the facet `target`, and makes it begin with what `source` and its own facets have stored; or
   * with nothing, when there is no `source`.
   *
   * @returns as {@link delete}
   * @throws Error when `source` is in a transaction; then nothing has changed
   */
  clone(parent: number, source: string, target: string): Confirmable[] {
    const [from, to] = [`${parent}/${source}`, `${parent}/${target}`]
    if (from === to) return []
    const number = this.#numbers.get(from)
    const plan = number === undefined ? [] : this.#plan(number, to)
    const deleted = this.#delete(to, new Error('Facet was cloned-over.'))
    const copies = plan.map(({ number: copied, path, image }) => {
      const copy = this.#table.copy(keyOf(this.#rootKey, copied), path, image)
      this.#numbers.set(path, copied)
      this.#copies.set(copied, copy)
      copy.whenConfirmed(() => this.#copies.delete(copied))
      return copy
    })
    return [...deleted, ...copies]
  }

  // A copy has a number of its own, so that it is new also when it takes the place of another facet.
  #plan(source: number, path: string): PlannedCopy[] {
    this.#lastNumber += 1
    const number = this.#lastNumber
    const image =
      this.#copies.get(source)?.image ?? this.#table.imageOf(keyOf(this.#rootKey, source))
    const prefix = `${source}/`
    const below = [...this.#numbers].filter(([inner]) => inner.startsWith(prefix))
    return [
      { number, path, image },
      ...below.flatMap(([inner, innerNumber]) =>
        this.#plan(innerNumber, `${number}/${inner.slice(prefix.length)}`),
      ),
    ]
  }

  #numberOf(path: string): number {
    let number = this.#numbers.get(path)
    if (number === undefined) {
      this.#lastNumber += 1
      number = this.#lastNumber
      this.#numbers.set(path, number)
    }
    return number
  }

  #end(path: string, reason: unknown): void {
    const place = this.#places.get(path)
    this.#places.delete(path)
    place?.end(reason)
    // Also when it has left memory, and its own facets have not.
    const number = this.#numbers.get(path)
    if (number !== undefined) this.endBelow(number, reason)
  }

  #delete(path: string, reason: Error): Confirmable[] {
    this.#end(path, reason)
    const number = this.#numbers.get(path)
    if (number === undefined) return []
    const below = this.deleteBelow(number, reason)
    const wipe = (): Confirmable => {
      const store = this.#table.openMemory(keyOf(this.#rootKey, number), path)
      store.deleteAll({ keepAlarm: false })
      store.turnEnded()
      return store
    }
    const copy = this.#copies.get(number)
    if (copy === undefined) return [wipe(), ...below]
    // What comes next under this name is another facet.
    this.#numbers.delete(path)
    const wiped: Confirmable = {
      whenConfirmed: (callback) =>
        copy.whenConfirmed((error) => {
          if (error === undefined) wipe().whenConfirmed(callback)
          else callback(error)
        }),
    }
    return [wiped, ...below]
  }
}

interface PlannedCopy {
  readonly number: number
  readonly path: string
  readonly image: ObjectImage
}

/** The key of the facet `number` of the object with `rootKey`. */
export function keyOf(rootKey: string, number: number): string {
  return `${rootKey}.${number}`
}

/**
 * One life of a facet as stubs hold it: from the first call on it is started, then its calls go to its
 * {@link Resident}. A stub that has used a life which is over keeps failing with what ended it. [FC4]
 */
export class FacetPlace implements Callee {
  readonly #start: StartFacet
  readonly #open: (start: FacetStart) => Resident
  #state:
    | { readonly name: 'new' }
    | { readonly name: 'starting'; readonly calls: [InboundCall, Entry | undefined][] }
    | { readonly name: 'started'; readonly start: FacetStart; resident: Resident }
    | { readonly name: 'failed' | 'ended'; readonly error: unknown } = { name: 'new' }

  constructor(start: StartFacet, open: (start: FacetStart) => Resident) {
    this.#start = start
    this.#open = open
  }

  get isUnused(): boolean {
    const state = this.#state
    if (state.name === 'started') return state.resident.isRetired || state.resident.isBroken
    return state.name !== 'starting'
  }

  /** Broken by itself, or ended by its parent. */
  get isOver(): boolean {
    const state = this.#state
    return state.name === 'ended' || (state.name === 'started' && state.resident.isBroken)
  }

  deliver(call: InboundCall, entry?: Entry): void {
    const state = this.#state
    switch (state.name) {
      case 'new':
        this.#begin([[call, entry]])
        return
      case 'starting':
        state.calls.push([call, entry])
        return
      case 'started':
        if (state.resident.isRetired) state.resident = this.#open(state.start)
        state.resident.deliver(call, entry)
        return
      case 'failed':
      case 'ended':
        call.fail(copyError(state.error))
    }
  }

  /** Its parent ends it: calls fail with `reason` as it is. */
  end(reason: unknown): void {
    const state = this.#state
    // Not used yet: whoever holds a stub of it may still start it.
    if (state.name === 'new') return
    this.#state = { name: 'ended', error: reason }
    if (state.name === 'starting') this.#fail(state.calls, reason)
    else if (state.name === 'started') state.resident.endByParent(reason)
  }

  #begin(calls: [InboundCall, Entry | undefined][]): void {
    const starting = { name: 'starting', calls } as const
    this.#state = starting
    this.#start(
      (start) => {
        if (this.#state !== starting) return
        const resident = this.#open(start)
        this.#state = { name: 'started', start, resident }
        for (const [call, entry] of calls) resident.deliver(call, entry)
      },
      (error) => {
        if (this.#state !== starting) return
        this.#state = { name: 'failed', error }
        this.#fail(calls, error)
      },
    )
  }

  #fail(calls: readonly [InboundCall, unknown][], error: unknown): void {
    for (const [call] of calls) call.fail(copyError(error))
  }
}

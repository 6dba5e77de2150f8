import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock, CommitLog, Timers } from '../base/index.ts'
import type { ObjectId } from '../names/index.ts'
import { type Callee, type InboundCall, Incarnation } from '../objects/index.ts'
import { copyError } from '../rpc/index.ts'
import { ObjectStore } from '../storage/index.ts'
import type { Entry } from '../turns/index.ts'

/** The objects of one class, as far as the table needs to know it. */
export interface ObjectClass {
  readonly name: string
  /** Distinguishes this class's objects from all others in the log and on disk. */
  readonly uniqueKey: string
  construct(incarnation: Incarnation, id: ObjectId): object
}

export interface ObjectTableOptions {
  /** Database files live here, one folder per class. */
  readonly directory: string
  readonly log: CommitLog
  readonly clock: Clock
  readonly timers: Timers
  /** An object without anything under way for this long leaves memory. */
  readonly idleMs: number
  readonly report: (message: string, error: unknown) => void
}

/**
 * Which objects are in memory on this shard. For each id at most one incarnation is alive, and all
 * of its events go there. [OB1]
 */
export class ObjectTable {
  readonly #options: ObjectTableOptions
  readonly #residents = new Map<string, Resident>()
  // A store outlives an incarnation that was aborted: its commits are still on their way.
  readonly #stores = new Map<string, ObjectStore>()

  constructor(options: ObjectTableOptions) {
    this.#options = options
  }

  get options(): ObjectTableOptions {
    return this.#options
  }

  /** The object's place in memory; loads nothing yet. */
  resident(objectClass: ObjectClass, id: ObjectId): Resident {
    const key = `${objectClass.uniqueKey}/${id.toString()}`
    let resident = this.#residents.get(key)
    if (resident === undefined) {
      resident = new Resident(this, key, objectClass, id)
      this.#residents.set(key, resident)
    }
    return resident
  }

  /** Where the database of the object `key` is (or will be). */
  databasePath(key: string): string {
    return databasePath(this.#options.directory, key)
  }

  /** @throws when the database cannot be opened */
  openStore(key: string): ObjectStore {
    let store = this.#stores.get(key)
    if (store?.broken !== undefined) {
      store.reset()
      this.#stores.delete(key)
      store = undefined
    }
    if (store === undefined) {
      const path = this.databasePath(key)
      mkdirSync(dirname(path), { recursive: true })
      store = ObjectStore.open({ path, object: key, fence: 0, log: this.#options.log })
      this.#stores.set(key, store)
    }
    return store
  }

  storeOf(key: string): ObjectStore | undefined {
    return this.#stores.get(key)
  }

  /** Forgets the resident: the next stub finds a new one. */
  retire(key: string, resident: Resident): void {
    if (this.#residents.get(key) === resident) this.#residents.delete(key)
  }

  /** Evicts what has been idle for long enough, and closes stores that nobody uses. */
  sweep(): void {
    const now = this.#options.clock.monotonicMs()
    for (const resident of this.#residents.values()) resident.evictIfIdle(now)
    for (const [key, store] of this.#stores) {
      if (!this.#residents.has(key)) this.#closeStore(key, store)
    }
  }

  /** Whether any object owes an answer. */
  get hasCalls(): boolean {
    for (const resident of this.#residents.values()) if (resident.hasCalls) return true
    return false
  }

  /** Ends every incarnation and closes every database, confirmed and checkpointed. */
  async close(reason: Error): Promise<void> {
    for (const resident of [...this.#residents.values()]) resident.end(reason)
    const stores = [...this.#stores]
    await Promise.all(stores.map(([, store]) => confirmed(store)))
    for (const [key, store] of stores) this.#closeStore(key, store)
  }

  #closeStore(key: string, store: ObjectStore): void {
    if (store.broken !== undefined) store.reset()
    else if (store.hasUnconfirmed) return
    else store.close()
    this.#stores.delete(key)
  }
}

/** Where the database of object `key` is below `directory`. */
export function databasePath(directory: string, key: string): string {
  const slash = key.lastIndexOf('/')
  return join(directory, encodeURIComponent(key.slice(0, slash)), `${key.slice(slash + 1)}.sqlite`)
}

// A store that breaks has nothing left to wait for.
function confirmed(store: ObjectStore): Promise<void> {
  if (store.broken !== undefined) return Promise.resolve()
  return new Promise((resolve) => {
    store.whenConfirmed(() => resolve())
  })
}

/**
 * One object's place in memory, from the first stub that asks until it breaks or is evicted. A stub
 * that has used a broken resident keeps failing with what broke it (reference 1.5).
 */
export class Resident implements Callee {
  readonly #table: ObjectTable
  readonly #key: string
  readonly #class: ObjectClass
  readonly #id: ObjectId
  #incarnation: Incarnation | undefined
  #broken: { readonly error: unknown } | undefined
  #isRetired = false
  #idleSinceMs: number | undefined

  constructor(table: ObjectTable, key: string, objectClass: ObjectClass, id: ObjectId) {
    this.#table = table
    this.#key = key
    this.#class = objectClass
    this.#id = id
  }

  /** Evicted: whoever holds this must ask the table again. */
  get isRetired(): boolean {
    return this.#isRetired
  }

  get hasCalls(): boolean {
    return this.#incarnation?.hasCalls === true
  }

  deliver(call: InboundCall, entry?: Entry): void {
    if (this.#broken !== undefined) {
      call.fail(copyError(this.#broken.error, { durableObjectReset: true }))
      return
    }
    this.#idleSinceMs = undefined
    this.#wake().deliver(call, entry)
  }

  evictIfIdle(nowMs: number): void {
    const incarnation = this.#incarnation
    if (incarnation !== undefined && !incarnation.isIdle) {
      this.#idleSinceMs = undefined
      return
    }
    this.#idleSinceMs ??= nowMs
    if (nowMs - this.#idleSinceMs < this.#table.options.idleMs) return
    this.#isRetired = true
    this.#table.retire(this.#key, this)
    incarnation?.evict()
    this.#incarnation = undefined
  }

  /** Ends the incarnation, if any; unanswered calls fail. */
  end(reason: Error): void {
    this.#incarnation?.break(reason)
  }

  #wake(): Incarnation {
    if (this.#incarnation !== undefined) return this.#incarnation
    const { timers, report } = this.#table.options
    const label = `${this.#class.name} ${JSON.stringify(this.#id.name ?? this.#id.toString())}`
    const incarnation = new Incarnation({
      label,
      objectId: this.#id.toString(),
      store: this.#table.openStore(this.#key),
      timers,
      construct: (made) => this.#class.construct(made, this.#id),
      ended: (error) => {
        this.#broken = { error }
        this.#table.retire(this.#key, this)
      },
      report: (message, error) => report(`${label}: ${message}`, error),
    })
    this.#incarnation = incarnation
    return incarnation
  }
}

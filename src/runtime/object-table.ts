import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock, CommitLog, Compatibility, Timers } from '../base/index.ts'
import { type ObjectId, storedNameOf } from '../names/index.ts'
import { FacetCopy } from './facet-copy.ts'
import { FacetHome, FacetTree, type KnownFacet } from './facet-tree.ts'
import {
  type AlarmRing,
  type Callee,
  HibernatableSockets,
  type InboundCall,
  Incarnation,
} from '../objects/index.ts'
import { copyError } from '../rpc/index.ts'
import {
  CachedStore,
  CacheMemory,
  DelayedKvStore,
  type DurableStore,
  type ErrorFormat,
  type ObjectImage,
  ObjectStore,
  OpenDatabases,
  type PendingState,
  type StorageLimits,
  readObjectImage,
  writeObjectImage,
} from '../storage/index.ts'
import type { Entry } from '../turns/index.ts'

/** The objects of one class, as far as the table needs to know it. */
export interface ObjectClass {
  readonly name: string
  /** Distinguishes this class's objects from all others in the log and on disk. */
  readonly uniqueKey: string
  construct(incarnation: Incarnation, id: ObjectId | string, home: FacetHome): object
}

export interface ObjectTableOptions {
  /** Database files live here, one folder per class. */
  readonly directory: string
  readonly log: CommitLog
  /** What recovery found in the log and in no file; the table owns it from now on. */
  readonly pending: Map<string, PendingState>
  /** Objects whose files recovery has written to, without a sync. */
  readonly restored: Iterable<string>
  readonly clock: Clock
  readonly timers: Timers
  /** An object without anything under way for this long leaves memory. */
  readonly idleMs: number
  /** So many databases stay open; objects beyond stay in memory all the same. */
  readonly openDatabases: number
  /** Whether an object must have a database file, and may not begin anew without. [CT3] */
  readonly isKnown: (key: string) => boolean
  /** What the object's id was made from, if that is known. */
  readonly nameOf: (key: string) => string | undefined
  /** The facets of an object that have stored something. */
  readonly facetsOf: (key: string) => Iterable<KnownFacet>
  /** Objects have keys and values only, in storage that takes this long to answer; 0: SQLite. */
  readonly storageDelayMs: number
  /** What an object may store. */
  readonly limitsOf: (key: string) => StorageLimits
  /** What an object may compute after an event has come to it, in milliseconds. */
  readonly cpuMs?: number | undefined
  readonly compatibility: Compatibility
  readonly report: (message: string, error: unknown) => void
}

/**
 * Which objects are in memory on this shard. For each id at most one incarnation is alive, and all
 * of its events go there. [OB1]
 */
export class ObjectTable {
  readonly #options: ObjectTableOptions
  readonly #residents = new Map<string, Resident>()
  // Of objects that have used them, as long as one of them is in memory.
  readonly #facetTrees = new Map<string, FacetTree>()
  // A store outlives an incarnation that was aborted: its commits are still on their way.
  readonly #stores = new Map<string, ObjectStore>()
  // Over the stores of the same keys, when storage takes time.
  readonly #caches = new Map<string, CachedStore>()
  readonly #cacheMemory: CacheMemory
  // What the log has, and the file has not, of objects whose store is not open.
  readonly #pending: Map<string, PendingState>
  // Objects whose checkpoint is under way.
  readonly #checkpoints = new Set<string>()
  readonly #folders = new Set<string>()
  // Objects whose files have changed since they were last synced.
  readonly #unsynced: Set<string>
  readonly #databases: OpenDatabases
  // Why the disk does not let an object's store be closed, as it was reported.
  readonly #troubles = new Map<string, string>()

  constructor(options: ObjectTableOptions) {
    this.#options = options
    this.#pending = options.pending
    this.#unsynced = new Set(options.restored)
    this.#cacheMemory = new CacheMemory(options.clock)
    this.#databases = new OpenDatabases(options.openDatabases)
  }

  get #errorFormat(): ErrorFormat {
    return this.#options.compatibility.enhancedErrors ? 'reference' : 'v8'
  }

  get options(): ObjectTableOptions {
    return this.#options
  }

  /** The object's place in memory; loads nothing yet. */
  resident(objectClass: ObjectClass, id: ObjectId): Resident {
    const key = `${objectClass.uniqueKey}/${id.toString()}`
    let resident = this.#residents.get(key)
    if (resident === undefined) {
      resident = new Resident(this, key, objectClass, id, new FacetHome(this, key, 0, 1))
      this.#residents.set(key, resident)
    }
    return resident
  }

  /**
   * As {@link resident}, for a facet.
   *
   * @param path its parent and name, which are stored with it
   */
  facet(
    home: FacetHome,
    key: string,
    path: string,
    objectClass: ObjectClass,
    id: ObjectId | string,
  ): Resident {
    const resident = new Resident(this, key, objectClass, id, home, path)
    this.#residents.set(key, resident)
    return resident
  }

  /** The facets of the object `key`. */
  facetTree(key: string): FacetTree {
    let tree = this.#facetTrees.get(key)
    if (tree === undefined) {
      tree = new FacetTree(this, key, this.#options.facetsOf(key))
      this.#facetTrees.set(key, tree)
    }
    return tree
  }

  /**
   * All that the object `key` has stored.
   *
   * @throws Error while it is in a transaction(), and when storage takes time
   */
  imageOf(key: string): ObjectImage {
    if (this.#options.storageDelayMs > 0) {
      throw new Error('Cannot copy an object: storage that takes time has no copies')
    }
    return readObjectImage(this.openStore(key, this.#options.nameOf(key)))
  }

  /**
   * Lets the object `key`, which must be new, begin with `image`. Until the copy is confirmed, it may not
   * be opened.
   *
   * @param name what is stored as its name
   */
  copy(key: string, name: string, image: ObjectImage): FacetCopy {
    const copy = new FacetCopy(image)
    copy.whenConfirmed((error) => {
      if (error !== undefined) return
      writeObjectImage(databasePath(this.#options.directory, key), image)
      this.#unsynced.add(key)
      this.#pending.set(key, { kv: image.kv, alarmAt: undefined })
    })
    copy.log(this.#options.log, key, name)
    return copy
  }

  /** The object or facet at `home` is over, and with it those inside of it. */
  endFacets(home: FacetHome, reason: unknown): void {
    this.#facetTrees.get(home.rootKey)?.endBelow(home.number, reason)
  }

  /** What an incarnation is lent; otherwise as {@link openStore}. */
  openMemory(key: string, name?: string): DurableStore {
    const store = this.openStore(key, name)
    const { storageDelayMs, timers, log } = this.#options
    if (storageDelayMs === 0) return store
    const old = this.#caches.get(key)
    if (old !== undefined && old.broken === undefined) return old
    const cache = new CachedStore({
      store: new DelayedKvStore({
        store,
        delayMs: storageDelayMs,
        timers,
        flushLog: () => log.flush(),
      }),
      memory: this.#cacheMemory,
      alarmAt: store.getAlarm(),
      followsBroken: old !== undefined,
      newReference: () => randomBytes(12).toString('hex'),
      errorFormat: this.#errorFormat,
    })
    this.#caches.set(key, cache)
    return cache
  }

  /**
   * @param name what the object's id was made from, if that is known
   * @throws when a broken store cannot be reset, or the database is missing
   */
  openStore(key: string, name?: string): ObjectStore {
    const old = this.#stores.get(key)
    if (old !== undefined && old.broken === undefined) {
      if (name !== undefined) old.nameIs(name)
      return old
    }
    if (old !== undefined) this.#endStore(key, old)
    const path = databasePath(this.#options.directory, key)
    this.#makeFolder(dirname(path))
    const pending = this.#pending.get(key)
    const { log, isKnown } = this.#options
    const store = ObjectStore.open({
      path,
      object: key,
      name,
      fence: 0,
      log,
      pending,
      isKnown: () => isKnown(key),
      onFileChanged: () => this.#unsynced.add(key),
      openDatabases: this.#databases,
      errorFormat: this.#errorFormat,
      limits: this.#options.limitsOf(key),
    })
    this.#pending.delete(key)
    this.#stores.set(key, store)
    return store
  }

  /**
   * Lets the log forget what it holds of the object now; its file, if it has changed, has to be synced.
   * At most one call for an object at a time.
   *
   * @param mayCarry what is small may be told to the log once more, instead of going into the file
   * @throws when the disk did not let it come about: the log must keep what it has
   */
  async checkpoint(key: string, mayCarry: boolean): Promise<void> {
    const isOpen = this.#stores.has(key)
    // Closed with nothing but its file.
    if (!isOpen && !this.#pending.has(key)) return
    const store = this.openStore(key, this.#options.nameOf(key))
    this.#checkpoints.add(key)
    try {
      await new Promise<void>((resolve, reject) => {
        store.whenCheckpointed((error) => (error === undefined ? resolve() : reject(error)), {
          mayCarry,
        })
      })
    } finally {
      this.#checkpoints.delete(key)
    }
    this.trimDatabases()
    // Opened for this alone.
    if (!isOpen && this.#stores.get(key) === store && !this.#isAwake(key)) {
      this.#closeStore(key, store)
    }
  }

  /** Those of `keys` whose files have to be synced; they count as synced from now on. */
  takeUnsynced(keys: readonly string[]): string[] {
    return keys.filter((key) => this.#unsynced.delete(key))
  }

  /** The sync has failed. */
  notSynced(keys: readonly string[]): void {
    for (const key of keys) this.#unsynced.add(key)
  }

  /** Closes databases that were not used for long, when too many are open. Outside of turns only. */
  trimDatabases(): void {
    this.#databases.trim()
  }

  /** Forgets the resident: the next stub finds a new one. */
  retire(key: string, resident: Resident): void {
    if (this.#residents.get(key) === resident) this.#residents.delete(key)
  }

  /** Everything in memory, hibernating objects included. */
  get residents(): Resident[] {
    return [...this.#residents.values()]
  }

  /** Evicts what has been idle for long enough, and closes stores that nobody uses. */
  sweep(): void {
    const now = this.#options.clock.monotonicMs()
    for (const resident of this.#residents.values()) resident.evictIfIdle(now)
    for (const [key, tree] of this.#facetTrees) {
      if (tree.isUnused && !this.#residents.has(key)) this.#facetTrees.delete(key)
    }
    // A copy: a store that is reset has another one behind it, whose turn is at the next sweep.
    for (const [key, store] of [...this.#stores]) {
      if (this.#checkpoints.has(key)) store.advanceCheckpoint()
      else if (!this.#isAwake(key)) this.#closeStore(key, store)
    }
    this.#cacheMemory.evictStale()
  }

  /** Evicts the object `key` at once if nothing of it is under way. */
  evict(key: string): void {
    this.#residents.get(key)?.evictIfIdle(this.#options.clock.monotonicMs(), 0)
    const store = this.#stores.get(key)
    if (store === undefined || this.#isAwake(key) || this.#checkpoints.has(key)) return
    this.#closeStore(key, store)
  }

  /**
   * Deletes the alarm of an object that gave it up with its incarnation; one set meanwhile stays. No
   * other incarnation may have begun to run.
   */
  clearAlarm(key: string, at: number): void {
    const store = this.openMemory(key)
    if (store.getAlarm() !== at) return
    store.setAlarm(null)
    store.turnEnded()
    this.#options.log.flush()
  }

  /** Ends every incarnation; resolves when everything written is confirmed. */
  async end(reason: Error): Promise<void> {
    for (const resident of [...this.#residents.values()]) resident.end(reason)
    await Promise.all([...this.#caches.values()].map(confirmed))
    await Promise.all([...this.#stores.values()].map(confirmed))
  }

  /** Closes every database. */
  close(): void {
    for (const [key, store] of [...this.#stores]) this.#closeStore(key, store)
  }

  // A hibernating object has its place, and does not use its store.
  #isAwake(key: string): boolean {
    return this.#residents.get(key)?.isAwake === true
  }

  #makeFolder(path: string): void {
    if (this.#folders.has(path)) return
    mkdirSync(path, { recursive: true, mode: 0o700 })
    this.#folders.add(path)
  }

  // [OB11] What the disk does to one object is the matter of that one. It is tried again: by the next
  // sweep, by the next call, and at the next start, for which everything confirmed is still in the log.
  #attempt(key: string, act: () => void): void {
    try {
      act()
      this.#troubles.delete(key)
    } catch (error) {
      const { message } = error as Error
      if (this.#troubles.get(key) === message) return
      this.#troubles.set(key, message)
      this.#options.report(`Cannot close or reset the database of '${key}'`, error)
    }
  }

  /** Deletes everything that the objects of this shard have stored; none of them may be awake. */
  async deleteAll(): Promise<void> {
    const keys = new Set([...this.#stores.keys(), ...this.#pending.keys(), ...this.#keysOnDisk()])
    const stores = [...keys].map((key) => this.openStore(key))
    for (const store of stores) {
      store.deleteAll({ keepAlarm: false })
      store.turnEnded()
    }
    this.#options.log.flush()
    await Promise.all(stores.map(confirmed))
  }

  #keysOnDisk(): string[] {
    const { directory } = this.#options
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      // Beside the folders there is the catalogue.
      if (!entry.isDirectory()) return []
      const namespace = decodeURIComponent(entry.name)
      return readdirSync(join(directory, entry.name))
        .filter((file) => file.endsWith('.sqlite'))
        .map((file) => `${namespace}/${file.slice(0, -'.sqlite'.length)}`)
    })
  }

  #closeStore(key: string, store: ObjectStore): void {
    if (this.#caches.get(key)?.hasUnconfirmed === true) return
    if (store.broken === undefined && store.hasUnconfirmed) return
    this.#attempt(key, () => this.#endStore(key, store))
  }

  #endStore(key: string, store: ObjectStore): void {
    const cache = this.#caches.get(key)
    const { broken } = store
    const pending = broken === undefined ? store.close() : store.reset()
    if (broken === undefined) cache?.close()
    else cache?.break(broken)
    this.#stores.delete(key)
    this.#caches.delete(key)
    if (pending !== undefined) this.#pending.set(key, pending)
  }
}

/** Where the database of object `key` is below `directory`. */
export function databasePath(directory: string, key: string): string {
  const slash = key.lastIndexOf('/')
  return join(directory, encodeURIComponent(key.slice(0, slash)), `${key.slice(slash + 1)}.sqlite`)
}

// A store that breaks has nothing left to wait for.
function confirmed(store: ObjectStore | CachedStore): Promise<void> {
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
  readonly #id: ObjectId | string
  readonly #home: FacetHome
  readonly #storedName: string | undefined
  readonly #sockets: HibernatableSockets
  #incarnation: Incarnation | undefined
  #broken: { readonly error: unknown } | undefined
  #isRetired = false
  #idleSinceMs: number | undefined

  /** @param facetPath of a facet: what is stored as its name */
  constructor(
    table: ObjectTable,
    key: string,
    objectClass: ObjectClass,
    id: ObjectId | string,
    home: FacetHome,
    facetPath?: string,
  ) {
    this.#table = table
    this.#key = key
    this.#class = objectClass
    this.#id = id
    this.#home = home
    this.#storedName = facetPath ?? (typeof id === 'string' ? undefined : storedNameOf(id))
    const { clock, report } = table.options
    this.#sockets = new HibernatableSockets({
      clock,
      wake: () => {
        this.#idleSinceMs = undefined
        return this.#wake()
      },
      report: (message, error) => report(`${this.#label}: ${message}`, error),
    })
  }

  /** Evicted: whoever holds this must ask the table again. */
  get isRetired(): boolean {
    return this.#isRetired
  }

  get #label(): string {
    const id = this.#id
    const name = typeof id === 'string' ? id : (id.name ?? id.toString())
    const facet = this.#home.number === 0 ? '' : ` facet ${this.#storedName}`
    return `${this.#class.name} ${JSON.stringify(name)}${facet}`
  }

  deliver(call: InboundCall, entry?: Entry): void {
    if (this.#broken !== undefined) {
      call.fail(copyError(this.#broken.error, { durableObjectReset: true }))
      return
    }
    this.#idleSinceMs = undefined
    this.#wake().deliver(call, entry)
  }

  /** Ended by its parent, or by itself. */
  get isBroken(): boolean {
    return this.#broken !== undefined
  }

  /** An incarnation is in memory: it uses the store, and knows its alarm better than that does. */
  get isAwake(): boolean {
    return this.#incarnation !== undefined
  }

  /** Wakes the object for its alarm. */
  ring(ring: AlarmRing): void {
    this.#idleSinceMs = undefined
    this.#wake().ring(ring)
  }

  evictIfIdle(nowMs: number, idleMs: number = this.#table.options.idleMs): void {
    const incarnation = this.#incarnation
    if (incarnation !== undefined && !incarnation.isIdle) {
      this.#idleSinceMs = undefined
      return
    }
    this.#idleSinceMs ??= nowMs
    if (nowMs - this.#idleSinceMs < idleMs) return
    this.#leaveMemory()
  }

  /**
   * Leaves memory now, if nothing is under way; its sockets stay, or are disconnected.
   *
   * @returns false when something is under way
   */
  tryEvict(sockets: 'hibernate' | 'close'): boolean {
    if (this.#broken !== undefined) return true
    if (this.#incarnation?.isIdle === false) return false
    if (sockets === 'close') this.#sockets.disconnectAll()
    this.#leaveMemory()
    return true
  }

  /** Ends the incarnation, if any; unanswered calls fail, and so does every later one. */
  end(reason: unknown): void {
    if (this.#incarnation !== undefined) this.#incarnation.break(reason)
    else this.#ended(reason)
  }

  /** As {@link end}, for a facet: calls fail with `reason` as it is. */
  endByParent(reason: unknown): void {
    if (this.#incarnation !== undefined) this.#incarnation.endByParent(reason)
    else this.#ended(reason)
  }

  // With sockets the object hibernates: its place stays, for their next event and for its stubs. [WS8]
  #leaveMemory(): void {
    this.#incarnation?.evict()
    this.#incarnation = undefined
    if (!this.#sockets.isEmpty) return
    this.#isRetired = true
    this.#table.retire(this.#key, this)
  }

  #ended(error: unknown): void {
    this.#broken = { error }
    this.#sockets.disconnectAll()
    this.#table.retire(this.#key, this)
    this.#table.endFacets(this.#home, error)
  }

  #wake(): Incarnation {
    if (this.#incarnation !== undefined) return this.#incarnation
    const { clock, timers, compatibility, report } = this.#table.options
    const label = this.#label
    const incarnation = new Incarnation({
      label,
      objectId: this.#id.toString(),
      store: this.#table.openMemory(this.#key, this.#storedName),
      clock,
      timers,
      compatibility,
      cpuMs: this.#table.options.cpuMs,
      sockets: this.#sockets,
      isFacet: this.#home.number > 0,
      deleteFacets: (by) => {
        const { tree, number } = this.#home
        const stores = tree.deleteBelow(number, new Error('Facet was deleted.'))
        for (const store of stores) by.holdUntilConfirmed(store)
      },
      construct: (made) => this.#class.construct(made, this.#id, this.#home),
      ended: (error) => this.#ended(error),
      report: (message, error) => report(`${label}: ${message}`, error),
    })
    this.#incarnation = incarnation
    return incarnation
  }
}

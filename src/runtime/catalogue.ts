import type { AlarmSource, Due } from '../alarms/index.ts'
import type { CommitLog, CommitRecord } from '../base/index.ts'
import type { KnownFacet } from './facet-tree.ts'
import { ObjectStore, type SqlValue } from '../storage/index.ts'

/** Names the catalogue itself in the log; no class has this key, because those have a hyphen. */
export const catalogueKey = 'catalogue/objects'

/** One object, or facet of an object, that exists. */
export interface CatalogueEntry {
  /** `<namespace key>/<64 hex digits>`, and for a facet `.<number>` behind it. */
  readonly key: string
  /** What its id was made from, if that was ever known; of a facet `<number of its parent>/<name>`. */
  readonly name: string | undefined
  readonly alarmAt: number | null
}

/** What the log says of an object, newer than the database of the catalogue. */
export interface RecentEntry {
  readonly key: string
  /** Undefined: as in the database. */
  readonly name: string | undefined
  /** Undefined: as in the database. */
  readonly alarmAt: number | null | undefined
  /** The log has, or had, pages of the object's database: it has a file. */
  readonly hasFile: boolean
}

export interface CatalogueOptions {
  readonly path: string
  readonly log: CommitLog
  /** The folder has a catalogue: a missing file is an error, and not a new one. */
  readonly mustExist: boolean
}

const idBytes = 32
const facetBytes = 3

const schema = [
  'CREATE TABLE namespaces (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)',
  'CREATE TABLE objects (namespace INTEGER, id BLOB, name TEXT, alarm INTEGER, PRIMARY KEY (namespace, id)) WITHOUT ROWID',
  'CREATE INDEX alarms ON objects (alarm, id) WHERE alarm IS NOT NULL',
]

const writeName =
  'INSERT INTO objects (namespace, id, name) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name WHERE excluded.name IS NOT NULL AND name IS NOT excluded.name'
const writeAlarm =
  'INSERT INTO objects (namespace, id, name, alarm) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = coalesce(excluded.name, name), alarm = excluded.alarm WHERE alarm IS NOT excluded.alarm OR name IS NOT coalesce(excluded.name, name)'

// One transaction of the catalogue: so few that it delays no turn by more than a millisecond or two.
const entriesPerCommit = 50

/**
 * Which objects exist on a shard, their names and alarms. [CT1]
 *
 * A database like an object's own, whose commits go through the same log. What the log has confirmed
 * since it was last written is in memory; before a segment of the log is dropped, what it says goes
 * into the database. So memory is in proportion to the log, and not to the number of objects.
 */
export class Catalogue implements AlarmSource {
  readonly #options: CatalogueOptions
  #store: ObjectStore
  // Newer than the database.
  readonly #recent = new Map<string, RecentEntry>()
  // Keys of facets that have been in there, by object.
  readonly #recentFacets = new Map<string, Set<string>>()
  #isClosed = false
  readonly #namespaces = new Map<string, number>()
  readonly #namespaceKeys = new Map<number, string>()

  /** @throws DurableError when it must exist and does not */
  constructor(options: CatalogueOptions) {
    this.#options = options
    this.#store = this.#open()
  }

  /** A record is durable. */
  confirmed({ object: key, name, alarmAt, databasePages }: CommitRecord): void {
    this.know({ key, name, alarmAt, hasFile: databasePages > 0 })
  }

  /** The log says this, and says it last. */
  know({ key, name, alarmAt, hasFile }: RecentEntry): void {
    const known = this.#recent.get(key)
    if (isFacet(key)) this.#knowFacet(key)
    if (known === undefined) this.#recent.set(key, { key, name, alarmAt, hasFile })
    else if (name !== undefined || alarmAt !== undefined || hasFile !== known.hasFile) {
      this.#recent.set(key, {
        key,
        name: name ?? known.name,
        alarmAt: alarmAt === undefined ? known.alarmAt : alarmAt,
        hasFile: hasFile || known.hasFile,
      })
    }
  }

  has(key: string): boolean {
    return this.#recent.has(key) || this.#row(key) !== undefined
  }

  /**
   * Whether the object must have a database file. An object that was written to the log alone, and
   * never checkpointed, has none. [CT3]
   */
  hasFile(key: string): boolean {
    // In the database are only objects that were checkpointed.
    return this.#recent.get(key)?.hasFile === true || this.#row(key) !== undefined
  }

  /** The facets of the object `key`. [FC7] */
  facetsOf(key: string): KnownFacet[] {
    const namespace = this.#namespaces.get(key.slice(0, key.lastIndexOf('/')))
    const from = idOf(key)
    const to = Buffer.concat([from, Buffer.alloc(facetBytes + 1, 0xff)])
    const rows = this.#query(
      'SELECT namespace, id, name, alarm FROM objects WHERE namespace = ? AND id > ? AND id < ?',
      [namespace ?? 0, from, to],
    )
    const keys = new Set(rows.map((row) => this.#entry(row).key))
    for (const recent of this.#recentFacets.get(key) ?? []) keys.add(recent)
    return [...keys].flatMap((facet) => {
      const path = this.nameOf(facet)
      return path === undefined ? [] : [{ number: Number(facet.slice(key.length + 1)), path }]
    })
  }

  nameOf(key: string): string | undefined {
    return this.#recent.get(key)?.name ?? this.#row(key)?.name
  }

  /** One object; undefined when there is none of this key. */
  find(key: string): CatalogueEntry | undefined {
    const row = this.#row(key)
    const recent = this.#recent.get(key)
    return recent === undefined ? row : merge(recent, row)
  }

  /** The keys of all namespaces that have, or had, objects. */
  get namespaces(): string[] {
    const keys = new Set(this.#namespaces.keys())
    for (const key of this.#recent.keys()) keys.add(key.slice(0, key.lastIndexOf('/')))
    return [...keys].toSorted()
  }

  /** Objects of one namespace in the order of their keys, from behind `after`. [CT4] */
  list(namespace: string, limit: number, after = ''): CatalogueEntry[] {
    const prefix = `${namespace}/`
    const entries = new Map<string, CatalogueEntry>()
    const number = this.#namespaces.get(namespace)
    const rows = this.#query(
      'SELECT namespace, id, name, alarm FROM objects WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?',
      [number ?? 0, idOf(after), limit],
    )
    for (const row of rows) {
      const entry = this.#entry(row)
      entries.set(entry.key, entry)
    }
    for (const entry of this.#recent.values()) {
      if (!entry.key.startsWith(prefix) || this.compareKeys(entry.key, after) <= 0) continue
      entries.set(entry.key, merge(entry, this.#row(entry.key)))
    }
    return [...entries.values()].sort((a, b) => this.compareKeys(a.key, b.key)).slice(0, limit)
  }

  readAlarms(after: Due | undefined, limit: number): readonly Due[] {
    const order = (a: Due, b: Due): number => a.at - b.at || this.compareKeys(a.key, b.key)
    const found: Due[] = []
    let from = after
    for (;;) {
      const rows = this.#query(
        'SELECT namespace, id, name, alarm FROM objects WHERE alarm IS NOT NULL AND (alarm, id) > (?, ?) ORDER BY alarm, id LIMIT ?',
        [from?.at ?? 0, idOf(from?.key ?? ''), limit],
      )
      for (const row of rows) {
        const { key, alarmAt } = this.#entry(row)
        from = { key, at: alarmAt ?? 0 }
        if (this.#recent.get(key)?.alarmAt === undefined) found.push(from)
      }
      if (rows.length < limit || found.length >= limit) break
    }
    for (const { key, alarmAt: at } of this.#recent.values()) {
      if (at === null || at === undefined) continue
      const due = { key, at }
      if (after === undefined || order(due, after) > 0) found.push(due)
    }
    return found.sort(order).slice(0, limit)
  }

  /** By id alone: no two objects have the same, whatever their namespaces. */
  compareKeys(a: string, b: string): number {
    if (isFacet(a) || isFacet(b)) return Buffer.compare(idOf(a), idOf(b))
    const [first, second] = [hexOf(a), hexOf(b)]
    return first < second ? -1 : first > second ? 1 : 0
  }

  /**
   * Writes what is newer about these objects into the database; resolves when that is confirmed by the
   * log. They must have been checkpointed, and their files synced. [CT2]
   */
  async update(keys: Iterable<string>): Promise<void> {
    await this.write(this.#newer(keys))
  }

  /** As {@link update}, for everything. */
  async updateAll(): Promise<void> {
    await this.update([...this.#recent.keys()])
  }

  /** Writes entries, whatever is known. */
  async write(entries: Iterable<RecentEntry>): Promise<void> {
    let batch: RecentEntry[] = []
    for (const entry of entries) {
      batch.push(entry)
      if (batch.length < entriesPerCommit) continue
      await this.#commit(batch)
      batch = []
    }
    if (batch.length > 0) await this.#commit(batch)
  }

  /** Resolves when everything in the database is confirmed by the log. */
  whenConfirmed(): Promise<void> {
    const store = this.#usable()
    this.#options.log.flush()
    return new Promise((resolve, reject) => {
      store.whenConfirmed((error) => {
        if (error === undefined) resolve()
        else reject(error)
      })
    })
  }

  /** Brings everything that is confirmed into the database file, which is then to be synced. */
  async checkpoint(): Promise<void> {
    await this.whenConfirmed()
    await new Promise<void>((resolve, reject) => {
      this.#usable().whenCheckpointed((error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  /**
   * Ends it; whoever is writing has no effect any more. What the disk refuses was derived from segments
   * of the log, which are still there.
   */
  async close(): Promise<void> {
    this.#isClosed = true
    const store = this.#store
    this.#options.log.flush()
    await new Promise<void>((resolve) => store.whenConfirmed(() => resolve()))
    if (store.broken === undefined) store.close()
    else store.reset()
  }

  *#newer(keys: Iterable<string>): Iterable<RecentEntry> {
    for (const key of keys) {
      const entry = this.#recent.get(key)
      if (entry !== undefined) yield entry
    }
  }

  async #commit(entries: readonly RecentEntry[]): Promise<void> {
    if (this.#isClosed) return
    const store = this.#usable()
    for (const { key, name, alarmAt } of entries) {
      const number = this.#namespaceNumber(key)
      if (alarmAt === undefined) store.sql.exec(writeName, [number, idOf(key), name])
      else store.sql.exec(writeAlarm, [number, idOf(key), name, alarmAt])
    }
    store.turnEnded()
    await this.whenConfirmed()
    for (const entry of entries) {
      // What was confirmed meanwhile is newer still.
      if (this.#recent.get(entry.key) !== entry) continue
      this.#recent.delete(entry.key)
      if (isFacet(entry.key)) this.#forgetFacet(entry.key)
    }
    // In small steps, as it comes; before its segment goes, it is asked for again.
    store.whenCheckpointed(() => {})
  }

  #open(): ObjectStore {
    const { path, log, mustExist } = this.#options
    const store = ObjectStore.open({
      path,
      object: catalogueKey,
      fence: 0,
      log,
      isKnown: () => mustExist,
    })
    this.#namespaces.clear()
    this.#namespaceKeys.clear()
    const tables = readAll(store, "SELECT 1 FROM sqlite_schema WHERE name = 'objects'", [])
    if (tables.length === 0) {
      for (const sql of schema) store.sql.exec(sql, [])
      store.turnEnded()
    }
    for (const row of readAll(store, 'SELECT number, key FROM namespaces', [])) {
      this.#knowNamespace(row[0] as number, row[1] as string)
    }
    return store
  }

  // When the disk refused a commit of the catalogue, the database is as it was before.
  #usable(): ObjectStore {
    if (this.#store.broken !== undefined) {
      this.#store.reset()
      this.#store = this.#open()
    }
    return this.#store
  }

  #knowNamespace(number: number, key: string): void {
    this.#namespaces.set(key, number)
    this.#namespaceKeys.set(number, key)
  }

  #namespaceNumber(key: string): number {
    const namespace = key.slice(0, key.lastIndexOf('/'))
    let number = this.#namespaces.get(namespace)
    if (number === undefined) {
      number = this.#namespaces.size + 1
      this.#usable().sql.exec('INSERT INTO namespaces (number, key) VALUES (?, ?)', [
        number,
        namespace,
      ])
      this.#knowNamespace(number, namespace)
    }
    return number
  }

  #knowFacet(key: string): void {
    const root = key.slice(0, key.lastIndexOf('.'))
    const known = this.#recentFacets.get(root)
    if (known === undefined) this.#recentFacets.set(root, new Set([key]))
    else known.add(key)
  }

  #forgetFacet(key: string): void {
    const root = key.slice(0, key.lastIndexOf('.'))
    const known = this.#recentFacets.get(root)
    known?.delete(key)
    if (known?.size === 0) this.#recentFacets.delete(root)
  }

  #row(key: string): CatalogueEntry | undefined {
    const number = this.#namespaces.get(key.slice(0, key.lastIndexOf('/')))
    if (number === undefined) return undefined
    const [row] = this.#query(
      'SELECT namespace, id, name, alarm FROM objects WHERE namespace = ? AND id = ?',
      [number, idOf(key)],
    )
    return row === undefined ? undefined : this.#entry(row)
  }

  #query(sql: string, values: readonly unknown[]): SqlValue[][] {
    return readAll(this.#usable(), sql, values)
  }

  #entry([namespace, id, name, alarm]: SqlValue[]): CatalogueEntry {
    const bytes = Buffer.from(id as ArrayBuffer)
    const hex = bytes.subarray(0, idBytes).toString('hex')
    const facet = bytes.length > idBytes ? `.${bytes.readUIntBE(idBytes, facetBytes)}` : ''
    return {
      key: `${this.#namespaceKeys.get(namespace as number)}/${hex}${facet}`,
      name: name === null ? undefined : (name as string),
      alarmAt: alarm as number | null,
    }
  }
}

function merge(recent: RecentEntry, row: CatalogueEntry | undefined): CatalogueEntry {
  const { key, name, alarmAt } = recent
  return {
    key,
    name: name ?? row?.name,
    alarmAt: alarmAt === undefined ? (row?.alarmAt ?? null) : alarmAt,
  }
}

// To the end at once: an open read would be in the way of a checkpoint.
function readAll(store: ObjectStore, sql: string, values: readonly unknown[]): SqlValue[][] {
  const result = store.sql.exec(sql, values)
  const rows: SqlValue[][] = []
  for (let row = result.next(); row !== undefined; row = result.next()) rows.push(row)
  return rows
}

function hexOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}

function isFacet(key: string): boolean {
  return hexOf(key).length > 2 * idBytes
}

// A facet's number stands behind the id, so that it comes after its object and before the next one.
function idOf(key: string): Buffer {
  const [hex = '', number] = hexOf(key).split('.')
  const id = Buffer.from(hex, 'hex')
  if (number === undefined) return id
  const facet = Buffer.alloc(facetBytes)
  facet.writeUIntBE(Number(number), 0, facetBytes)
  return Buffer.concat([id, facet])
}

import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DurableError } from '../base/index.ts'
import { type RecoveredObject, recoverLog, type RecoveryReport } from '../log/index.ts'
import {
  Catalogue,
  type CatalogueEntry,
  catalogueKey,
  databasePath,
  type DataFolderPaths,
  inspectDataFolder,
} from '../runtime/index.ts'
import {
  mergePending,
  requireRestorable,
  restoreDatabase,
  StoredDatabase,
} from '../storage/index.ts'
import { CopyLog } from './copy-log.ts'

// Rows of the catalogue that are read at once.
const entriesPerPage = 1000

/** What the log says of one object. */
interface LoggedObject {
  readonly name: string | undefined
  readonly alarmAt: number | null | undefined
  /** As {@link alarmAt}, if it is in no page. */
  readonly pendingAlarmAt: number | null | undefined
  /** Of the database that recovery would restore; 0 when the log has no pages. */
  readonly databaseBytes: number
  /** Of the keys that are in no page. */
  readonly keyCount: number
  readonly keyBytes: number
}

export interface ListedObject extends CatalogueEntry {
  readonly className: string
  readonly namespace: string
  /** 64 hex digits, and of a facet `.<number>` behind them. */
  readonly id: string
  /** Of a facet: its name in its parent, and the parent's id. */
  readonly facet: { readonly name: string; readonly parentId: string } | undefined
  /** Of the database, and of keys that are only in the log so far. */
  readonly bytes: number
}

/**
 * A data folder that no process runs on, as the next start would find it. Nothing in the folder is
 * changed: what recovery would write goes into copies elsewhere, one object at a time. [DT1]
 */
export class FolderReader {
  readonly paths: DataFolderPaths
  readonly #scratch: string
  readonly #logged = new Map<string, LoggedObject>()
  // Objects that were never in a database file, and must not miss one.
  readonly #fileless = new Set<string>()
  #catalogue: Catalogue | undefined
  // It cannot be restored from the log; the log itself is good.
  #catalogueError: DurableError | undefined

  /** @throws DurableError when the folder is none, in use, or of another format */
  constructor(path: string) {
    this.paths = inspectDataFolder(path)
    this.#scratch = mkdtempSync(join(tmpdir(), 'sluice-data-'))
  }

  /** As {@link FolderReader}, with log and catalogue read. */
  static async open(path: string): Promise<FolderReader> {
    const reader = new FolderReader(path)
    try {
      reader.readLog()
      await reader.openCatalogue()
      return reader
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  /** Reads all of the log. @throws LogFormatError when it is damaged */
  readLog(): RecoveryReport {
    return recoverLog(this.paths.logDirectory, (recovered) => {
      if (recovered.object === catalogueKey) {
        try {
          this.#copy(this.paths.cataloguePath, this.#catalogueCopy, recovered)
        } catch (error) {
          if (!(error instanceof DurableError)) throw error
          this.#catalogueError = error
        }
        return
      }
      const { object, name, alarmAt, lastAlarmAt, databasePages, pageSize, kv } = recovered
      let keyBytes = 0
      for (const [key, value] of kv) keyBytes += key.length + value.length
      this.#logged.set(object, {
        name,
        alarmAt: lastAlarmAt,
        pendingAlarmAt: alarmAt,
        databaseBytes: databasePages * pageSize,
        keyCount: kv.size,
        keyBytes,
      })
    })
  }

  /**
   * Opens a copy of the catalogue, with what the log says beyond it.
   *
   * @throws DurableError when it is missing or damaged
   */
  async openCatalogue(): Promise<void> {
    if (this.#catalogueError !== undefined) throw this.#catalogueError
    const { cataloguePath } = this.paths
    const copy = this.#catalogueCopy
    if (!existsSync(copy)) {
      if (!existsSync(cataloguePath)) {
        throw new DurableError(`Cannot read the catalogue '${cataloguePath}': it is missing`)
      }
      copyFileSync(cataloguePath, copy)
    }
    const fault = faultOf(copy)
    if (fault !== undefined) {
      throw new DurableError(`Cannot read the catalogue '${cataloguePath}': ${fault}`)
    }
    const catalogue = new Catalogue({ path: copy, log: new CopyLog(), mustExist: true })
    this.#catalogue = catalogue
    for (const [key, { name, alarmAt, databaseBytes }] of this.#logged) {
      catalogue.know({ key, name, alarmAt, hasFile: databaseBytes > 0 })
      if (!catalogue.hasFile(key)) this.#fileless.add(key)
    }
    await catalogue.updateAll()
  }

  /** Every object that the log says something of, with or without pages. */
  get loggedKeys(): string[] {
    return [...this.#logged.keys()]
  }

  /** Keys of the object that are in no database yet. */
  pendingKeyCount(key: string): number {
    return this.#logged.get(key)?.keyCount ?? 0
  }

  /** The alarm that is in the log and in no database yet, if there is one. */
  pendingAlarm(key: string): number | null | undefined {
    return this.#logged.get(key)?.pendingAlarmAt
  }

  /** Whether the object, which is in the catalogue, must have a database. [CT3] */
  mustHaveDatabase(key: string): boolean {
    return !this.#fileless.has(key)
  }

  get namespaces(): string[] {
    return this.#requireCatalogue().namespaces
  }

  /** Every object of a namespace, in the order of ids. */
  *objects(namespace: string): Generator<ListedObject> {
    const catalogue = this.#requireCatalogue()
    for (let after = ''; ; ) {
      const page = catalogue.list(namespace, entriesPerPage, after)
      for (const entry of page) yield this.#describe(namespace, entry)
      const last = page.at(-1)
      if (last === undefined) return
      after = last.key
    }
  }

  /** @returns undefined when there is no such object */
  find(namespace: string, id: string): ListedObject | undefined {
    const entry = this.#requireCatalogue().find(`${namespace}/${id}`)
    return entry === undefined ? undefined : this.#describe(namespace, entry)
  }

  /** The keys of the database files that are in the folder. */
  *databaseKeys(): Generator<string> {
    const { objectsDirectory } = this.paths
    const folders = readdirSync(objectsDirectory, { withFileTypes: true })
    for (const folder of folders.filter((entry) => entry.isDirectory())) {
      for (const file of readdirSync(join(objectsDirectory, folder.name)).toSorted()) {
        const id = /^([0-9a-f]{64}(?:\.\d+)?)\.sqlite$/.exec(file)?.[1]
        if (id !== undefined) yield `${decodeURIComponent(folder.name)}/${id}`
      }
    }
  }

  databasePath(key: string): string {
    return databasePath(this.paths.objectsDirectory, key)
  }

  /**
   * Calls `visit` for each object of which the log holds pages, with a database as recovery would
   * leave it; the copy is gone when `visit` returns.
   *
   * @param failed called instead when it cannot be restored
   */
  visitRestored(
    visit: (key: string, path: string) => void,
    failed: (key: string, error: DurableError) => void,
  ): void {
    recoverLog(this.paths.logDirectory, (recovered) => {
      const key = recovered.object
      if (key === catalogueKey || recovered.databasePages === 0) return
      const copy = join(this.#scratch, 'object.sqlite')
      try {
        this.#copy(this.databasePath(key), copy, recovered)
        visit(key, copy)
      } catch (error) {
        if (!(error instanceof DurableError)) throw error
        failed(key, error)
      } finally {
        rmSync(copy, { force: true })
      }
    })
  }

  /**
   * The database of an object with everything that the log holds of it, pending keys and all: the
   * object's own file when the log holds nothing, otherwise a copy.
   *
   * @returns undefined when there is nothing of it
   * @throws DurableError when it cannot be restored
   */
  databaseWithLog(key: string): string | undefined {
    const path = this.databasePath(key)
    if (!this.#logged.has(key)) return existsSync(path) ? path : undefined
    const copy = join(this.#scratch, 'object.sqlite')
    recoverLog(this.paths.logDirectory, (recovered) => {
      if (recovered.object !== key) return
      this.#copy(path, copy, recovered)
      const { kv, alarmAt } = recovered
      if (kv.size > 0 || alarmAt !== undefined) mergePending(copy, { kv, alarmAt })
    })
    return existsSync(copy) ? copy : undefined
  }

  /** @throws DurableError when a process has taken the folder meanwhile */
  requireUnused(): void {
    try {
      inspectDataFolder(this.paths.path)
    } catch (error) {
      if (!(error instanceof DurableError)) throw error
      throw new DurableError(`${error.message}; what was read meanwhile may be wrong`, {
        cause: error,
      })
    }
  }

  async close(): Promise<void> {
    await this.#catalogue?.close()
    rmSync(this.#scratch, { recursive: true, force: true })
  }

  get #catalogueCopy(): string {
    return join(this.#scratch, 'catalogue.sqlite')
  }

  #requireCatalogue(): Catalogue {
    if (this.#catalogue === undefined) throw new DurableError('The catalogue was not opened')
    return this.#catalogue
  }

  #copy(path: string, copy: string, recovered: RecoveredObject): void {
    const { databasePages, pageSize, pages } = recovered
    if (databasePages > 0) requireRestorable({ path, pageSize, databasePages, pages })
    if (existsSync(path)) copyFileSync(path, copy)
    if (databasePages > 0) restoreDatabase({ path: copy, pageSize, databasePages, pages })
  }

  #describe(namespace: string, entry: CatalogueEntry): ListedObject {
    const { key, name } = entry
    const id = key.slice(key.lastIndexOf('/') + 1)
    const facet = facetOf(id, name)
    const logged = this.#logged.get(key)
    const stored =
      logged === undefined || logged.databaseBytes === 0
        ? statSync(this.databasePath(key), { throwIfNoEntry: false })?.size
        : logged.databaseBytes
    return {
      ...entry,
      name: facet === undefined ? name : undefined,
      facet,
      className: classOf(namespace),
      namespace,
      id,
      bytes: (stored ?? 0) + (logged?.keyBytes ?? 0),
    }
  }
}

// What is stored as a facet's name is `<number of its parent>/<name>`. [FC7]
function facetOf(id: string, path: string | undefined): ListedObject['facet'] {
  const [root = '', number] = id.split('.')
  if (number === undefined || path === undefined) return undefined
  const slash = path.indexOf('/')
  const parent = path.slice(0, slash)
  return { name: path.slice(slash + 1), parentId: parent === '0' ? root : `${root}.${parent}` }
}

/** The class of a namespace, whose key is `<project>-<class>`. */
export function classOf(namespace: string): string {
  return namespace.slice(namespace.lastIndexOf('-') + 1)
}

/** What is wrong with the database file at `path`, if anything. */
export function faultOf(path: string): string | undefined {
  const database = new StoredDatabase(path)
  try {
    return database.fault()
  } finally {
    database.close()
  }
}

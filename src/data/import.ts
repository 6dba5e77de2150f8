import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DurableError } from '../base/index.ts'
import { IdFactory } from '../names/index.ts'
import {
  databasePath,
  type IdleFolder,
  type RecentEntry,
  withIdleFolder,
} from '../runtime/index.ts'
import { adoptDatabase, readAlarmNames } from '../storage/index.ts'
import { readFacetIndex } from './facet-index.ts'
import { isOfTheWorld } from './faults.ts'
import { findSource, findUser, type SourceNamespace } from './source.ts'

export interface ImportOptions {
  /** A storage folder of workerd, miniflare or `wrangler dev`, or what contains it. */
  readonly from: string
  /** The data folder; made when there is none. */
  readonly data: string
  /** Objects that are there already are replaced, rather than refused. */
  readonly overwrite: boolean
  /** One line: what cannot be imported, and why. */
  readonly fault: (line: string) => void
  readonly progress: (done: number, total: number) => void
}

export interface ImportReport {
  readonly objectCount: number
  readonly keyCount: number
  readonly rowCount: number
  readonly alarmCount: number
  /** Databases in which nothing was ever written. */
  readonly emptyCount: number
  /** Of the objects, those that are facets of others. */
  readonly facetCount: number
  readonly faultCount: number
}

/** One object to import. */
interface SourceObject {
  readonly key: string
  readonly path: string
}

const facetKey = /\.\d+$/
const sideFiles = ['-wal', '-journal']

/**
 * Copies the objects of the reference into a data folder: databases, names and alarms. The source is only
 * read. [DT8, DT9, DT10]
 *
 * Can be run again when it was interrupted: an object is in the folder when the catalogue says so, and
 * that is written last.
 *
 * @throws DurableError when nothing was imported: there is no source, it is in use, the target is, or
 *   has some of the objects already
 */
export async function importFolder(options: ImportOptions): Promise<ImportReport> {
  const namespaces = findSource(options.from)
  const pid = findUser(namespaces.map(({ directory }) => directory))
  if (pid !== undefined) {
    throw new DurableError(
      `Cannot import from '${options.from}': process ${pid} has it open; stop it first`,
    )
  }
  return withIdleFolder(options.data, (folder) => new Import(options, folder).run(namespaces))
}

class Import {
  readonly #options: ImportOptions
  readonly #folder: IdleFolder
  readonly #entries: RecentEntry[] = []
  #keyCount = 0
  #rowCount = 0
  #emptyCount = 0
  #faultCount = 0

  constructor(options: ImportOptions, folder: IdleFolder) {
    this.#options = options
    this.#folder = folder
  }

  async run(namespaces: readonly SourceNamespace[]): Promise<ImportReport> {
    const objects = namespaces.flatMap(({ key, directory, ids, facets }) =>
      [...ids, ...facets.map(({ id, number }) => `${id}.${number}`)].map((id) => ({
        key: `${key}/${id}`,
        path: join(directory, `${id}.sqlite`),
      })),
    )
    if (!this.#options.overwrite) this.#requireNew(objects)
    for (const { key, foreign } of namespaces) {
      for (const path of foreign) this.#fault(`'${path}' is of no object of the namespace '${key}'`)
    }
    const scratch = join(this.#folder.objectsDirectory, '.import')
    // Of an import that was interrupted.
    rmSync(scratch, { recursive: true, force: true })
    mkdirSync(scratch, { mode: 0o700 })
    try {
      const names = new Map(
        namespaces.flatMap((source) => [
          ...this.#readNames(source, scratch),
          ...this.#readFacetNames(source),
        ]),
      )
      for (const [i, object] of objects.entries()) {
        this.#options.progress(i, objects.length)
        // Nobody could ever ask for it; why is said already.
        if (facetKey.test(object.key) && !names.has(object.key)) continue
        this.#importObject(object, names.get(object.key), scratch)
      }
      this.#options.progress(objects.length, objects.length)
    } finally {
      rmSync(scratch, { recursive: true })
    }
    for (const { key } of namespaces) {
      const directory = dirname(databasePath(this.#folder.objectsDirectory, `${key}/`))
      if (existsSync(directory)) sync(directory)
    }
    sync(this.#folder.objectsDirectory)
    await this.#folder.register(this.#entries)
    return {
      objectCount: this.#entries.length,
      keyCount: this.#keyCount,
      rowCount: this.#rowCount,
      alarmCount: this.#entries.filter(({ alarmAt }) => alarmAt !== null).length,
      emptyCount: this.#emptyCount,
      facetCount: this.#entries.filter(({ key }) => facetKey.test(key)).length,
      faultCount: this.#faultCount,
    }
  }

  #requireNew(objects: readonly SourceObject[]): void {
    const present = objects.filter(({ key }) => this.#folder.has(key)).map(({ key }) => key)
    if (present.length === 0) return
    throw new DurableError(
      `Cannot import into '${this.#options.data}': it has ${present.length} of the objects already (replace them with --overwrite): ${present.join(', ')}`,
    )
  }

  #importObject({ key, path }: SourceObject, name: string | undefined, scratch: string): void {
    const copy = join(scratch, 'object')
    try {
      copyDatabase(path, copy)
      const adopted = adoptDatabase(copy)
      if (adopted === undefined) {
        this.#emptyCount += 1
        return
      }
      sync(copy)
      const target = databasePath(this.#folder.objectsDirectory, key)
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
      renameSync(copy, target)
      this.#keyCount += adopted.keyCount
      this.#rowCount += adopted.rowCount
      this.#entries.push({ key, name, alarmAt: adopted.alarmAt, hasFile: true })
    } catch (error) {
      if (!isOfTheWorld(error)) throw error
      this.#fault(`${key}: '${path}' cannot be imported: ${error.message}`)
    } finally {
      rmSync(copy, { force: true })
    }
  }

  /** The names that the reference knows: those of objects with an alarm. */
  #readNames({ key, directory }: SourceNamespace, scratch: string): Map<string, string> {
    const names = new Map<string, string>()
    const path = join(directory, 'metadata.sqlite')
    if (!existsSync(path)) return names
    const copy = join(scratch, 'metadata')
    try {
      copyDatabase(path, copy)
      const factory = new IdFactory(key)
      for (const [id, name] of readAlarmNames(copy)) {
        if (factory.idFromName(name).toString() === id) names.set(`${key}/${id}`, name)
      }
    } catch (error) {
      if (!isOfTheWorld(error)) throw error
      this.#fault(`'${path}' cannot be read: ${error.message}; names are missing`)
    } finally {
      rmSync(copy, { force: true })
    }
    return names
  }

  /** Where each facet stands. [DT10] */
  #readFacetNames({ key, directory, facets }: SourceNamespace): Map<string, string> {
    const names = new Map<string, string>()
    for (const { id, number } of facets) {
      const path = join(directory, `${id}.facets`)
      try {
        const name = readFacetIndex(path).get(number)
        if (name !== undefined) names.set(`${key}/${id}.${number}`, name)
        else this.#fault(`${key}/${id}.${number}: '${path}' has no facet of this number`)
      } catch (error) {
        if (!isOfTheWorld(error)) throw error
        this.#fault(`${key}/${id}.${number}: '${path}' cannot be read: ${error.message}`)
      }
    }
    return names
  }

  #fault(line: string): void {
    this.#faultCount += 1
    this.#options.fault(line)
  }
}

// With what stands beside it. Whoever writes to it meanwhile would leave us a mixture.
function copyDatabase(path: string, copy: string): void {
  const files = ['', ...sideFiles].filter((suffix) => existsSync(path + suffix))
  const stamp = (): string =>
    files
      .map((suffix) => statSync(path + suffix, { bigint: true }))
      .map(({ size, mtimeNs }) => `${size} ${mtimeNs}`)
      .join()
  const before = stamp()
  for (const suffix of files) {
    copyFileSync(path + suffix, copy + suffix)
    chmodSync(copy + suffix, 0o600)
  }
  if (stamp() !== before) throw new DurableError('it changed while it was being copied')
}

function sync(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

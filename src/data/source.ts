import { existsSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, join, sep } from 'node:path'
import { DurableError } from '../base/index.ts'
import { IdFactory } from '../names/index.ts'

/** The databases of one namespace in a storage folder of the reference. */
export interface SourceNamespace {
  readonly key: string
  readonly directory: string
  readonly ids: readonly string[]
  /** Facets, objects inside of objects: the id of the object, and the number. */
  readonly facets: readonly { readonly id: string; readonly number: number }[]
  /** Databases that are named like an object's and are of another namespace. */
  readonly foreign: readonly string[]
}

// Below the folder of a project, of `wrangler dev --persist-to`, and of miniflare.
const places = ['.wrangler/state/v3/do', 'state/v3/do', 'v3/do', 'do', '.']

/**
 * Finds the namespaces at or below `from`: a folder per namespace, named by its key, with a database per
 * object. [DT8]
 *
 * @throws DurableError when there are none
 */
export function findSource(from: string): SourceNamespace[] {
  if (!statSync(from, { throwIfNoEntry: false })?.isDirectory()) {
    throw new DurableError(`Cannot import from '${from}': it is no folder`)
  }
  if (existsSync(join(from, 'format')) && existsSync(join(from, 'objects'))) {
    throw new DurableError(
      `Cannot import from '${from}': it is a data folder of Sluice already; use it with --data`,
    )
  }
  for (const place of places) {
    const root = join(from, place)
    if (!existsSync(root)) continue
    const namespaces = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => readNamespace(join(root, name)))
      .filter((namespace) => namespace !== undefined)
    if (namespaces.length > 0) return namespaces
  }
  throw new DurableError(
    `Cannot import from '${from}': no objects are stored there; a project's folder, its .wrangler, or the storage folder of miniflare or workerd was wanted`,
  )
}

function readNamespace(directory: string): SourceNamespace | undefined {
  const files = readdirSync(directory)
  const own: string[] = []
  const foreign: string[] = []
  const factory = new IdFactory(basename(directory))
  const facets: { id: string; number: number }[] = []
  for (const file of files) {
    const [, id = '', facet] = /^([0-9a-f]{64})(?:\.(\d+))?\.sqlite$/.exec(file) ?? []
    if (id === '') continue
    if (isOwn(factory, id)) {
      if (facet === undefined) own.push(id)
      else facets.push({ id, number: Number(facet) })
    } else foreign.push(join(directory, file))
  }
  if (own.length + foreign.length + facets.length === 0 && !files.includes('metadata.sqlite')) {
    return undefined
  }
  return { key: basename(directory), directory, ids: own.toSorted(), facets, foreign }
}

function isOwn(factory: IdFactory, id: string): boolean {
  try {
    factory.idFromString(id)
    return true
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

/**
 * @returns the process that has something open in one of the folders; undefined when none has, and where
 *   /proc does not tell
 */
export function findUser(directories: readonly string[]): number | undefined {
  if (!existsSync('/proc/self/fd')) return undefined
  const wanted = directories.map((path) => realpathSync(path))
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue
    const isUser = openFiles(pid).some((file) =>
      wanted.some((path) => file === path || file.startsWith(path + sep)),
    )
    if (isUser) return Number(pid)
  }
  return undefined
}

function openFiles(pid: string): string[] {
  const gone = (error: unknown): boolean =>
    // It has ended, or is somebody else's.
    ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
      } catch (error) {
        if (gone(error)) return []
        throw error
      }
    })
  } catch (error) {
    if (gone(error)) return []
    throw error
  }
}

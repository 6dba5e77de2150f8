import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DurableError } from '../base/index.ts'
import { lockFolder, requireUnlocked } from './folder-lock.ts'

// 1 had no catalogue.
const formatVersion = 2

/** Where things are in a data folder. */
export interface DataFolderPaths {
  readonly path: string
  readonly logDirectory: string
  readonly objectsDirectory: string
  readonly cataloguePath: string
}

/** A folder that one process owns while it runs; see docs/spec/catalogue.md. */
export interface DataFolder extends DataFolderPaths {
  /** Of an older format, or new: there is no catalogue yet. */
  readonly needsCatalogue: boolean
  /** The folder has what the newest format asks for; durable when this returns. */
  upgraded(): void
  /** Lets another process have the folder. */
  release(): void
}

/**
 * Takes the folder for this process, and makes it when there is none.
 *
 * SQLite does not lock the files itself here (`unix-none`), so two owners would destroy the data.
 *
 * @throws DurableError naming the process that has the folder, or the format that is too new
 */
export function takeDataFolder(path: string): DataFolder {
  makeFolder(path)
  const unlock = lockFolder(path)
  try {
    const format = readFormat(path)
    const paths = pathsIn(path)
    mkdirSync(paths.logDirectory, { recursive: true, mode: 0o700 })
    mkdirSync(paths.objectsDirectory, { recursive: true, mode: 0o700 })
    return {
      ...paths,
      needsCatalogue: format !== formatVersion,
      upgraded: () => writeFormat(path),
      release: unlock,
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/**
 * Looks at a folder that no process runs on, without taking or changing it.
 *
 * @throws DurableError when it is no data folder or not of the newest format, or naming the process
 *   that has it
 */
export function inspectDataFolder(path: string): DataFolderPaths {
  const format = readFormat(path)
  if (format === undefined) {
    throw new DurableError(
      `Cannot open the data folder '${path}': it is none, a folder that Sluice has made was wanted`,
    )
  }
  requireUnlocked(path)
  if (format !== formatVersion) {
    throw new DurableError(
      `Cannot open the data folder '${path}': it has format ${format}; 'sluice serve' brings it to format ${formatVersion}`,
    )
  }
  return pathsIn(path)
}

function pathsIn(path: string): DataFolderPaths {
  const objectsDirectory = join(path, 'objects')
  return {
    path,
    logDirectory: join(path, 'log'),
    objectsDirectory,
    cataloguePath: join(objectsDirectory, 'catalogue.sqlite'),
  }
}

/** @returns undefined for a new folder */
function readFormat(path: string): number | undefined {
  const file = join(path, 'format')
  let found: string
  try {
    found = readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    return undefined
  }
  if (/^[1-9]\d*$/.test(found) && Number(found) <= formatVersion) return Number(found)
  throw new DurableError(
    `Cannot open the data folder '${path}': it has format ${found}, this Sluice understands formats up to ${formatVersion}`,
  )
}

function writeFormat(path: string): void {
  const file = join(path, 'format')
  const fresh = `${file}.new`
  writeFileSync(fresh, `${formatVersion}\n`, { mode: 0o600, flush: true })
  renameSync(fresh, file)
  // Of the format, and of the folders beside it.
  syncFolder(path)
}

// With its entries in the folders above, as far as they are new: a folder that nothing names is lost
// with all that was made durable in it.
function makeFolder(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  const top = dirname(resolve(first))
  for (let folder = resolve(path); folder !== top; folder = dirname(folder)) {
    syncFolder(dirname(folder))
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DurableError } from '../base/index.ts'
import { lockFolder } from './folder-lock.ts'

// 1 had no catalogue.
const formatVersion = 2

/** A folder that one process owns while it runs; see docs/spec/catalogue.md. */
export interface DataFolder {
  readonly path: string
  readonly logDirectory: string
  readonly objectsDirectory: string
  readonly cataloguePath: string
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
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const unlock = lockFolder(path)
  try {
    const format = readFormat(path)
    const logDirectory = join(path, 'log')
    const objectsDirectory = join(path, 'objects')
    mkdirSync(logDirectory, { recursive: true, mode: 0o700 })
    mkdirSync(objectsDirectory, { recursive: true, mode: 0o700 })
    return {
      path,
      logDirectory,
      objectsDirectory,
      cataloguePath: join(objectsDirectory, 'catalogue.sqlite'),
      needsCatalogue: format !== formatVersion,
      upgraded: () => writeFormat(path),
      release: unlock,
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** @returns undefined for a new folder */
function readFormat(path: string): number | undefined {
  const file = join(path, 'format')
  let found: string
  try {
    found = readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
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
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

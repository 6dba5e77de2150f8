import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DurableError } from '../base/index.ts'

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
  makeFolder(path)
  const lockPath = join(path, 'lock')
  takeLock(path, lockPath)
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
      release: () => rmSync(lockPath),
    }
  } catch (error) {
    rmSync(lockPath)
    throw error
  }
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

function takeLock(path: string, lockPath: string): void {
  const self = `${process.pid} ${startOf(process.pid) ?? ''}\n`
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      writeFileSync(lockPath, self, { flag: 'wx', mode: 0o600 })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const [pid = '', start = ''] = readFileSync(lockPath, 'utf8').trim().split(' ')
    if (isAlive(Number(pid), start)) {
      throw new DurableError(
        `Cannot open the data folder '${path}': process ${pid} has it open, and one process at a time may`,
      )
    }
    rmSync(lockPath, { force: true })
  }
  throw new DurableError(`Cannot open the data folder '${path}': another process is taking it`)
}

// A process id is used again, by and by; its start time tells whether it is still the same process.
function isAlive(pid: number, start: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  const startNow = startOf(pid)
  if (startNow !== undefined) return startNow === start
  try {
    process.kill(pid, 0)
    return start === ''
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Clock ticks after boot at which the process started; undefined where /proc does not tell. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; field 22 is the 20th behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
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
  // Of the format, and of the folders beside it.
  syncFolder(path)
}

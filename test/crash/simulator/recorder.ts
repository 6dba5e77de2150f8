// Records what this thread does to the files of one folder: the synchronous operations of node:fs, and
// what SQLite changes in calls of node:sqlite. The latter is found by comparing files before and after
// the call, which is as good as the calls themselves: SQLite syncs nothing here, so all it has done
// is un-synced writes, of which any part may survive in any order.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join, relative, sep } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Mark } from './ledger.ts'
import type { FileEvent, TraceEvent } from './trace.ts'

/** Disk operations that can be made to fail, in the order of the counters of `Recording.faults`. */
export const faultKinds = ['create', 'write', 'fdatasync', 'fsync'] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Recording {
  /** Absolute path of the folder that is watched. */
  readonly root: string
  /** One element, shared by all threads: the last number given to an event. */
  readonly clock: Int32Array
  /** How many operations of each kind are to fail; shared by all threads. */
  readonly faults?: Int32Array
  readonly events: TraceEvent[]
}

let recording: Recording | undefined
// The functions of node:fs as they were: the recorder's own reading is not recorded.
const real = { ...fs }
const files = new Map<number, string>()
const sectorBytes = 512

/** Begins to record, or ends it. */
export function record(into: Recording | undefined): void {
  recording = into
  files.clear()
  tracedWals.clear()
  if (into === undefined) return
  for (const name of real.readdirSync(into.root, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('-wal'))
      tracedWals.set(join(into.root, name), contentOf(join(into.root, name)))
  }
}

export function mark(said: Mark): void {
  if (recording !== undefined) {
    recording.events.push({ number: tick(recording), kind: 'mark', mark: said })
  }
}

function tick({ clock }: Recording): number {
  return Atomics.add(clock, 0, 1) + 1
}

function emit(event: FileEvent): void {
  if (recording !== undefined) recording.events.push({ number: tick(recording), ...event })
}

/** The path as events name it; undefined when it is not watched. */
function watched(path: unknown): string | undefined {
  if (recording === undefined || typeof path !== 'string') return undefined
  const inside = relative(recording.root, path)
  if (inside === '..' || inside.startsWith(`..${sep}`)) return undefined
  return inside === '' ? '.' : inside
}

// Some of node:fs is written in terms of the rest.
function quietly<T>(act: () => T): T {
  const outer = recording
  recording = undefined
  try {
    return act()
  } finally {
    recording = outer
  }
}

function flagBits(flags: string): number {
  return flags.startsWith('w') ? fs.constants.O_TRUNC : 0
}

function failIfAsked(kind: FaultKind, path: string | undefined): void {
  const faults = recording?.faults
  if (faults === undefined || path === undefined) return
  const index = faultKinds.indexOf(kind)
  if (Atomics.load(faults, index) === 0) return
  Atomics.sub(faults, index, 1)
  throw Object.assign(new Error(`EIO: the simulated disk refuses ${kind}, '${path}'`), {
    code: 'EIO',
    syscall: kind === 'create' ? 'open' : kind,
  })
}

const wrapped = {
  openSync(path: string, flags: string | number = 'r', mode?: number): number {
    const name = watched(path)
    if (name === undefined) return real.openSync(path, flags, mode)
    const bits = typeof flags === 'number' ? flags : flagBits(flags)
    const isNew = !real.existsSync(path)
    if ((bits & fs.constants.O_EXCL) !== 0) failIfAsked('create', name)
    const fd = real.openSync(path, flags, mode)
    files.set(fd, name)
    if (isNew) emit({ kind: 'create', path: name })
    else if ((bits & fs.constants.O_TRUNC) !== 0) emit({ kind: 'truncate', path: name, size: 0 })
    return fd
  },
  closeSync(fd: number): void {
    real.closeSync(fd)
    files.delete(fd)
  },
  writeSync(fd: number, bytes: Uint8Array, from: number, length: number, at: number): number {
    const path = files.get(fd)
    if (path === undefined) return real.writeSync(fd, bytes, from, length, at)
    if (typeof at !== 'number') throw new Error(`Cannot record a write without place to '${path}'`)
    // A full disk takes a part, then nothing.
    const isFaulty = recording?.faults !== undefined && Atomics.load(recording.faults, 1) > 0
    const asked = isFaulty ? Math.ceil(length / 2) : length
    const count = real.writeSync(fd, bytes, from, asked, at)
    emit({ kind: 'write', path, at, bytes: Uint8Array.from(bytes.subarray(from, from + count)) })
    failIfAsked('write', path)
    return count
  },
  ftruncateSync(fd: number, size = 0): void {
    real.ftruncateSync(fd, size)
    const path = files.get(fd)
    if (path !== undefined) emit({ kind: 'truncate', path, size })
  },
  truncateSync(path: string, size = 0): void {
    quietly(() => real.truncateSync(path, size))
    const name = watched(path)
    if (path.endsWith('-wal')) observeWal(path)
    else if (name !== undefined) emit({ kind: 'truncate', path: name, size })
  },
  writeFileSync(path: string, data: string | Uint8Array, options?: fs.WriteFileOptions): void {
    const name = watched(path)
    const isNew = name !== undefined && !real.existsSync(path)
    quietly(() => real.writeFileSync(path, data, options))
    if (name === undefined) return
    if (isNew) emit({ kind: 'create', path: name })
    else emit({ kind: 'truncate', path: name, size: 0 })
    emit({ kind: 'write', path: name, at: 0, bytes: Uint8Array.from(Buffer.from(data as string)) })
    const isFlushed = typeof options === 'object' && options?.flush === true
    if (isFlushed && recording !== undefined) {
      emit({ kind: 'sync', path: name, began: tick(recording), failed: false })
    }
  },
  rmSync(path: string, options?: fs.RmOptions): void {
    const name = watched(path)
    const existed = name !== undefined && real.existsSync(path)
    if (existed && options?.recursive === true) {
      throw new Error(`Cannot record that the folder '${name}' is deleted`)
    }
    quietly(() => real.rmSync(path, options))
    if (path.endsWith('-wal')) observeWal(path)
    else if (existed) emit({ kind: 'unlink', path: name })
  },
  unlinkSync(path: string): void {
    real.unlinkSync(path)
    const name = watched(path)
    if (name !== undefined) emit({ kind: 'unlink', path: name })
  },
  renameSync(path: string, target: string): void {
    real.renameSync(path, target)
    const [from, to] = [watched(path), watched(target)]
    if (from !== undefined && to !== undefined) emit({ kind: 'rename', path: from, target: to })
  },
  mkdirSync(path: string, options?: fs.MakeDirectoryOptions): string | undefined {
    const made = real.mkdirSync(path, options)
    const [first, last] = [watched(made ?? path), watched(path)]
    if (first === undefined || last === undefined) return made
    if (made === undefined && options?.recursive === true) return made
    const parts = last.split(sep)
    for (let depth = first.split(sep).length; depth <= parts.length; depth += 1) {
      emit({ kind: 'mkdir', path: parts.slice(0, depth).join(sep) })
    }
    return made
  },
  fsyncSync: (fd: number): void => sync('fsync', fd),
  fdatasyncSync: (fd: number): void => sync('fdatasync', fd),
}

// Others would change files without our knowing; so would the same ones by callback or promise, which
// is why a recording ends by comparing the folder with what was recorded.
const unknown = [
  'appendFileSync',
  'copyFileSync',
  'cpSync',
  'linkSync',
  'symlinkSync',
  'writevSync',
]

function sync(kind: 'fsync' | 'fdatasync', fd: number): void {
  const path = files.get(fd)
  if (path === undefined || recording === undefined) {
    real[`${kind}Sync`](fd)
    return
  }
  const began = tick(recording)
  try {
    failIfAsked(kind, path)
    real[`${kind}Sync`](fd)
  } catch (error) {
    emit({ kind: 'sync', path, began, failed: true })
    throw error
  }
  emit({ kind: 'sync', path, began, failed: false })
}

/** Before any module is loaded that takes these functions for itself. */
export function installRecorder(): void {
  Object.assign(fs, wrapped)
  for (const name of unknown) {
    const before = real[name as 'copyFileSync'] as (...values: unknown[]) => unknown
    Object.assign(fs, {
      [name]: (...values: unknown[]): unknown => {
        if (values.some((value) => watched(value) !== undefined)) {
          throw new Error(`Cannot record ${name}(): the recorder does not know it`)
        }
        return before(...values)
      },
    })
  }
  syncBuiltinESMExports()
  installSqlite()
}

const ends = /^\s*(?:COMMIT|ROLLBACK)/i
const checkpoints = /^\s*PRAGMA wal_checkpoint/i

// The calls in which SQLite writes: with `wal_autocheckpoint = 0` only checkpoints and closing change
// the file, and the end of a transaction the -wal. What it spills before is found at its end.
function installSqlite(): void {
  const database = DatabaseSync.prototype
  const { close, exec, prepare } = database
  database.close = function (this: DatabaseSync): void {
    // Closed, it does not tell its path.
    observe(this.location(), true, () => close.call(this))
  }
  database.exec = function (this: DatabaseSync, sql: string): void {
    const isCheckpoint = checkpoints.test(sql)
    if (!isCheckpoint && !ends.test(sql)) exec.call(this, sql)
    else observe(this.location(), isCheckpoint, () => exec.call(this, sql))
  }
  database.prepare = function (this: DatabaseSync, sql: string, ...rest: []) {
    const statement = prepare.call(this, sql, ...rest)
    if (!checkpoints.test(sql)) return statement
    const { get } = statement
    statement.get = () => observe(this.location(), true, () => get.call(statement, {}))
    return statement
  }
}

// The -wal as the trace has it, by its absolute path. A transaction that is larger than SQLite's cache
// writes to it before its end, so what it was before a call is not what the trace has.
const tracedWals = new Map<string, Buffer | undefined>()

function observe<T>(path: string | null, changesFile: boolean, act: () => T): T {
  if (path === null || watched(path) === undefined) return act()
  const before = changesFile ? contentOf(path) : undefined
  try {
    return act()
  } finally {
    if (changesFile) emitDifference(path, before, contentOf(path))
    observeWal(`${path}-wal`)
  }
}

function observeWal(path: string): void {
  const content = contentOf(path)
  emitDifference(path, tracedWals.get(path), content)
  if (content === undefined) tracedWals.delete(path)
  else tracedWals.set(path, content)
}

function contentOf(path: string): Buffer | undefined {
  return real.existsSync(path) ? quietly(() => real.readFileSync(path)) : undefined
}

function emitDifference(
  absolute: string,
  before: Buffer | undefined,
  after: Buffer | undefined,
): void {
  const path = watched(absolute)
  if (path === undefined) return
  if (after === undefined) {
    if (before !== undefined) emit({ kind: 'unlink', path })
    return
  }
  if (before === undefined) emit({ kind: 'create', path })
  else if (after.length < before.length) emit({ kind: 'truncate', path, size: after.length })
  const isSame = (at: number): boolean => {
    const end = at + sectorBytes
    return before !== undefined && before.subarray(at, end).equals(after.subarray(at, end))
  }
  for (let at = 0; at < after.length; at += sectorBytes) {
    if (isSame(at)) continue
    const start = at
    while (at < after.length && !isSame(at)) at += sectorBytes
    emit({ kind: 'write', path, at: start, bytes: Uint8Array.from(after.subarray(start, at)) })
  }
}

// Preloaded (`--import`) into the process of a shard, in each of its threads: makes file operations and
// SQLite fail as the file named by SLUICE_TEST_FAULTS says, which the test can change at any time.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'

export interface Fault {
  /** A synchronous function of `node:fs`; or `sqlite`, for everything asked of a database. */
  readonly call: string
  /** What the path of the file ends with. */
  readonly path: string
  /** As the operating system names it. */
  readonly code: 'EIO' | 'ENOSPC' | 'EACCES'
  /** A write that fails has written half of what it was given before. */
  readonly half?: boolean
}

type AnyFunction = (...values: unknown[]) => unknown

const { readFileSync, writeFileSync, writeSync } = fs
const controlPath = process.env['SLUICE_TEST_FAULTS'] ?? ''
const paths = new Map<number, string>()
let faults: readonly Fault[] = []

function faultOf(call: string, path: string | undefined): Fault | undefined {
  try {
    faults = JSON.parse(readFileSync(controlPath, 'utf8')) as Fault[]
  } catch (error) {
    // The test has left this process no descriptor: what held before still does.
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
  }
  const found = faults.find((fault) => fault.call === call && path?.endsWith(fault.path))
  // Tells the test that it has happened.
  if (found !== undefined) writeFileSync(`${controlPath}.${call}`, '')
  return found
}

const onPaths = ['openSync', 'mkdirSync', 'writeFileSync', 'truncateSync']
const onDescriptors = ['readSync', 'writeSync', 'fdatasyncSync', 'fsyncSync', 'ftruncateSync']
const functions = fs as unknown as Record<string, AnyFunction>
for (const call of [...onPaths, ...onDescriptors]) {
  const real = functions[call] as AnyFunction
  functions[call] = (...values) => {
    const [first] = values
    const path = typeof first === 'number' ? paths.get(first) : String(first)
    const fault = faultOf(call, path)
    if (fault?.half === true) {
      const [fd, bytes, , , position] = values as [number, Uint8Array, number, number, number]
      writeSync(fd, bytes, 0, Math.floor(bytes.byteLength / 2), position)
    }
    if (fault !== undefined) {
      const error = new Error(`${fault.code}: injected, ${call.replace('Sync', '')}`)
      throw Object.assign(error, { code: fault.code, syscall: call.replace('Sync', '') })
    }
    const result = real(...values)
    if (call === 'openSync') paths.set(result as number, String(first))
    return result
  }
}
syncBuiltinESMExports()

const databases = new WeakMap<StatementSync, DatabaseSync>()

function failDatabase(db: DatabaseSync | undefined): void {
  if (faultOf('sqlite', db?.location() ?? undefined) === undefined) return
  throw Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 266 })
}

const database = DatabaseSync.prototype as unknown as Record<string, AnyFunction>
for (const name of ['prepare', 'exec']) {
  const real = database[name] as AnyFunction
  database[name] = function (this: DatabaseSync, ...values: unknown[]): unknown {
    failDatabase(this)
    const result = real.apply(this, values)
    if (result instanceof StatementSync) databases.set(result, this)
    return result
  }
}
const statement = StatementSync.prototype as unknown as Record<string, AnyFunction>
for (const name of ['get', 'all', 'run', 'iterate']) {
  const real = statement[name] as AnyFunction
  statement[name] = function (this: StatementSync, ...values: unknown[]): unknown {
    failDatabase(databases.get(this))
    return real.apply(this, values)
  }
}

// Root may do everything: tests of permissions ask for a process of nobody's.
const uid = Number(process.env['SLUICE_TEST_UID'])
if (isMainThread && uid > 0) {
  process.setgid?.(uid)
  process.setuid?.(uid)
}

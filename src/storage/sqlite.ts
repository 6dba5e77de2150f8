// The only file that imports node:sqlite.

import { rmSync, writeFileSync } from 'node:fs'
import { constants, DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { localLimits, type StorageLimits } from './limits.ts'

export { constants, type DatabaseSync, type StatementSync }

export const pageSize = 4096
const codeBusy = 5

/** The tables that every object has, as the reference makes them. */
export const objectTables: Readonly<Record<string, string>> = {
  _cf_KV: 'CREATE TABLE _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID',
  _cf_METADATA: 'CREATE TABLE _cf_METADATA (key INTEGER PRIMARY KEY, value BLOB)',
}

/** A new object's database, byte for byte. */
let template: Uint8Array | undefined

function makeTemplate(): Uint8Array {
  const db = new DatabaseSync(':memory:')
  db.exec(`PRAGMA page_size = ${pageSize}`)
  for (const sql of Object.values(objectTables)) db.exec(sql)
  const bytes = (db as unknown as { serialize(): Uint8Array }).serialize()
  db.close()
  // File format 2 for reading and writing: the database is in WAL mode from its first byte on.
  bytes[18] = 2
  bytes[19] = 2
  return bytes
}

export function templateBytes(): Uint8Array {
  template ??= makeTemplate()
  return template
}

/** Limits of the reference on SQLite (reference 1.10, 1.19). */
const limits = {
  sqlLength: 100_000,
  column: 100,
  exprDepth: 100,
  compoundSelect: 5,
  vdbeOp: 25_000,
  attach: 0,
  likePatternLength: 50,
  variableNumber: 100,
  triggerDepth: 10,
}

/**
 * Opens one object's database file. `unix-none` opens in constant time however many are open, and
 * locks nothing: the data folder's lock stands in for that. SQLite never syncs: the log does.
 */
export function openDatabase(path: string, allowed: StorageLimits = localLimits): DatabaseSync {
  const { rowBytes, functionArguments, databaseBytes } = allowed
  const db = openExclusive(path, {
    limits: { ...limits, length: rowBytes, functionArg: functionArguments },
  })
  if (databaseBytes !== undefined) {
    db.exec(`PRAGMA max_page_count = ${Math.floor(databaseBytes / pageSize)}`)
  }
  return db
}

/** As {@link openDatabase}, for what is not the program's own doing: without its limits. */
export function openWithoutLimits(path: string): DatabaseSync {
  return openExclusive(path, {})
}

/**
 * Opens a database file for reading, as it stands: a `-wal` beside it does not count, and nothing on
 * disk changes. Nobody may write to it meanwhile.
 */
export function openUnchanging(path: string): DatabaseSync {
  const url = fileUrl(path)
  url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true, enableDoubleQuotedStringLiterals: true })
}

function fileUrl(path: string): URL {
  const url = pathToFileURL(path)
  url.searchParams.set('vfs', 'unix-none')
  return url
}

function openExclusive(path: string, more: object): DatabaseSync {
  const options = {
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: true,
    allowExtension: false,
    defensive: true,
    ...more,
  }
  const db = new DatabaseSync(
    fileUrl(path),
    options as ConstructorParameters<typeof DatabaseSync>[1],
  )
  try {
    // locking_mode must come first: any other pragma would already map the -shm file.
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    db.exec('PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0')
  } catch (error) {
    db.close()
    throw error
  }
  return db
}

/**
 * Locks the file at `path`, of which nobody else makes any use, until this process ends.
 *
 * @returns gives it back; undefined when somebody else has it, in this process or another
 */
export function lockFile(path: string): (() => void) | undefined {
  const db = new DatabaseSync(path)
  try {
    // No journal beside it: nothing is ever written.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    if (isSqliteError(error) && primaryCode(error) === codeBusy) return undefined
    throw error
  }
  return () => db.close()
}

/** Writes the template to `path`, which must not exist. */
export function createDatabaseFile(path: string): void {
  writeFileSync(path, templateBytes(), { flag: 'wx', mode: 0o600 })
}

/** Deletes what SQLite keeps beside a database; nothing in there was confirmed and not logged. */
export function removeSideFiles(path: string): void {
  for (const suffix of ['-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
}

/** What node:sqlite throws. */
export interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR'
  readonly errcode: number
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR'
}

/** The result code without its extension. */
export function primaryCode(error: SqliteError): number {
  return error.errcode & 0xff
}

const primaryCodes: Readonly<Record<number, string>> = {
  1: 'ERROR',
  2: 'INTERNAL',
  3: 'PERM',
  4: 'ABORT',
  5: 'BUSY',
  6: 'LOCKED',
  7: 'NOMEM',
  8: 'READONLY',
  9: 'INTERRUPT',
  10: 'IOERR',
  11: 'CORRUPT',
  12: 'NOTFOUND',
  13: 'FULL',
  14: 'CANTOPEN',
  15: 'PROTOCOL',
  17: 'SCHEMA',
  18: 'TOOBIG',
  19: 'CONSTRAINT',
  20: 'MISMATCH',
  21: 'MISUSE',
  22: 'NOLFS',
  23: 'AUTH',
  25: 'RANGE',
  26: 'NOTADB',
}

const extendedCodes: Readonly<Record<number, string>> = {
  257: 'ERROR_MISSING_COLLSEQ',
  275: 'CONSTRAINT_CHECK',
  516: 'ABORT_ROLLBACK',
  531: 'CONSTRAINT_COMMITHOOK',
  787: 'CONSTRAINT_FOREIGNKEY',
  1299: 'CONSTRAINT_NOTNULL',
  1555: 'CONSTRAINT_PRIMARYKEY',
  1811: 'CONSTRAINT_TRIGGER',
  2067: 'CONSTRAINT_UNIQUE',
  2579: 'CONSTRAINT_ROWID',
  3091: 'CONSTRAINT_DATATYPE',
}

// Where the reference's SQLite says it otherwise than Node's.
const otherTexts: Readonly<Record<string, string>> = {
  'too many levels of trigger recursion': 'triggers nested too deep',
}

/**
 * The text that the reference gives an SQLite error: message, place in the statement, code, and extended
 * code if it says more.
 */
export function describeSqliteError(error: SqliteError, offset?: number): string {
  const primary = primaryCodes[primaryCode(error)] ?? String(primaryCode(error))
  const extended = extendedCodes[error.errcode]
  const more = extended === undefined ? '' : ` (extended: SQLITE_${extended})`
  const place = offset === undefined ? '' : ` at offset ${offset}`
  const message = otherTexts[error.message] ?? error.message
  return `${message}${place}: SQLITE_${primary}${more}`
}

/** SQLite rolls the whole transaction back on its own for these: the database cannot go on. */
export function isFatal(error: SqliteError): boolean {
  return [7, 9, 10, 11, 13, 26].includes(primaryCode(error))
}

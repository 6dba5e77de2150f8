import { closeSync, constants, ftruncateSync, openSync, statSync, writeSync } from 'node:fs'
import { DurableError } from '../base/index.ts'
import { removeSideFiles } from './sqlite.ts'

/** A database file, and the state that it is to be brought to. */
export interface RestoredDatabase {
  readonly path: string
  readonly pageSize: number
  readonly databasePages: number
  /** 1-based. */
  readonly pages: ReadonlyMap<number, Uint8Array>
}

/**
 * Brings a database file to a recovered state: writes page images, cuts it to size, drops what SQLite
 * kept beside it. The file is durable only when the caller has synced it. [ST6]
 *
 * @throws DurableError, with the file as it was, when a page is neither given nor in the file: what
 *   was there before is gone [CT3]
 */
export function restoreDatabase(options: RestoredDatabase): void {
  requireRestorable(options)
  removeSideFiles(options.path)
  const file = openSync(options.path, constants.O_RDWR | constants.O_CREAT, 0o600)
  try {
    for (const [pageNumber, bytes] of options.pages) {
      writeAll(file, bytes, (pageNumber - 1) * options.pageSize)
    }
    ftruncateSync(file, options.databasePages * options.pageSize)
  } catch (error) {
    const { message } = error as Error
    throw new Error(`Cannot restore the database '${options.path}': ${message}`, { cause: error })
  } finally {
    closeSync(file)
  }
}

// A disk that is nearly full takes a part.
function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.byteLength; ) {
    at += writeSync(file, bytes, at, bytes.byteLength - at, position + at)
  }
}

/** @throws DurableError when a page is neither given nor in the file [CT3] */
export function requireRestorable(options: RestoredDatabase): void {
  const size = statSync(options.path, { throwIfNoEntry: false })?.size ?? 0
  const pagesInFile = Math.floor(size / options.pageSize)
  for (let page = pagesInFile + 1; page <= options.databasePages; page += 1) {
    if (options.pages.has(page)) continue
    throw new DurableError(
      `Cannot restore the database '${options.path}': page ${page} is neither in the file nor in the log`,
    )
  }
}

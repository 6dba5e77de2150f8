import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { removeSideFiles } from './sqlite.ts'

/**
 * Brings a database file to a recovered state: writes page images, cuts it to size, drops what SQLite
 * kept beside it. The file is durable only when the caller has synced it. [ST6]
 */
export function restoreDatabase(options: {
  readonly path: string
  readonly pageSize: number
  readonly databasePages: number
  /** 1-based. */
  readonly pages: ReadonlyMap<number, Uint8Array>
}): void {
  removeSideFiles(options.path)
  const fd = openSync(options.path, 'a+', 0o600)
  closeSync(fd)
  const file = openSync(options.path, 'r+')
  try {
    for (const [pageNumber, bytes] of options.pages) {
      writeSync(file, bytes, 0, bytes.byteLength, (pageNumber - 1) * options.pageSize)
    }
    ftruncateSync(file, options.databasePages * options.pageSize)
  } finally {
    closeSync(file)
  }
}

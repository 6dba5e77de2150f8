import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PageImage } from '../base/index.ts'
import { recoverFromWal } from './object-database.ts'
import type { ObjectStore } from './object-store.ts'
import type { PendingState } from './overlay.ts'
import { restoreDatabase } from './restore.ts'
import { pageSize, removeSideFiles } from './sqlite.ts'

/** All that an object has stored: the pages of its database, and the keys that are in none yet. */
export interface ObjectImage {
  readonly pages: readonly PageImage[]
  readonly kv: PendingState['kv']
}

/**
 * What `store` has now, confirmed or not. Called in no turn of its object; what an open transaction() of
 * it wrote to SQL is left out.
 *
 * @throws Error while the object is in a transaction()
 */
export function readObjectImage(store: ObjectStore): ObjectImage {
  if (store.isInTransaction) {
    throw new Error('Cannot copy an object: a transaction() of it is open')
  }
  let kv: PendingState['kv'] = new Map()
  store.writeKeys((keys) => {
    kv = new Map(keys.entries())
  })
  // Commits what is open, so that all of it is in the file and the -wal.
  store.turnEnded()
  store.begin().rollback()
  return { pages: existsSync(store.path) ? readPages(store.path) : [], kv }
}

/** Makes the database at `path`, which nobody has open, what `image` says; to be synced. */
export function writeObjectImage(path: string, { pages }: ObjectImage): void {
  if (pages.length === 0) return
  const byNumber = new Map(pages.map(({ pageNumber, bytes }) => [pageNumber, bytes]))
  restoreDatabase({ path, pageSize, databasePages: pages.length, pages: byNumber })
}

function readPages(path: string): PageImage[] {
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-image-'))
  const copy = join(scratch, 'object.sqlite')
  try {
    copyFileSync(path, copy)
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`)
    recoverFromWal(copy)
    removeSideFiles(copy)
    const bytes = readFileSync(copy)
    const pages: PageImage[] = []
    for (let at = 0; at < bytes.byteLength; at += pageSize) {
      pages.push({ pageNumber: at / pageSize + 1, bytes: bytes.subarray(at, at + pageSize) })
    }
    return pages
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

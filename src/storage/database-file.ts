import { readFileSync, rmSync, statSync } from 'node:fs'
import { DurableError, type PageImage } from '../base/index.ts'
import { createDatabaseFile, pageSize, removeSideFiles, templateBytes } from './sqlite.ts'

// The least that a disk writes as a whole.
const sectorBytes = 512

/**
 * Sees to it that a database stands at `path`.
 *
 * @returns whether it is the bare template: then the log has nothing of it yet
 */
export function makeDatabaseFile(path: string): boolean {
  removeSideFiles(path)
  const state = inspectFile(path)
  if (state === 'torn') rmSync(path)
  if (state === 'absent' || state === 'torn') createDatabaseFile(path)
  return state !== 'database'
}

/**
 * An object that had a database must not begin anew without it.
 *
 * @param isKnown asked only when there is none
 * @throws DurableError [CT3]
 */
export function requireDatabaseFile(path: string, isKnown: (() => boolean) | undefined): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size !== undefined && size >= templateBytes().byteLength) return
  if (isKnown?.() !== true) return
  const what = size === undefined ? 'missing' : 'damaged'
  throw new DurableError(
    `Cannot open the database '${path}': it is ${what}, although the object exists; it can only be restored from a backup`,
  )
}

/**
 * A file is made without a sync, so a crash before the object's first commit was confirmed may leave
 * any part of the template, the rest being zeros; after it, the log has had all of it.
 */
export function inspectFile(path: string): 'absent' | 'torn' | 'template' | 'database' {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) return 'absent'
  const template = templateBytes()
  if (size > template.byteLength) return 'database'
  if (size < template.byteLength) return 'torn'
  const bytes = readFileSync(path)
  if (bytes.equals(template)) return 'template'
  const zeros = Buffer.alloc(sectorBytes)
  for (let at = 0; at < size; at += sectorBytes) {
    const sector = bytes.subarray(at, at + sectorBytes)
    if (!sector.equals(zeros) && !sector.equals(template.subarray(at, at + sectorBytes))) {
      return 'database'
    }
  }
  return 'torn'
}

/** A new object's file was made without a sync: the first record holds all of it. [ST6] */
export function withTemplate(pages: readonly PageImage[]): PageImage[] {
  const all = new Map<number, PageImage>()
  const template = templateBytes()
  for (let at = 0; at < template.byteLength; at += pageSize) {
    const pageNumber = at / pageSize + 1
    all.set(pageNumber, { pageNumber, bytes: template.subarray(at, at + pageSize) })
  }
  for (const page of pages) all.set(page.pageNumber, page)
  return [...all.values()]
}

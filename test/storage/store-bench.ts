import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach } from 'node:test'
import { deserialize } from 'node:v8'
import type { CommitRecord } from '../../src/base/index.ts'
import { ScriptedLog } from '../../src/log/index.ts'
import { ObjectStore, type PendingState, restoreDatabase } from '../../src/storage/index.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-store-'))
  folders.push(folder)
  return folder
}

/** A store over a scripted log, and what its listener heard. */
export class Bench {
  readonly log = new ScriptedLog()
  readonly heard: string[] = []
  readonly path: string
  store: ObjectStore
  /** What the store wants done in a quiet moment. */
  quiet: (() => void) | undefined

  constructor(path = join(makeFolder(), 'o.sqlite')) {
    this.path = path
    this.store = this.open()
  }

  open(pending?: PendingState): ObjectStore {
    const { path, log } = this
    const store = ObjectStore.open({ path, object: 'n/o', fence: 0, log, pending })
    store.setListener({
      holdOutput: () => {
        this.heard.push('hold')
        return {
          release: () => this.heard.push('release'),
          fail: (error) => this.heard.push(`fail: ${(error as Error).message}`),
        }
      },
      broke: (error) => this.heard.push(`broke: ${error.message}`),
      whenQuiet: (act) => {
        this.quiet = act
      },
    })
    this.store = store
    return store
  }

  turn(act: () => void): void {
    act()
    this.store.turnEnded()
  }

  flushAndConfirm(): void {
    this.log.flush()
    while (this.log.confirmNext());
  }

  /** @returns whether a checkpoint asked for now is done at once */
  checkpoint(): boolean {
    let isDone = false
    this.store.whenCheckpointed(() => {
      isDone = true
    })
    return isDone
  }

  take(): string[] {
    return this.heard.splice(0)
  }
}

/** Rebuilds a database from records alone. */
export function replay(records: readonly CommitRecord[]): DatabaseSync {
  const path = join(makeFolder(), 'replayed.sqlite')
  const kv = new Map<string, Uint8Array | undefined>()
  for (const record of records) {
    const { pageSize, databasePages } = record
    const pages = new Map(record.pages.map(({ pageNumber, bytes }) => [pageNumber, bytes]))
    if (databasePages > 0) restoreDatabase({ path, pageSize, databasePages, pages })
    if (record.kvApplied) kv.clear()
    for (const { key, value } of record.kv) kv.set(key, value)
  }
  const db = new DatabaseSync(path)
  db.exec('CREATE TABLE IF NOT EXISTS _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID')
  for (const [key, value] of kv) {
    db.prepare('DELETE FROM _cf_KV WHERE key = ?').run(key)
    if (value !== undefined) db.prepare('INSERT INTO _cf_KV VALUES (?, ?)').run(key, value)
  }
  return db
}

export function keysOf(db: DatabaseSync): Map<string, unknown> {
  const rows = db.prepare('SELECT key, value FROM _cf_KV ORDER BY key').all() as {
    key: string
    value: Uint8Array
  }[]
  return new Map(rows.map(({ key, value }) => [key, deserialize(value)]))
}

/** The only row of a query. */
export function readRow(store: ObjectStore, sql: string): unknown[] {
  const result = store.sql.exec(sql, [])
  const row = result.next() ?? []
  assert.equal(result.next(), undefined)
  return row
}

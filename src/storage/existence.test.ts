// What a store tells the catalogue, and what it does when its file is not there any more.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ScriptedLog } from '../log/index.ts'
import { ObjectStore, readStoredAlarm, restoreDatabase, type StoreOptions } from './index.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-existence-'))
after(() => rmSync(root, { recursive: true, force: true }))
let files = 0

function makePath(): string {
  files += 1
  return join(root, `${files}.sqlite`)
}

function open(path: string, log: ScriptedLog, more: Partial<StoreOptions> = {}): ObjectStore {
  return ObjectStore.open({ path, object: 'n/o', fence: 0, log, ...more })
}

function confirmAll(log: ScriptedLog): void {
  log.flush()
  while (log.confirmNext());
}

test('[AL1] an alarm is part of the commit, is rolled back with it, and is there when reopened', () => {
  const log = new ScriptedLog()
  const path = makePath()
  const store = open(path, log)
  store.setAlarm(1_795_000_000_123)
  store.turnEnded()
  confirmAll(log)
  store.setAlarm(1_795_000_000_999)
  store.turnAborted()
  assert.equal(store.getAlarm(), 1_795_000_000_123)
  confirmAll(log)
  store.close()
  const again = open(path, log, { pending: { kv: new Map(), alarmAt: 1_795_000_000_123 } })
  assert.equal(again.getAlarm(), 1_795_000_000_123)
  again.whenCheckpointed(() => {})
  confirmAll(log)
  again.close()
  assert.deepEqual(readStoredAlarm(path), { alarmAt: 1_795_000_000_123 })
  const last = open(path, log)
  assert.equal(last.getAlarm(), 1_795_000_000_123)
  last.setAlarm(null)
  last.turnEnded()
  last.whenCheckpointed(() => {})
  confirmAll(log)
  last.close()
  assert.deepEqual(readStoredAlarm(path), { alarmAt: null })
})

test('[CT1] the first commit after the name is known has the name', () => {
  const log = new ScriptedLog()
  const put = (store: ObjectStore): void => {
    store.kvPut('n', log.confirmedRecords.length)
    store.turnEnded()
    confirmAll(log)
  }
  const named = open(makePath(), log, { name: 'lobby' })
  put(named)
  put(named)
  const unnamed = open(makePath(), log)
  put(unnamed)
  unnamed.nameIs('later')
  put(unnamed)
  unnamed.nameIs('later')
  put(unnamed)
  assert.deepEqual(
    log.confirmedRecords.map(({ name }) => name),
    ['lobby', undefined, undefined, 'later', undefined],
  )
})

test('[CT3] a database that is missing or torn is refused when the object is known', () => {
  const log = new ScriptedLog()
  const path = makePath()
  const isKnown = (): boolean => true
  assert.throws(() => open(path, log, { isKnown }), /it is missing, although the object exists/)
  assert.ok(!existsSync(path))
  writeFileSync(path, Buffer.alloc(100))
  assert.throws(() => open(path, log, { isKnown }), /it is damaged, although the object exists/)
  // Nothing was ever confirmed of this one: it begins anew.
  open(path, log, { isKnown: () => false }).close()
})

test('[CT3] pages that are neither given nor in the file are not made up', () => {
  const log = new ScriptedLog()
  const path = makePath()
  const store = open(path, log)
  store.sql.exec('CREATE TABLE t (x)', [])
  store.sql.exec('INSERT INTO t VALUES (randomblob(20000))', [])
  store.turnEnded()
  confirmAll(log)
  store.sql.exec('CREATE TABLE u (x)', [])
  store.turnEnded()
  confirmAll(log)
  store.close()
  const last = log.confirmedRecords.at(-1)
  assert.ok(last !== undefined)
  const restore = (databasePages: number): void =>
    restoreDatabase({
      path,
      pageSize: last.pageSize,
      databasePages,
      pages: new Map(last.pages.map(({ pageNumber, bytes }) => [pageNumber, bytes])),
    })
  restore(last.databasePages)
  truncateSync(path, last.pageSize)
  assert.throws(() => restore(last.databasePages), /page \d+ is neither in the file nor in the log/)
  rmSync(path)
  assert.throws(() => restore(last.databasePages), /page \d+ is neither in the file nor in the log/)
  assert.ok(!existsSync(path))
})

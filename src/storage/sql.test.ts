import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ScriptedLog } from '../log/index.ts'
import { ObjectStore, SqlStorage, SyncKvStorage } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-sql-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

function open(): { store: ObjectStore; sql: SqlStorage; kv: SyncKvStorage; log: ScriptedLog } {
  const log = new ScriptedLog()
  const path = join(folder, `${(count += 1)}.sqlite`)
  const store = ObjectStore.open({ path, object: 'n/o', fence: 0, log })
  const access = (): void => {}
  return { store, sql: new SqlStorage(store, access), kv: new SyncKvStorage(store, access), log }
}

test('[ST14] several statements in one text run in order; the values belong to the last', () => {
  const { sql } = open()
  const cursor = sql.exec(
    `CREATE TABLE t (a TEXT, b); -- a comment; with a semicolon
     INSERT INTO t VALUES ('x;y', 1); /* another; one */
     CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET b = CASE b WHEN 2 THEN 3 ELSE b END; END;
     INSERT INTO t VALUES (?, ?);
     SELECT a, b FROM t WHERE b > ? ORDER BY b`.replace('VALUES (?, ?)', "VALUES ('z', 2)"),
    0,
  )
  assert.deepEqual(cursor.toArray(), [
    { a: 'x;y', b: 1 },
    { a: 'z', b: 3 },
  ])
})

test('[ST14] bad SQL is refused with the texts of the reference', () => {
  const { sql } = open()
  sql.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE)')
  sql.exec('INSERT INTO t VALUES (1, 1)')
  const refusals: [sql: string, values: unknown[], message: string | RegExp][] = [
    ['', [], 'SQL code did not contain a statement.'],
    ['-- nothing', [], 'SQL code did not contain a statement.'],
    ['SELECT ?', [], 'Wrong number of parameter bindings for SQL query.'],
    ['SELECT 1', [1], 'Wrong number of parameter bindings for SQL query.'],
    [
      'SELECT ?; SELECT 1',
      [],
      'When executing multiple SQL statements in a single call, only the last statement can have parameters.',
    ],
    ['SELECT * FROM nope', [], 'no such table: nope: SQLITE_ERROR'],
    [
      'INSERT INTO t VALUES (1, 2)',
      [],
      'UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)',
    ],
    [
      'INSERT INTO t VALUES (2, 1)',
      [],
      'UNIQUE constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)',
    ],
    ['SELECT ?', [1n], 'Cannot convert a BigInt value to a number'],
  ]
  for (const [text, values, message] of refusals) {
    assert.throws(() => sql.exec(text, ...values), { message }, text)
  }
  assert.throws(() => sql.exec('SELECT 1 WHERE 0').one(), {
    message: 'Expected exactly one result from SQL query, but got no results.',
  })
  assert.throws(() => sql.exec('SELECT 1 UNION SELECT 2').one(), {
    message: 'Expected exactly one result from SQL query, but got multiple results.',
  })
})

test('[ST15] a cursor goes on over commits and changes, and its statement can run again meanwhile', () => {
  const { store, sql, log } = open()
  sql.exec('CREATE TABLE t (a)')
  for (let i = 0; i < 4; i += 1) sql.exec('INSERT INTO t VALUES (?)', i)
  const cursor = sql.exec('SELECT a FROM t')
  assert.deepEqual(cursor.next(), { done: false, value: { a: 0 } })
  store.turnEnded()
  log.flush()
  log.confirmNext()
  assert.equal(sql.exec('SELECT a FROM t').toArray().length, 4)
  let isCheckpointed = false
  store.whenCheckpointed(() => {
    isCheckpointed = true
  })
  assert.ok(!isCheckpointed, 'an open cursor blocks the checkpoint')
  sql.exec('INSERT INTO t VALUES (4)')
  assert.deepEqual(cursor.raw().toArray(), [[1], [2], [3], [4]])
  assert.equal(cursor.rowsRead, 5)
  assert.deepEqual(cursor.next(), { done: true, value: undefined })
  assert.deepEqual(sql.exec('SELECT 1 AS x, 2 AS x').columnNames, ['x', 'x'])
  assert.deepEqual(sql.exec('SELECT 1 AS x, 2 AS x').toArray(), [{ x: 2 }])
  assert.deepEqual(sql.exec('INSERT INTO t VALUES (9), (8) RETURNING a').toArray(), [
    { a: 9 },
    { a: 8 },
  ])
})

test('[ST16] values come as number, string, ArrayBuffer and null', () => {
  const { sql } = open()
  const row = sql
    .exec(
      'SELECT ? AS i, ? AS r, ? AS t, ? AS b, ? AS n, ? AS bool, ? AS o',
      1,
      1.5,
      'x',
      new Uint8Array([1, 2]),
      null,
      true,
      {},
    )
    .one()
  assert.deepEqual(row, {
    i: 1,
    r: 1.5,
    t: 'x',
    b: new Uint8Array([1, 2]).buffer,
    n: null,
    bool: 'true',
    o: '[object Object]',
  })
  assert.equal(sql.exec('SELECT 9007199254740993 AS x').one()['x'], 9007199254740992)
  assert.deepEqual(sql.exec('SELECT ?2 AS b, ?1 AS a', 'one', 'two').one(), { b: 'two', a: 'one' })
})

test('[ST17] user SQL reaches neither our tables nor transactions, files or temporary objects', () => {
  const { sql, kv } = open()
  kv.put('a', 1)
  const refused = [
    'SELECT * FROM _cf_KV',
    'DELETE FROM _CF_KV',
    'CREATE TABLE _cf_x (a)',
    "ATTACH 'x.db' AS x",
    'CREATE TEMP TABLE x (a)',
    'PRAGMA journal_mode = DELETE',
    'PRAGMA user_version = 3',
    'SELECT sqlite_version()',
    "SELECT load_extension('x')",
    'VACUUM',
  ]
  for (const text of refused) assert.throws(() => sql.exec(text), /SQLITE_(AUTH|ERROR)/, text)
  for (const text of ['BEGIN', ' /* x */ commit', 'SAVEPOINT x', 'ROLLBACK', 'RELEASE x']) {
    assert.throws(() => sql.exec(text), /^Error: To execute a transaction, please use/, text)
  }
  assert.deepEqual(sql.exec('PRAGMA page_size').one(), { page_size: 4096 })
  assert.equal(kv.get('a'), 1)
})

test('[ST12] one iteration of kv.list at a time', () => {
  const { kv } = open()
  for (const key of ['a', 'b', 'c']) kv.put(key, key)
  const first = kv.list()
  assert.deepEqual(first.next().value, ['a', 'a'])
  assert.deepEqual(
    [...kv.list({ start: 'b' })],
    [
      ['b', 'b'],
      ['c', 'c'],
    ],
  )
  assert.throws(() => first.next(), /iterator was invalidated/)
  assert.equal(kv.delete('a'), true)
  assert.equal(kv.delete('a'), false)
  assert.throws(() => kv.put('u', undefined), { message: 'put() called with undefined value.' })
})

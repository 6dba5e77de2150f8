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
  return { store, sql: new SqlStorage(store, access), kv: SyncKvStorage.create(store, access), log }
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

test('[ST26] an error of the text tells its place in bytes', () => {
  const { sql } = open()
  sql.exec('CREATE TABLE t (a, b); CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END')
  const errors: [sql: string, message: string][] = [
    ['SELECT * FROM from', 'near "from": syntax error at offset 14: SQLITE_ERROR'],
    ['SELECT fromage, from FROM t', 'near "from": syntax error at offset 16: SQLITE_ERROR'],
    ["SELECT 'from' /* from */ from from", 'near "from": syntax error at offset 30: SQLITE_ERROR'],
    ['SELECT', 'incomplete input: SQLITE_ERROR'],
    ["SELECT 'é', nope", 'no such column: nope at offset 13: SQLITE_ERROR'],
    ['SELECT a AS nope FROM t WHERE zip', 'no such column: zip at offset 30: SQLITE_ERROR'],
    [
      'SELECT a AS b FROM t GROUP BY b HAVING t.nope OR nope.b',
      'no such column: t.nope at offset 39: SQLITE_ERROR',
    ],
    ['UPDATE t SET nope = 1', 'no such column: nope: SQLITE_ERROR'],
    ['UPDATE t SET a = nope', 'no such column: nope at offset 17: SQLITE_ERROR'],
    [
      'SELECT abs(1), abs(1, 2)',
      'wrong number of arguments to function abs() at offset 15: SQLITE_ERROR',
    ],
    ['SELECT sum(sum(a)) FROM t', 'misuse of aggregate function sum() at offset 11: SQLITE_ERROR'],
    ["SELECT a REGEXP 'b' FROM t", 'no such function: REGEXP at offset 9: SQLITE_ERROR'],
    ['SELECT 1, "\x27', 'unrecognized token: ""\x27" at offset 10: SQLITE_ERROR'],
    ['CREATE TABLE T (x)', 'table T already exists at offset 13: SQLITE_ERROR'],
    ['SELECT ?1, ?101', 'variable number must be between ?1 and ?100 at offset 11: SQLITE_ERROR'],
    [
      `SELECT * FROM t WHERE a IN (${Array(101).fill('?').join()})`,
      'too many SQL variables at offset 228: SQLITE_ERROR',
    ],
    ['SELECT 1; SELEC 2', 'near "SELEC": syntax error at offset 0: SQLITE_ERROR'],
    ['SELECT * FROM nope', 'no such table: nope: SQLITE_ERROR'],
  ]
  for (const [text, message] of errors) assert.throws(() => sql.exec(text), { message }, text)
})

test('[ST27] entries written and rows visited are told as nearly as the plan tells', () => {
  const { sql } = open()
  const cost = (text: string): [read: number, written: number] => {
    const cursor = sql.exec(text)
    cursor.toArray()
    return [cursor.rowsRead, cursor.rowsWritten]
  }
  assert.deepEqual(cost('CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE, c)'), [1, 3])
  assert.deepEqual(cost('CREATE TABLE IF NOT EXISTS t (a)'), [0, 0])
  assert.deepEqual(cost('CREATE INDEX i ON t (c)'), [2, 1])
  assert.deepEqual(cost('INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)'), [3, 9])
  assert.deepEqual(cost('INSERT INTO t (b, c) VALUES (4, 4)'), [0, 3])
  assert.deepEqual(cost('SELECT * FROM t'), [4, 0])
  assert.deepEqual(cost('SELECT count(*) FROM t'), [4, 0])
  assert.deepEqual(cost('SELECT * FROM t WHERE a = 99'), [1, 0])
  assert.deepEqual(cost('SELECT * FROM t WHERE c = 2'), [2, 0])
  assert.deepEqual(cost('SELECT 1'), [0, 0])
  assert.deepEqual(cost('UPDATE t SET c = 9 WHERE a = 1'), [1, 2])
  assert.deepEqual(cost('DELETE FROM t'), [0, 4])
  const cursor = sql.exec('SELECT 1 FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3)')
  assert.equal(cursor.rowsRead, 1)
  cursor.next()
  assert.equal(cursor.rowsRead, 2)
})

test('[ST28] 64 bits pass without loss when the program asks for BigInt', () => {
  const { sql } = open()
  const max = 9223372036854775807n
  assert.equal(sql.integers, 'number')
  assert.throws(() => sql.exec('SELECT ?', max), /Cannot convert a BigInt value to a number/)
  sql.integers = 'bigint'
  assert.deepEqual(sql.exec('SELECT ? AS a, 1 AS b, 1.5 AS c', max).one(), {
    a: max,
    b: 1n,
    c: 1.5,
  })
  sql.integers = 'number'
  assert.deepEqual(sql.exec('SELECT 9223372036854775807 AS a').one(), { a: 2 ** 63 })
})

test('[ST15] what is left of a cursor is shared by its iterators; one that failed stays failed', () => {
  const { sql } = open()
  const cursor = sql.exec('SELECT value AS v FROM json_each(?)', '[1, 2, 3, 4, 5]')
  assert.ok(cursor instanceof sql.Cursor)
  const rows = cursor[Symbol.iterator]()
  assert.equal(Object.prototype.toString.call(rows), '[object RowIterator]')
  assert.deepEqual(rows.next().value, { v: 1 })
  for (const row of cursor.raw()) {
    assert.deepEqual(row, [2])
    break
  }
  assert.deepEqual(rows.map(({ v }) => v).toArray(), [3, 4, 5])
  assert.deepEqual(cursor.toArray(), [])
  const many = sql.exec('SELECT 1 UNION SELECT 2 UNION SELECT 3')
  assert.throws(() => many.one(), /multiple results/)
  assert.deepEqual(many.toArray(), [])
  const failing = sql.exec('SELECT json(value) FROM json_each(\'[1, "x", 3]\')')
  assert.throws(() => failing.next(), { message: 'malformed JSON: SQLITE_ERROR' })
  assert.throws(() => failing.toArray(), { message: 'malformed JSON: SQLITE_ERROR' })
  assert.throws(() => new sql.Cursor(), { message: 'Illegal constructor' })
  assert.throws(() => new sql.Statement(), { message: 'Illegal constructor' })
})

test('[ST15] columns are told as they are now, after the schema has changed or was rolled back', () => {
  const { store, sql } = open()
  sql.exec('CREATE TABLE t (a)')
  assert.deepEqual(sql.exec('SELECT * FROM t').columnNames, ['a'])
  sql.exec('ALTER TABLE t ADD COLUMN b')
  assert.deepEqual(sql.exec('SELECT * FROM t').columnNames, ['a', 'b'])
  assert.throws(() =>
    store.transactionSync(() => {
      sql.exec('ALTER TABLE t RENAME COLUMN b TO c')
      assert.deepEqual(sql.exec('SELECT * FROM t').columnNames, ['a', 'c'])
      throw new Error('no')
    }),
  )
  assert.deepEqual(sql.exec('SELECT * FROM t').columnNames, ['a', 'b'])
})

test('[ST17] what SQLite asks only while a statement runs is judged as well', () => {
  const { sql } = open()
  sql.exec('CREATE TABLE t (a)')
  assert.deepEqual(sql.exec("SELECT name FROM pragma_table_info('t')").one(), { name: 'a' })
  for (const name of ['user_version', 'journal_mode', 'table_info', 'function_list']) {
    const message = 'not authorized: SQLITE_AUTH'
    assert.throws(() => sql.exec(`SELECT * FROM pragma_${name}`), { message }, name)
  }
  sql.exec('CREATE VIEW v AS SELECT sqlite_version() AS x')
  assert.throws(() => sql.exec('SELECT * FROM v'), /not authorized to use function/)
})

test('[ST14] named and numbered parameters take their values by position', () => {
  const { sql } = open()
  assert.deepEqual(
    sql.exec('SELECT :a, @b, $c, ?, :a', 1, 2, 3, 4).raw().next().value,
    [1, 2, 3, 4, 1],
  )
  assert.deepEqual(sql.exec('SELECT ?3, ?', 1, 2, 3, 4).raw().next().value, [3, 4])
  assert.throws(() => sql.exec('SELECT :a, :a', 1, 2), /Wrong number of parameter bindings/)
})

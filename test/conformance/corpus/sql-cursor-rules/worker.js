// Reference 1.10: cursors, what they cost, and how they live while things change under them.

import { attemptSync, serve, sleep, Subject } from '../harness.js'

export { Subject }

const three = 'SELECT 1 AS a UNION SELECT 2 UNION SELECT 3'

/** A table with rows 1 to 5. */
const makeTable = (sql) =>
  sql.exec(
    'CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t (b) VALUES (1), (2), (3), (4), (5)',
  )

/** Begins to read the table, lets `act` happen, and tells what is left. */
const amid = (act) => async (object) => {
  const { sql } = object
  makeTable(sql)
  const cursor = sql.exec('SELECT a, b FROM t')
  cursor.next()
  const result = await act(object, cursor)
  return [result ?? null, attemptSync(() => cursor.raw().toArray())]
}

const cost = (sql, text, ...values) =>
  attemptSync(() => {
    const cursor = sql.exec(text, ...values)
    cursor.toArray()
    return [cursor.rowsRead, cursor.rowsWritten]
  })

const costs =
  (...statements) =>
  ({ sql }) => {
    sql.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE, c); CREATE INDEX i ON t (c)')
    sql.exec('CREATE TABLE k (a PRIMARY KEY, b) WITHOUT ROWID; CREATE TABLE n (x)')
    return statements.map((statement) => cost(sql, ...[statement].flat()))
  }

const schema = (sql, text) => attemptSync(() => sql.exec(text).columnNames)

export default serve({
  'R10.1 exec runs at once': ({ sql }) => {
    makeTable(sql)
    const seen = [sql.exec('INSERT INTO t (b) VALUES (6)').rowsWritten]
    const returning = sql.exec('INSERT INTO t (b) VALUES (7), (8) RETURNING a')
    seen.push(sql.exec('SELECT count(*) AS n FROM t').one().n, returning.toArray())
    return [seen, attemptSync(() => sql.exec("SELECT json('x')"))]
  },
  'R10.2 what a cursor has': ({ sql }) => {
    const members = (of) => Object.getOwnPropertyNames(Object.getPrototypeOf(of)).sort()
    const cursor = sql.exec('SELECT 1')
    return [
      members(cursor),
      members(cursor.raw()),
      members(cursor[Symbol.iterator]()),
      [cursor, cursor.raw(), cursor[Symbol.iterator]()].map((of) => [
        of.constructor.name,
        String(of),
        of instanceof Iterator,
        Object.keys(of),
      ]),
      JSON.stringify(cursor),
    ]
  },
  'R10.2 members are not for others': ({ sql }) => {
    const { next, toArray } = sql.exec('SELECT 1')
    return [attemptSync(() => next()), attemptSync(() => toArray.call({}))]
  },
  'R10.3 next': ({ sql }) => {
    const cursor = sql.exec(three)
    const steps = [1, 2, 3, 4, 5].map(() => cursor.next())
    return [steps, Object.keys(steps[0]), Object.keys(steps[4])]
  },
  'R10.4 toArray': ({ sql }) => {
    const cursor = sql.exec(three)
    cursor.next()
    return [cursor.toArray(), cursor.toArray(), cursor.next()]
  },
  'R10.4 for of, left in the middle': ({ sql }) => {
    const cursor = sql.exec(three)
    for (const row of cursor) if (row.a === 1) break
    const [second] = cursor
    return [second, cursor.toArray()]
  },
  'R10.5 one': ({ sql }) => {
    const ask = (text) => {
      const cursor = sql.exec(text)
      return [attemptSync(() => cursor.one()), attemptSync(() => cursor.one()), cursor.toArray()]
    }
    const last = sql.exec('SELECT 1 AS a UNION SELECT 2')
    last.next()
    return [ask('SELECT 1 AS a'), ask('SELECT 1 WHERE 0'), ask(three), last.one(), last.next()]
  },
  'R10.6 raw': ({ sql }) => {
    const cursor = sql.exec(three)
    const raw = cursor.raw()
    const rows = cursor[Symbol.iterator]()
    return [
      raw.next(),
      cursor.next(),
      rows.next(),
      raw.next(),
      rows.next(),
      raw[Symbol.iterator]() === raw,
      cursor.raw() === raw,
      sql.exec(three).raw().toArray(),
      sql
        .exec(three)
        [Symbol.iterator]()
        .map(({ a }) => a * 2)
        .toArray(),
    ]
  },
  'R10.7 columnNames': ({ sql }) => {
    makeTable(sql)
    const cursor = sql.exec('SELECT * FROM t WHERE 0')
    return [
      cursor.columnNames,
      cursor.columnNames === cursor.columnNames,
      sql.exec('INSERT INTO t (b) VALUES (1)').columnNames,
      sql.exec('SELECT a + 1, count(*), t.a, "b" FROM t').columnNames,
      sql.exec('UPDATE t SET b = 1 WHERE 0 RETURNING a AS x, b').columnNames,
    ]
  },
  'R10.7 columnNames after the schema changed': ({ sql }) => {
    makeTable(sql)
    const before = sql.exec('SELECT * FROM t').columnNames
    sql.exec('ALTER TABLE t ADD COLUMN c')
    const cursor = sql.exec('SELECT * FROM t')
    return [before, cursor.columnNames, Object.keys(cursor.next().value)]
  },
  'R10.8 duplicate names': ({ sql }) => {
    const text = 'SELECT 1 AS a, 2 AS a, 3 AS A'
    const cursor = sql.exec(text)
    return [cursor.columnNames, cursor.one(), sql.exec(text).raw().toArray()]
  },
  'R10.44 costs of inserts': costs(
    'INSERT INTO t VALUES (1, 1, 1)',
    'INSERT INTO t VALUES (2, 2, 2), (3, 3, 3)',
    'INSERT INTO t (b, c) VALUES (4, 4)',
    'INSERT INTO k VALUES (1, 1), (2, 2)',
    'INSERT INTO n VALUES (1), (2), (3)',
    ['INSERT INTO n VALUES (?) RETURNING x', 4],
    'INSERT OR IGNORE INTO n VALUES (5)',
  ),
  'R10.44 costs of selects': costs(
    'INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 1)',
    'SELECT * FROM t',
    'SELECT * FROM t WHERE a = 2',
    'SELECT * FROM t WHERE a = 99',
    'SELECT * FROM t WHERE b = 2',
    'SELECT * FROM t WHERE c = 1',
    'SELECT c FROM t WHERE c < 3',
    'SELECT * FROM t WHERE a > 2',
    'SELECT * FROM t WHERE a BETWEEN 2 AND 3',
    'SELECT count(*) FROM t',
    'SELECT sum(b) FROM t WHERE b + 1 > 2',
    'SELECT * FROM t LIMIT 2',
    'SELECT * FROM t ORDER BY a',
    'SELECT * FROM n',
    'SELECT 1',
    'PRAGMA table_info(t)',
    'EXPLAIN QUERY PLAN SELECT * FROM t',
  ),
  'R10.44 costs of updates and deletes': costs(
    'INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 1)',
    'UPDATE t SET c = 9 WHERE a = 1',
    'UPDATE t SET b = b + 10 WHERE a = 1',
    'UPDATE t SET c = c + 1 WHERE a > 99',
    'DELETE FROM t WHERE a = 1',
    'DELETE FROM t WHERE c = 2',
    'DELETE FROM t',
  ),
  'R10.44 costs of the schema': costs(
    'CREATE TABLE a1 (x)',
    'CREATE TABLE a2 (x PRIMARY KEY, y UNIQUE)',
    'CREATE TABLE IF NOT EXISTS a1 (x)',
    'CREATE INDEX a3 ON a1 (x)',
    'CREATE VIEW a4 AS SELECT 1',
    'CREATE TRIGGER a5 AFTER INSERT ON a1 BEGIN SELECT 1; END',
  ),
  'R10.44 costs grow as the cursor advances': ({ sql }) => {
    makeTable(sql)
    const cursor = sql.exec('SELECT * FROM t')
    const seen = [cursor.rowsRead]
    while (!cursor.next().done) seen.push(cursor.rowsRead)
    return seen
  },
  'R10.44 costs of a join': ({ sql }) => {
    makeTable(sql)
    return cost(sql, 'SELECT * FROM t AS x JOIN t AS y ON x.a = y.b')
  },
  'R10.45 a cursor in later turns': amid(async ({ storage }) => {
    await sleep(2)
    await storage.sync()
    await sleep(2)
  }),
  'R10.45 a cursor of another call': {
    steps: {
      begin: (object) => {
        makeTable(object.sql)
        object.cursor = object.sql.exec('SELECT a FROM t')
        return object.cursor.next()
      },
      go: ({ cursor }) => cursor.toArray(),
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      return [await object.do('begin'), await object.do('go')]
    },
  },
  'R10.46 rows deleted': amid(({ sql }) => void sql.exec('DELETE FROM t')),
  'R10.46 rows deleted ahead': amid(({ sql }) => void sql.exec('DELETE FROM t WHERE a > 3')),
  'R10.46 rows changed': amid(({ sql }) => void sql.exec('UPDATE t SET b = 100')),
  'R10.46 rows inserted': amid(({ sql }) => void sql.exec('INSERT INTO t (b) VALUES (6)')),
  'R10.47 the schema': amid(({ sql }) =>
    [
      'CREATE TABLE u (x)',
      'CREATE INDEX i ON t (b)',
      'DROP INDEX i',
      'ALTER TABLE t ADD COLUMN c',
      'DROP TABLE u',
      'DROP TABLE t',
      'CREATE VIEW v AS SELECT 1',
      'DROP VIEW v',
    ].map((text) => schema(sql, text)),
  ),
  'R10.48 rolled back with a write': amid(({ sql, storage }) =>
    attemptSync(() =>
      storage.transactionSync(() => {
        sql.exec('INSERT INTO t (b) VALUES (9)')
        throw new Error('no')
      }),
    ),
  ),
  'R10.48 rolled back without a write': amid(({ storage }) =>
    attemptSync(() =>
      storage.transactionSync(() => {
        throw new Error('no')
      }),
    ),
  ),
  'R10.48 begun inside of what is rolled back': ({ sql, storage }) => {
    makeTable(sql)
    let cursor
    attemptSync(() =>
      storage.transactionSync(() => {
        sql.exec('INSERT INTO t (b) VALUES (9)')
        cursor = sql.exec('SELECT a FROM t')
        cursor.next()
        throw new Error('no')
      }),
    )
    return attemptSync(() => cursor.toArray())
  },
  'R10.48 committed': amid(({ sql, storage }) =>
    storage.transactionSync(() => void sql.exec('INSERT INTO t (b) VALUES (9)')),
  ),
  'R10.49 deleteAll': async (object) => {
    const { sql, storage } = object
    makeTable(sql)
    const open = sql.exec('SELECT a FROM t')
    const consumed = sql.exec('SELECT a FROM t')
    consumed.toArray()
    await storage.deleteAll()
    return [
      attemptSync(() => open.next()),
      attemptSync(() => open.toArray()),
      attemptSync(() => open.one()),
      attemptSync(() => open.raw().next()),
      attemptSync(() => open.rowsRead),
      attemptSync(() => open.columnNames),
      attemptSync(() => consumed.toArray()),
      attemptSync(() => consumed.columnNames),
      attemptSync(() => sql.exec('SELECT a FROM t')),
    ]
  },
  'R10.50 the same text again': ({ sql }) => {
    makeTable(sql)
    const text = 'SELECT a FROM t ORDER BY a'
    const [first, second] = [sql.exec(text), sql.exec(text)]
    return [
      first.next(),
      second.next(),
      first.next(),
      sql.exec(text).toArray().length,
      second.toArray().length,
      first.toArray().length,
    ]
  },
  'R10.50 the same text with other values': ({ sql }) => {
    const text = 'SELECT value FROM json_each(?)'
    const first = sql.exec(text, '[1, 2]')
    const second = sql.exec(text, '["a", "b"]')
    return [first.next(), second.next(), first.next(), second.next()]
  },
  'R10.50 a step that fails': ({ sql }) => {
    const cursor = sql.exec('SELECT json(value) FROM json_each(\'[1, "x", 3]\')')
    return [1, 2, 3].map(() => attemptSync(() => cursor.next()))
  },
  'R10.54 Cursor and Statement': ({ sql }) => [
    [sql.Cursor.name, typeof sql.Cursor, sql.Cursor.length, sql.Cursor === sql.Cursor],
    [sql.Statement.name, typeof sql.Statement],
    sql.exec('SELECT 1') instanceof sql.Cursor,
    attemptSync(() => new sql.Cursor()),
    attemptSync(() => new sql.Statement()),
    attemptSync(() => new sql.Cursor({}, () => {})),
  ],
  'R10.55 experiments': ({ sql }) =>
    ['prepare', 'ingest', 'setMaxPageCountForTest'].map((name) => name in sql),
  'R10.55 reusedCachedQueryForTest': ({ sql }) =>
    'reusedCachedQueryForTest' in sql.exec('SELECT 1'),
})

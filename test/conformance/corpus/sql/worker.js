// Reference 1.10: what SQL may say, what passes in and out of it, and how it is refused.

import { attempt, attemptSync, serve, Subject } from '../harness.js'

export { Subject }
export class WithoutSql extends Subject {}

/** The rows of a statement, or its error. */
const rows = (sql, text, ...values) =>
  attemptSync(() =>
    sql
      .exec(text, ...values)
      .raw()
      .toArray(),
  )

/** The answers of several statements, one after the other in the same object. */
const each =
  (...statements) =>
  ({ sql }) =>
    statements.map((statement) => rows(sql, ...[statement].flat()))

/** What a value becomes on its way in, and on its way out again. */
const roundTrip = (sql, value) =>
  attemptSync(() => sql.exec('SELECT ? AS v, typeof(?1) AS t, hex(?1) AS h', value).one())

const times = (count, text, separator = ', ') => Array(count).fill(text).join(separator)
const names = (count) => Array.from({ length: count }, (_, i) => `c${i}`).join(', ')

const transactionWords = [
  'BEGIN',
  'begin immediate',
  'COMMIT',
  'END',
  'ROLLBACK',
  'SAVEPOINT x',
  'RELEASE x',
  'ROLLBACK TO x',
  '/* a */ BEGIN',
  'EXPLAIN BEGIN',
]

const allowedFunctions =
  'abs acos acosh asin asinh atan atanh ceil char cos cosh degrees exp floor hex length ln log log2 lower ltrim max min octet_length quote radians round rtrim sign sin sinh sqrt tan tanh trim trunc typeof unicode upper'.split(
    ' ',
  )
const deniedFunctions =
  'ceiling fts5 if json_error_position json_pretty log10 power sqlite_compileoption_get sqlite_log sqlite_source_id sqlite_version subtype unistr unistr_quote'.split(
    ' ',
  )
const deniedPragmas =
  'application_id auto_vacuum busy_timeout cache_size cell_size_check collation_list compile_options database_list encoding freelist_count function_list incremental_vacuum integrity_check journal_mode locking_mode max_page_count mmap_size module_list nope page_count query_only schema_version secure_delete synchronous temp_store trusted_schema user_version wal_checkpoint writable_schema'.split(
    ' ',
  )

export default serve({
  'R10.9 values come out': ({ sql }) =>
    sql
      .exec(
        `SELECT 1 AS i, 9007199254740993 AS big, 9223372036854775807 AS most, -9223372036854775808 AS least, 1.5 AS r, 5.0 AS whole,
         1e999 AS inf, -0.0 AS zero, 'é' AS t, x'00ff' AS b, x'' AS none, NULL AS n, 1 = 1 AS truth`,
      )
      .one(),
  'R10.10 values go in': ({ sql }) =>
    [
      'text',
      '',
      null,
      undefined,
      new Uint8Array([1, 2]).buffer,
      new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
      new Uint16Array([1, 258]),
      new DataView(new ArrayBuffer(3), 1),
      new Uint8Array(),
    ].map((value) => roundTrip(sql, value)),
  'R10.11 other values bind as their texts': ({ sql }) =>
    [
      true,
      false,
      {},
      [1, 2],
      new Date(0),
      () => 1,
      new Map(),
      Object(5),
      Object('s'),
      { valueOf: () => 5 },
      { [Symbol.toPrimitive]: (hint) => hint },
      Object.create(null),
      {
        toString() {
          throw new Error('no text')
        },
      },
      Symbol('s'),
    ].map((value) => roundTrip(sql, value)),
  'R10.12 a BigInt is refused': ({ sql }) => [roundTrip(sql, 10n), roundTrip(sql, Object(10n))],
  'R10.13 numbers go in': ({ sql }) =>
    [1, 5, 1.5, -0, NaN, Infinity, -Infinity, 2 ** 53, 2 ** 63, 1e20, 0xffffffff].map((value) =>
      roundTrip(sql, value),
    ),
  'R10.14 wrong numbers of values': each(
    ['SELECT ?'],
    ['SELECT ?', 1, 2],
    ['SELECT 1', 1],
    ['SELECT ?2', 1],
    ['SELECT ?2', 1, 2],
    ['SELECT ?1 + ?', 1],
    ['SELECT ?1 + ?', 1, 2],
    ['SELECT ? + ?1', 1],
    ['SELECT :a', 1],
    ['SELECT :a + :a', 1],
    ['SELECT :a + :a', 1, 2],
    ['SELECT @a, $b, ?, :a, ?3', 1, 2, 3, 4],
    ['SELECT $a::b(c)', 1],
    [`SELECT '?', "?", '?' -- ?`, 1],
    ['SELECT ?nope', 1],
  ),
  'R10.15 R10.17 several statements': each(
    "CREATE TABLE t (a); INSERT INTO t VALUES (1), ('a;b'); SELECT * FROM t",
    ['INSERT INTO t VALUES (2); INSERT INTO t VALUES (?) RETURNING a', 3],
    'CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET a = CASE a WHEN 9 THEN 8 ELSE a END; END; INSERT INTO t VALUES (9); SELECT a FROM t',
    'INSERT INTO t VALUES (4); SELECT nope; INSERT INTO t VALUES (5)',
    'INSERT INTO t VALUES (6); BEGIN',
    ';SELECT count(*) FROM t',
    'SELECT 1;  \n ',
  ),
  'R10.16 values for another than the last': each(
    ['SELECT ?; SELECT 1', 1],
    ['SELECT ?; SELECT ?', 1, 2],
    ['SELECT ?; SELECT 1'],
  ),
  'R10.18 no statement': each(
    '',
    ' ',
    ';',
    '-- a',
    '/* a */',
    '/* a',
    'SELECT 1;;',
    'SELECT 1; -- a',
    'SELECT 1;\0 SELECT 2',
    'SELECT 1 -- a',
  ),
  'R10.19 errors': each(
    'selec 1',
    'SELECT * FROM nope',
    'SELECT nope',
    'SELECT nope(1)',
    'SELECT',
    "SELECT 'a",
    'SELECT abs()',
    'SELECT abs(-9223372036854775808)',
    "SELECT json('x')",
    'CREATE TABLE t (a, a)',
    'SELECT 1 UNION SELECT 1, 2',
    'SELECT 1 COLLATE nope',
    'DROP TABLE nope',
    'SELECT * FROM (SELECT 1 AS a) JOIN (SELECT 2 AS a) ON a = 1',
    "SELECT 1 LIMIT 'x'",
    'SELECT 1 ORDER BY 5',
    'SELECT sum(1) WHERE sum(1) > 0',
    'WITH a AS (SELECT * FROM a) SELECT * FROM a',
  ),
  'R10.20 offsets': each(
    'SELECT 1; selec 2',
    "SELECT 'é', nope",
    'SELECT "é", é',
    '  selec 1',
    '/* é */ selec 1',
    'SELECT 1, /* nope */ nope',
    'CREATE TABLE t (a, b)',
    'SELECT a, nope FROM t',
    'SELECT t.nope FROM t',
    'SELECT a AS nope, nope2 FROM t',
    'SELECT a FROM t WHERE a = zip OR b = zip',
    'SELECT a FROM t WHERE sum(a) > 0 AND abs(a)',
    'SELECT abs(1), abs(1, 2)',
    'SELECT * FROM from',
    'SELECT fromage from, 1 FROM t',
    'UPDATE t SET nope = 1',
    'UPDATE t SET a = nope',
    'INSERT INTO t (a) VALUES (nope)',
    'INSERT INTO t (nope) VALUES (1)',
    'DELETE FROM t WHERE nope',
    'CREATE TABLE t (x)',
    'CREATE INDEX i ON t (nope)',
    'ALTER TABLE t DROP COLUMN nope',
    "SELECT a REGEXP 'b' FROM t",
    'SELECT row_number() FROM t',
    'SELECT abs(1) OVER () FROM t',
    'SELECT ?1, ?0',
    'SELECT @@x',
    'SELECT 1x',
    'SELECT #1',
    'SELECT max(1) + sqlite_version()',
  ),
  'R10.21 transactions': each(...transactionWords, 'COMMIT nope'),
  'R10.22 other databases and temporary objects': each(
    "ATTACH 'x' AS y",
    'DETACH main',
    'CREATE TEMP TABLE x (a)',
    'CREATE TABLE temp.x (a)',
    'CREATE TEMPORARY VIEW x AS SELECT 1',
    'CREATE TABLE t (a)',
    'CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END',
    'PRAGMA temp.table_info(t)',
    'SELECT * FROM temp.t',
    'CREATE TABLE nope.x (a)',
  ),
  'R10.23 modules': each(
    'CREATE VIRTUAL TABLE a USING fts5 (x)',
    "CREATE VIRTUAL TABLE b USING fts5vocab (a, 'row')",
    'CREATE VIRTUAL TABLE c USING rtree (id, x0, x1)',
    'CREATE VIRTUAL TABLE d USING rtree_i32 (id, x0, x1)',
    'CREATE VIRTUAL TABLE e USING fts4 (x)',
    'CREATE VIRTUAL TABLE f USING fts3 (x)',
    'CREATE VIRTUAL TABLE g USING geopoly (x)',
    'CREATE VIRTUAL TABLE h USING dbstat',
    'CREATE VIRTUAL TABLE i USING nope (x)',
  ),
  'R10.24 own names': ({ kv, sql }) => {
    kv.put('a', 1)
    return [
      'SELECT * FROM _cf_KV',
      'SELECT value FROM _CF_kv',
      "INSERT INTO _cf_KV VALUES ('b', 1)",
      'UPDATE _cf_KV SET value = 1',
      'DELETE FROM _cf_KV',
      'DROP TABLE _cf_KV',
      'CREATE TABLE _cf_x (a)',
      'CREATE TABLE "_Cf_x" (a)',
      'CREATE VIEW _cf_v AS SELECT 1',
      'CREATE TABLE t (a, _cf_a)',
      'CREATE INDEX _cf_i ON t (a)',
      'CREATE TRIGGER _cf_t AFTER INSERT ON t BEGIN SELECT 1; END',
      'CREATE INDEX i ON _cf_KV (value)',
      'ALTER TABLE t RENAME TO _cf_t',
      'SELECT _cf_a FROM t',
      'UPDATE t SET _cf_a = 1',
      'SELECT _cf_nope FROM t',
      'SELECT * FROM _cf_nope',
      'PRAGMA table_info(_cf_KV)',
      'CREATE VIEW v AS SELECT * FROM _cf_KV',
      'SELECT * FROM v',
      "SELECT name FROM sqlite_schema WHERE name = '_cf_KV'",
    ].map((text) => rows(sql, text))
  },
  'R10.25 functions': ({ sql }) => ({
    allowed: allowedFunctions.map((name) => rows(sql, `SELECT ${name}(0.5)`)),
    denied: deniedFunctions.map((name) => rows(sql, `SELECT 1, ${name}(1)`)),
    later: [
      'CREATE VIEW v AS SELECT sqlite_version()',
      'SELECT * FROM v',
      'CREATE TABLE t (a CHECK (sqlite_version() > a))',
      'CREATE INDEX i ON t (sqlite_version())',
    ].map((text) => rows(sql, text)),
  }),
  'R10.26 VACUUM': each('VACUUM', 'VACUUM main', "VACUUM INTO 'x'", 'vacuum nope'),
  'R10.27 pragmas that work': each(
    'CREATE TABLE p (a PRIMARY KEY)',
    'CREATE TABLE t (a REFERENCES p, b)',
    'CREATE INDEX i ON t (b)',
    'PRAGMA table_info(t)',
    'PRAGMA Table_XInfo(t)',
    'PRAGMA index_list(t)',
    'PRAGMA index_info(i)',
    'PRAGMA index_xinfo = i',
    'PRAGMA foreign_key_list(t)',
    'PRAGMA foreign_key_check',
    'PRAGMA foreign_key_check(t)',
    'PRAGMA quick_check',
    'PRAGMA optimize',
    'PRAGMA page_size',
    'PRAGMA foreign_keys',
    'PRAGMA foreign_keys = on',
    'PRAGMA case_sensitive_like = true',
    "SELECT 'a' LIKE 'A'",
    'PRAGMA case_sensitive_like = 0',
    "SELECT 'a' LIKE 'A'",
    'PRAGMA recursive_triggers',
    'PRAGMA recursive_triggers = 1',
    'PRAGMA recursive_triggers',
    'PRAGMA ignore_check_constraints = yes',
    'PRAGMA ignore_check_constraints',
    'PRAGMA legacy_alter_table',
    'PRAGMA reverse_unordered_selects = on',
    'SELECT value FROM (SELECT 1 AS value)',
    'PRAGMA defer_foreign_keys',
    'PRAGMA defer_foreign_keys = off',
    "SELECT name FROM pragma_table_info('t')",
    'SELECT t.b, i.name FROM t, pragma_table_info(t.b) AS i',
  ),
  'R10.27 pragmas that do not': ({ sql }) => [
    ...deniedPragmas.map((name) => rows(sql, `PRAGMA ${name}`)),
    ...[
      'PRAGMA user_version = 1',
      'PRAGMA page_size = 8192',
      'PRAGMA data_version = 1',
      'PRAGMA foreign_keys = 2',
      'PRAGMA table_info',
      'PRAGMA index_list',
      'SELECT * FROM pragma_user_version',
      'SELECT * FROM pragma_table_info',
    ].map((text) => rows(sql, text)),
  ],
  'R10.28 long texts': ({ sql }) =>
    [99_991, 99_992, 99_993, 110_000].map((length) =>
      attemptSync(
        () =>
          sql
            .exec(`SELECT '${'x'.repeat(length)}'`)
            .raw()
            .next().value[0].length,
      ),
    ),
  'R10.28 long texts of several statements': ({ sql }) =>
    attemptSync(() => sql.exec(times(3, `SELECT '${'x'.repeat(40_000)}'`, '; ')).toArray().length),
  'R10.28 bytes count': ({ sql }) =>
    attemptSync(() => sql.exec(`SELECT '${'é'.repeat(50_000)}'`).toArray().length),
  'R10.29 columns': each(
    `CREATE TABLE a (${names(100)})`,
    `CREATE TABLE b (${names(101)})`,
    `SELECT ${times(101, '1')}`,
    `CREATE TABLE t (x)`,
    `SELECT * FROM a, t`,
    `CREATE INDEX i ON t (${times(101, 'x')})`,
    `SELECT 1 FROM t GROUP BY ${times(101, 'x')}`,
    `SELECT 1 FROM t ORDER BY ${times(101, 'x')}`,
    'ALTER TABLE a ADD COLUMN more',
  ),
  'R10.30 parameters': each(
    [`SELECT 1 WHERE 1 IN (${times(100, '?')})`, ...Array(100).fill(1)],
    [`SELECT 1 WHERE 1 IN (${times(101, '?')})`, ...Array(101).fill(1)],
    ['SELECT ?100', ...Array(100).fill(1)],
    ['SELECT ?101', ...Array(101).fill(1)],
  ),
  'R10.31 depth': each(
    `SELECT ${times(100, '1', ' + ')}`,
    `SELECT ${times(101, '1', ' + ')}`,
    `SELECT ${'('.repeat(90)}1${')'.repeat(90)}`,
    `SELECT ${'NOT '.repeat(101)}1`,
  ),
  'R10.32 compound': each(
    times(5, 'SELECT 1', ' UNION ALL '),
    times(6, 'SELECT 1', ' UNION ALL '),
    `VALUES ${times(20, '(1)')}`,
  ),
  'R10.33 arguments': each(`SELECT max(${times(127, '1')})`, `SELECT max(${times(128, '1')})`),
  'R10.34 patterns': each(
    [`SELECT 'a' LIKE ?`, 'x'.repeat(50)],
    [`SELECT 'a' LIKE ?`, 'x'.repeat(51)],
    [`SELECT 'a' GLOB ?`, 'x'.repeat(51)],
    [`SELECT 'a' LIKE ?`, 'é'.repeat(26)],
  ),
  'R10.35 triggers': each(
    'PRAGMA recursive_triggers = on',
    'CREATE TABLE t (a)',
    'CREATE TRIGGER r AFTER INSERT ON t WHEN new.a < 9 BEGIN INSERT INTO t VALUES (new.a + 1); END',
    'INSERT INTO t VALUES (1)',
    'INSERT INTO t VALUES (-9)',
    'SELECT count(*) FROM t',
  ),
  'R10.36 sizes': ({ sql }) => [
    rows(sql, 'SELECT length(zeroblob(8388642))'),
    rows(sql, 'SELECT length(zeroblob(8388643))'),
    rows(sql, 'SELECT length(?)', 'x'.repeat(8_388_643)),
    rows(sql, 'SELECT length(?)', new Uint8Array(8_388_643)),
  ],
  'R10.37 foreign keys': each(
    'CREATE TABLE p (a PRIMARY KEY)',
    'CREATE TABLE c (a REFERENCES p ON DELETE CASCADE)',
    'INSERT INTO c VALUES (1)',
    'INSERT INTO p VALUES (1)',
    'INSERT INTO c VALUES (1)',
    'DELETE FROM p',
    'SELECT count(*) FROM c',
    'PRAGMA defer_foreign_keys = on',
    'INSERT INTO c VALUES (5)',
    'INSERT INTO p VALUES (5)',
  ),
  'R10.37 checks that fail at the commit': {
    steps: {
      prepare: ({ sql }) => {
        sql.exec('CREATE TABLE p (a PRIMARY KEY); CREATE TABLE c (a REFERENCES p)')
      },
      violate: ({ sql }) => {
        sql.exec('PRAGMA defer_foreign_keys = on')
        sql.exec('INSERT INTO c VALUES (1)')
        return 'done'
      },
      count: ({ sql }) => sql.exec('SELECT count(*) AS n FROM c').one().n,
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('prepare')
      const { error } = await attempt(() => object.do('violate'))
      return [error?.message, await object.renew().do('count')]
    },
  },
  'R10.38 full text': each(
    "CREATE VIRTUAL TABLE f USING fts5 (title, body, tokenize = 'porter unicode61')",
    "INSERT INTO f VALUES ('one', 'running in the hills'), ('two', 'she runs hills and hills'), ('é', 'nothing')",
    "SELECT title FROM f WHERE f MATCH 'run' ORDER BY rank",
    "SELECT highlight(f, 1, '<', '>'), snippet(f, 1, '[', ']', '…', 2) FROM f WHERE f MATCH 'hills' ORDER BY rowid",
    "SELECT bm25(f) < 0 FROM f WHERE f MATCH 'title: one'",
    "CREATE VIRTUAL TABLE w USING fts5vocab (f, 'row')",
    'SELECT * FROM w ORDER BY term LIMIT 4',
    "SELECT * FROM f WHERE f MATCH '\"'",
    "SELECT * FROM f WHERE f MATCH 'nope: x'",
    "INSERT INTO f (f) VALUES ('optimize')",
    "DELETE FROM f WHERE title = 'one'",
    "SELECT count(*) FROM f('hills')",
  ),
  'R10.39 JSON': each(
    `SELECT json('{"a": [1, 2]}'), json_extract('{"a": [1, 2]}', '$.a[1]'), '{"a": 5}' -> 'a', '{"a": "x"}' ->> '$.a'`,
    'SELECT json_group_array(value) FROM json_each(\'[3, null, "x"]\')',
    'SELECT fullkey, type FROM json_tree(\'{"a": [1, {}]}\')',
    "SELECT json_patch('{\"a\": 1}', '{\"b\": 2}'), json_valid('x'), json_type('[]'), json_array_length('[1, 2]')",
    "SELECT json_set('{}', '$.a', json('[1]')), json_remove('{\"a\": 1}', '$.a'), typeof(jsonb('[1]'))",
    "SELECT json_extract('{}', 'bad')",
    "SELECT json('{')",
  ),
  'R10.40 RTREE': each(
    'CREATE VIRTUAL TABLE r USING rtree (id, x0, x1, y0, y1)',
    'INSERT INTO r VALUES (1, 0, 5, 0, 5), (2, 10, 15, 10, 15)',
    'SELECT id FROM r WHERE x0 < 7 AND y1 > 1',
    'INSERT INTO r VALUES (3, 5, 1, 0, 0)',
    'CREATE VIRTUAL TABLE i USING rtree_i32 (id, x0, x1)',
    'INSERT INTO i VALUES (1, 1.9, 2.9)',
    'SELECT * FROM i',
    "SELECT rtreecheck('r')",
  ),
  'R10.41 kinds of tables and statements': each(
    'CREATE TABLE g (a, b AS (a * 2) STORED, c AS (b + 1))',
    'INSERT INTO g (a) VALUES (1), (2) RETURNING *',
    'INSERT INTO g (b) VALUES (1)',
    'CREATE TABLE s (a INT, b TEXT) STRICT',
    "INSERT INTO s VALUES ('x', 1)",
    'CREATE TABLE u (a PRIMARY KEY, n) WITHOUT ROWID',
    'INSERT INTO u VALUES (1, 1) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n',
    'INSERT INTO u VALUES (1, 1) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n',
    'WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT group_concat(n) FROM r',
    'SELECT a, row_number() OVER w, sum(a) OVER w FROM g WINDOW w AS (ORDER BY a DESC)',
    'CREATE UNIQUE INDEX p ON g (a) WHERE a > 1',
    'INSERT INTO g (a) VALUES (1)',
    'INSERT INTO g (a) VALUES (2)',
    'CREATE INDEX e ON g (abs(a))',
    'ALTER TABLE g RENAME COLUMN a TO z',
    'ALTER TABLE g RENAME TO h',
    'ALTER TABLE h ADD COLUMN more DEFAULT 7',
    'SELECT * FROM h',
    'UPDATE h SET z = 9 FROM u WHERE h.z = u.a RETURNING z',
    'ANALYZE',
    'REINDEX',
  ),
  'R10.42 UPDATE and DELETE with LIMIT': each(
    'CREATE TABLE t (a)',
    'INSERT INTO t VALUES (1), (2), (3)',
    'DELETE FROM t ORDER BY a DESC LIMIT 1',
    'UPDATE t SET a = 9 LIMIT 1',
    'SELECT a FROM t',
  ),
  'R10.43 mathematics and dates': each(
    'SELECT sqrt(16), pow(2, 10), mod(7, 3), round(pi(), 6), log(100), log(2, 8), trunc(-1.5), sign(-3), round(atan2(1, 1), 6)',
    "SELECT date('2024-02-29', '+1 year'), strftime('%Y-%j', '2026-11-24'), unixepoch('1970-01-02'), julianday('2000-01-01'), timediff('2026-01-02', '2026-01-01')",
    "SELECT datetime(0, 'unixepoch'), time('12:00', '+90 minutes'), date('nope')",
    "SELECT printf('%05.1f|%s|%x', 3.14159, 'a', 255), concat_ws('-', 1, NULL, 2), substr('héllo', 2, 3), instr('abc', 'c'), hex('é')",
    'SELECT typeof(random()), length(randomblob(4)), unhex(616263), char(65, 233)',
  ),
  'R10.51 constraints': each(
    'CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE, c NOT NULL DEFAULT 1 CHECK (c > 0), d REFERENCES t)',
    'INSERT INTO t VALUES (1, 1, 1, NULL)',
    'INSERT INTO t VALUES (1, 2, 1, NULL)',
    'INSERT INTO t VALUES (2, 1, 1, NULL)',
    'INSERT INTO t VALUES (2, 2, NULL, NULL)',
    'INSERT INTO t VALUES (2, 2, -1, NULL)',
    'INSERT INTO t VALUES (2, 2, 1, 99)',
    "INSERT INTO t VALUES ('x', 2, 1, NULL)",
    'CREATE TABLE s (a INT) STRICT',
    "INSERT INTO s VALUES ('x')",
    'CREATE TABLE k (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID',
    'INSERT INTO k VALUES (1, 1), (1, 1)',
    'INSERT INTO k VALUES (1, NULL)',
    'CREATE TABLE r (a)',
    'INSERT INTO r (rowid, a) VALUES (1, 1), (1, 2)',
    "CREATE TRIGGER e BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'not this'); END",
    'DELETE FROM t',
  ),
  'R10.52 a failing statement undoes itself': each(
    'CREATE TABLE t (a UNIQUE)',
    'INSERT INTO t VALUES (1)',
    'INSERT INTO t VALUES (2), (3), (1)',
    'SELECT a FROM t',
    'INSERT OR FAIL INTO t VALUES (4), (1), (5)',
    'SELECT a FROM t ORDER BY a',
    'INSERT OR IGNORE INTO t VALUES (6), (1)',
    'INSERT OR REPLACE INTO t VALUES (1)',
    'SELECT count(*) FROM t',
  ),
  'R10.53 the size of the database': ({ sql }) => {
    sql.exec('CREATE TABLE t (a)')
    const start = sql.databaseSize
    sql.exec('INSERT INTO t VALUES (zeroblob(100000))')
    const full = sql.databaseSize
    sql.exec('DELETE FROM t')
    return [start % 4096, full - start, sql.databaseSize - start]
  },
  'R10.53 the size of a new database': ({ sql }) => sql.databaseSize,
  'R10.56 a class without SQL': {
    steps: {
      ask: ({ ctx }) => {
        const { storage } = ctx
        return [
          attemptSync(() => Object.prototype.toString.call(storage.sql)),
          attemptSync(() => storage.sql.exec('SELECT 1')),
          attemptSync(() => storage.sql.databaseSize),
          attemptSync(() => typeof storage.sql.Cursor),
          attemptSync(() => storage.kv.get('a')),
          attemptSync(() => storage.transactionSync(() => 1)),
        ]
      },
    },
    drive: ({ fresh, env }) => fresh(env.WithoutSql).do('ask'),
  },
  'R10.57 texts': ({ sql }) =>
    ['a\0b', '', '😀', '\u2028', '\ufeff', 'e\u0301'].map((text) => roundTrip(sql, text)),
  'R10.57 invalid surrogates': ({ sql }) => roundTrip(sql, '\ud800x'),
  'R10.57 bytes that are no UTF-8': each(
    "SELECT cast(x'ff41' AS TEXT)",
    "SELECT cast(x'eda080' AS TEXT)",
    "SELECT 'a' || char(0) || 'b', length('a' || char(0) || 'b')",
  ),
  'R10.58 rows': ({ sql }) => {
    const row = sql.exec('SELECT 1 AS b, 2 AS a, 3 AS b, 4 AS "1", 5 AS "__proto__", 6 AS ""').one()
    return [
      Object.keys(row),
      Object.getPrototypeOf(row) === Object.prototype,
      row.b,
      Object.isFrozen(row),
    ]
  },
  'R10.59 queries that are no text': ({ sql }) => [
    attemptSync(() => sql.exec()),
    rows(sql, null),
    rows(sql, 5),
    rows(sql, { toString: () => 'SELECT 7' }),
    rows(sql, Object('SELECT 8')),
    attemptSync(() => sql.exec(Symbol('s'))),
    attemptSync(() => sql.exec.call({}, 'SELECT 1')),
    attemptSync(() => (0, sql.exec)('SELECT 1')),
  ],
  'R10.60 EXPLAIN': ({ sql }) => {
    sql.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b)')
    return [
      sql.exec('EXPLAIN SELECT 1').columnNames,
      sql.exec('EXPLAIN QUERY PLAN SELECT * FROM t WHERE a = 1').toArray(),
      rows(sql, 'EXPLAIN SELECT nope'),
      rows(sql, 'EXPLAIN'),
    ]
  },
})

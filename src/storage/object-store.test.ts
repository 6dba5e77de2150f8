import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, test } from 'node:test'
import { deserialize } from 'node:v8'
import fc from 'fast-check'
import type { CommitRecord } from '../base/index.ts'
import { ScriptedLog } from '../log/index.ts'
import { ObjectStore, restoreDatabase, type StoreTransaction } from './index.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-store-'))
  folders.push(folder)
  return folder
}

/** A store over a scripted log, and what its listener heard. */
class Bench {
  readonly log = new ScriptedLog()
  readonly heard: string[] = []
  readonly path: string
  store: ObjectStore

  constructor(path = join(makeFolder(), 'o.sqlite')) {
    this.path = path
    this.store = this.open()
  }

  open(): ObjectStore {
    const store = ObjectStore.open({ path: this.path, object: 'n/o', fence: 0, log: this.log })
    store.setListener({
      holdOutput: () => {
        this.heard.push('hold')
        return {
          release: () => this.heard.push('release'),
          fail: (error) => this.heard.push(`fail: ${(error as Error).message}`),
        }
      },
      broke: (error) => this.heard.push(`broke: ${error.message}`),
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

  take(): string[] {
    return this.heard.splice(0)
  }
}

/** Rebuilds a database from records alone. */
function replay(records: readonly CommitRecord[]): DatabaseSync {
  const path = join(makeFolder(), 'replayed.sqlite')
  for (const record of records) {
    const pages = new Map(record.pages.map(({ pageNumber, bytes }) => [pageNumber, bytes]))
    restoreDatabase({
      path,
      pageSize: record.pageSize,
      databasePages: record.databasePages,
      pages,
    })
  }
  return new DatabaseSync(path)
}

function keysOf(db: DatabaseSync): Map<string, unknown> {
  const rows = db.prepare('SELECT key, value FROM _cf_KV ORDER BY key').all() as {
    key: string
    value: Uint8Array
  }[]
  return new Map(rows.map(({ key, value }) => [key, deserialize(value)]))
}

test('[ST1] writes of several turns become one record, and are read at once', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.turn(() => bench.store.kvPut('b', 2))
  bench.turn(() => bench.store.sql.exec('CREATE TABLE t (x)', []))
  assert.deepEqual(
    bench.store.kvGetMany(['b', 'a', 'c']),
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
  )
  bench.flushAndConfirm()
  assert.equal(bench.log.confirmedRecords.length, 1)
  assert.equal(bench.log.confirmedRecords[0]?.sequence, 1)
})

test('[ST2] an aborted turn takes only its own writes along', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.store.kvPut('a', 2)
  bench.store.kvPut('b', 2)
  bench.store.turnAborted()
  bench.turn(() => bench.store.kvPut('c', 3))
  bench.store.transactionSync(() => bench.store.kvPut('d', 4))
  bench.store.turnAborted()
  bench.flushAndConfirm()
  assert.deepEqual(
    bench.store.kvList({}),
    new Map([
      ['a', 1],
      ['c', 3],
    ]),
  )

  const fresh = new Bench()
  fresh.store.kvPut('x', 1)
  fresh.store.turnAborted()
  fresh.flushAndConfirm()
  assert.equal(fresh.store.kvGet('x'), undefined)
  assert.equal(fresh.log.confirmedRecords.length, 0)
  assert.deepEqual(fresh.take(), ['hold', 'release'])
})

test('[ST3] a commit holds the output once, from its first confirmed write to its confirmation', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.kvPut('a', 1, { allowUnconfirmed: true }))
  assert.deepEqual(bench.take(), [])
  bench.turn(() => bench.store.kvPut('b', 1))
  bench.turn(() => bench.store.kvDelete('a'))
  assert.deepEqual(bench.take(), ['hold'])
  bench.log.flush()
  bench.turn(() => bench.store.kvPut('c', 1))
  assert.deepEqual(bench.take(), ['hold'])
  bench.log.confirmNext()
  assert.deepEqual(bench.take(), ['release'])
  bench.flushAndConfirm()
  assert.deepEqual(bench.take(), ['release'])
})

test('[ST4] nothing unconfirmed reaches the database file', () => {
  const bench = new Bench()
  const before = readFileSync(bench.path)
  bench.turn(() => bench.store.kvPut('a', 'x'.repeat(10_000)))
  assert.ok(!bench.store.checkpoint())
  bench.log.flush()
  assert.ok(!bench.store.checkpoint())
  assert.deepEqual(readFileSync(bench.path), before)
  assert.throws(() => bench.store.close(), /unconfirmed/)
  bench.log.confirmNext()
  assert.ok(bench.store.checkpoint())
  assert.equal(statSync(`${bench.path}-wal`).size, 0)
  assert.ok(readFileSync(bench.path).includes('x'.repeat(2000)))
  bench.turn(() => bench.store.kvPut('b', 1))
  bench.flushAndConfirm()
  assert.deepEqual([...keysOf(replay(bench.log.confirmedRecords)).keys()], ['a', 'b'])
})

test('[ST5] a refused commit breaks the store, and a reset goes back to what was confirmed', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.flushAndConfirm()
  bench.turn(() => bench.store.kvPut('a', 'y'.repeat(20_000)))
  bench.log.flush()
  bench.turn(() => bench.store.kvPut('b', 2))
  bench.take()
  bench.log.failNext(new Error('disk'))
  assert.deepEqual(bench.take(), ['fail: disk', 'fail: disk', 'broke: disk'])
  assert.throws(() => bench.store.kvGet('a'), { message: 'disk' })
  assert.throws(() => bench.store.kvPut('a', 3), { message: 'disk' })
  bench.log.flush()
  assert.equal(bench.log.batchCount, 0)
  bench.store.reset()
  assert.ok(!readFileSync(bench.path).includes('y'.repeat(2000)))
  bench.open()
  assert.deepEqual(bench.store.kvList({}), new Map([['a', 1]]))

  const fresh = new Bench()
  fresh.turn(() => fresh.store.kvPut('a', 1))
  fresh.log.flush()
  fresh.log.failNext(new Error('disk'))
  fresh.store.reset()
  fresh.open()
  fresh.turn(() => fresh.store.kvPut('b', 2))
  fresh.flushAndConfirm()
  assert.deepEqual(keysOf(replay(fresh.log.confirmedRecords)), new Map([['b', 2]]))
})

test('[ST6] pages that a rolled-back transaction spilled are in no record', () => {
  const bench = new Bench()
  const big = (n: number): string => String(n).repeat(4000)
  bench.turn(() => bench.store.kvPut('keep', 1))
  bench.flushAndConfirm()
  const transaction = bench.store.begin()
  // More than SQLite's page cache holds, so that it spills into the -wal.
  for (let i = 0; i < 4000; i += 1) bench.store.kvPut(`garbage${i}`, big(i % 10))
  transaction.rollback()
  bench.turn(() => bench.store.kvPut('after', 2))
  bench.flushAndConfirm()
  const last = bench.log.confirmedRecords.at(-1)
  assert.ok(last !== undefined && last.pages.length < 10)
  const db = replay(bench.log.confirmedRecords)
  assert.deepEqual(
    keysOf(db),
    new Map<string, unknown>([
      ['after', 2],
      ['keep', 1],
    ]),
  )
})

test('[ST7] a turn whose deferred constraints fail at its end resets the object, earlier turns stay', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.store.sql.exec('CREATE TABLE p (id INTEGER PRIMARY KEY)', [])
    bench.store.sql.exec('CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)', [])
  })
  bench.turn(() => bench.store.sql.exec('INSERT INTO p VALUES (1)', []))
  bench.turn(() => bench.store.sql.exec('INSERT INTO c VALUES (2)', []))
  assert.match(
    bench.take().at(-1) ?? '',
    /^broke: Durable Object was reset and rolled back to its last known good state because the application left the database in a state where constraints were violated: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT/,
  )
})

test('[ST8] whenConfirmed answers in order, and at once when nothing is pending', () => {
  const bench = new Bench()
  const answers: string[] = []
  bench.store.whenConfirmed(() => answers.push('nothing'))
  assert.deepEqual(answers.splice(0), ['nothing'])
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.store.whenConfirmed(() => answers.push('a'))
  bench.log.flush()
  bench.turn(() => bench.store.kvPut('b', 1))
  bench.store.whenConfirmed(() => answers.push('b'))
  bench.log.flush()
  bench.log.confirmNext()
  assert.deepEqual(answers.splice(0), ['a'])
  bench.turn(() => bench.store.kvDelete('never there'))
  bench.store.whenConfirmed((error) => answers.push(error?.message ?? 'c'))
  bench.log.flush()
  bench.log.failNext(new Error('disk'))
  assert.deepEqual(answers, ['b', 'disk'])
})

test('[ST9] an explicit transaction is a record of its own, and an inner rollback is the inner one', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.kvPut('before', 1))
  const outer = bench.store.begin()
  bench.store.kvPut('outer', 1)
  const inner = bench.store.begin()
  bench.store.kvPut('inner', 1)
  bench.store.turnEnded()
  bench.log.flush()
  inner.rollback()
  bench.store.kvPut('outer2', 1)
  outer.commit()
  bench.flushAndConfirm()
  assert.equal(bench.log.confirmedRecords.length, 2)
  const keys = [...keysOf(replay(bench.log.confirmedRecords)).keys()]
  assert.deepEqual(keys, ['before', 'outer', 'outer2'])
  bench.store.begin().rollback()
  assert.ok(!bench.store.hasUnconfirmed)
})

test('[ST10] transactionSync undoes what its callback wrote before it threw', () => {
  const bench = new Bench()
  bench.store.kvPut('a', 1)
  const fail = (): void => {
    bench.store.kvPut('a', 2)
    assert.equal(
      bench.store.transactionSync(() => 'inner'),
      'inner',
    )
    throw new RangeError('no')
  }
  assert.throws(() => bench.store.transactionSync(fail), { name: 'RangeError', message: 'no' })
  assert.equal(bench.store.kvGet('a'), 1)
})

test('[ST11] values are copied as V8 writes them, or refused', () => {
  const bench = new Bench()
  const value = {
    d: new Date(5),
    m: new Map([[1, new Set(['x'])]]),
    b: new Uint8Array([1, 2]),
    n: 12n,
  }
  bench.store.kvPut('v', value)
  value.d = new Date(6)
  const read = bench.store.kvGet('v')
  assert.deepEqual(read, { ...value, d: new Date(5) })
  assert.throws(() => bench.store.kvPut('f', () => 1), {
    name: 'DataCloneError',
    message: '() => 1 could not be cloned.',
  })
  bench.flushAndConfirm()
  const db = replay(bench.log.confirmedRecords)
  const row = db.prepare("SELECT value FROM _cf_KV WHERE key = 'v'").get() as { value: Uint8Array }
  assert.deepEqual([...row.value.subarray(0, 2)], [0xff, 0x0f])
})

test('[ST12] list gives keys in the order of their bytes, within its bounds', () => {
  const bench = new Bench()
  const keys = ['a', 'ab', 'b', 'z', '\u{ff}', '\u{e000}', '\u{1f600}']
  bench.store.kvPutMany(keys.toReversed().map((key) => [key, key]))
  const list = (options: Parameters<ObjectStore['kvList']>[0]): string[] => [
    ...bench.store.kvList(options).keys(),
  ]
  assert.deepEqual(list({}), keys)
  assert.deepEqual(list({ prefix: 'a' }), ['a', 'ab'])
  assert.deepEqual(list({ prefix: '\u{d7ff}' }), [])
  assert.deepEqual(list({ prefix: '\u{1f600}' }), ['\u{1f600}'])
  assert.deepEqual(list({ start: 'ab', end: 'z', reverse: true }), ['b', 'ab'])
  assert.deepEqual(list({ startAfter: 'ab', limit: 2 }), ['b', 'z'])
  assert.throws(() => list({ limit: 0 }), { message: 'List limit must be positive.' })
  assert.throws(() => list({ start: 'a', startAfter: 'a' }), {
    message: 'list() cannot be called with both start and startAfter values.',
  })
})

test('[ST9] the rollback of an outer transaction ends the ones inside it', () => {
  const bench = new Bench()
  const outer = bench.store.begin()
  bench.store.kvPut('a', 1)
  assert.throws(
    () => bench.store.transactionSync(() => outer.rollback()),
    /Cannot commit transaction due to an earlier SQL critical error/,
  )
  assert.equal(outer.state, 'rolled-back')
  bench.turn(() => bench.store.kvPut('b', 1))
  bench.flushAndConfirm()
  assert.deepEqual([...bench.store.kvList({}).keys()], ['b'])
})

test('[ST18] a failure takes along what was not committed, and nothing that is on its way', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.store.sql.exec('CREATE TABLE p (id INTEGER PRIMARY KEY)', [])
    bench.store.sql.exec('CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)', [])
  })
  bench.flushAndConfirm()
  bench.take()
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.log.flush()
  bench.turn(() => bench.store.sql.exec('INSERT INTO c VALUES (7)', []))
  const [first, second, fail, broke] = bench.take()
  assert.deepEqual([first, second], ['hold', 'hold'])
  assert.match(fail ?? '', /^fail: .*constraints were violated: FOREIGN KEY constraint failed/)
  assert.match(broke ?? '', /^broke: Durable Object was reset and rolled back/)
  assert.throws(() => bench.store.kvGet('a'), /constraints were violated/)
  bench.log.confirmNext()
  assert.deepEqual(bench.take(), ['release'])
  // The database is in its last good state: another incarnation takes the store as it is.
  assert.equal(bench.store.broken, undefined)
  bench.store.setListener({ holdOutput: () => ({ release() {}, fail() {} }), broke() {} })
  assert.equal(bench.store.kvGet('a'), 1)
})

test('[ST18] a refused commit takes later ones along; a reset waits for all answers', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.flushAndConfirm()
  bench.turn(() => bench.store.kvPut('a', 2))
  bench.log.flush()
  bench.turn(() => bench.store.kvPut('a', 3))
  bench.log.flush()
  bench.turn(() => bench.store.kvPut('a', 4))
  bench.take()
  const answers: string[] = []
  bench.store.whenConfirmed((error) => answers.push(error?.message ?? 'confirmed'))
  bench.log.failNext(new Error('no space'))
  assert.deepEqual(bench.take().toSorted(), [
    'broke: no space',
    'fail: no space',
    'fail: no space',
    'fail: no space',
  ])
  const whileOneIsOut: unknown = bench.store.broken
  assert.equal(whileOneIsOut, undefined)
  assert.deepEqual(answers, ['no space'])
  bench.log.failNext(new Error('no space'))
  assert.equal(bench.store.broken?.message, 'no space')
  bench.store.reset()
  assert.equal(bench.open().kvGet('a'), 1)
})

test('[ST19] a cursor that is open ends with the reason: deleteAll, another incarnation', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.sql.exec('CREATE TABLE t (x)', []))
  bench.turn(() => bench.store.sql.exec('INSERT INTO t VALUES (1), (2)', []))
  bench.flushAndConfirm()
  const cursor = bench.store.sql.exec('SELECT x FROM t', [])
  const keys = bench.store.kvIterate({})
  assert.deepEqual(cursor.next(), [1])
  assert.equal(bench.store.checkpoint(), false)
  bench.turn(() => bench.store.deleteAll({ keepAlarm: false }))
  assert.throws(() => cursor.next(), /^Error: SQLite query was canceled because the database was/)
  assert.deepEqual([...keys], [])
  bench.flushAndConfirm()
  assert.equal(bench.store.checkpoint(), true)

  bench.turn(() => bench.store.sql.exec('CREATE TABLE t (x)', []))
  bench.turn(() => bench.store.sql.exec('INSERT INTO t VALUES (1), (2)', []))
  bench.flushAndConfirm()
  const other = bench.store.sql.exec('SELECT x FROM t', [])
  other.next()
  bench.store.setListener(undefined)
  assert.throws(() => other.next(), /Cannot read on: the object that began to read was reset/)
  bench.store.close()
})

test('[ST20] an alarm is kept to the millisecond, whatever the size of the number', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.setAlarm(8_640_000_000_000_000))
  assert.equal(bench.store.getAlarm(), 9_223_372_036_854)
  bench.turn(() => bench.store.setAlarm(1_795_512_345_678.9))
  bench.flushAndConfirm()
  assert.equal(bench.log.confirmedRecords[0]?.alarmAt, 1_795_512_345_678)
  bench.store.setListener(undefined)
  bench.store.close()
  assert.equal(bench.open().getAlarm(), 1_795_512_345_678)
})

test('[ST13] deleteAll empties keys, tables and views in one commit', () => {
  const bench = new Bench()
  const { sql } = bench.store
  bench.turn(() => {
    bench.store.kvPut('a', 1)
    bench.store.setAlarm(1_700_000_000_123)
    sql.exec('CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id));', [])
    sql.exec('INSERT INTO p VALUES (1); INSERT INTO c VALUES (1); CREATE VIEW v AS SELECT 1;', [])
    sql.exec('CREATE VIRTUAL TABLE f USING fts5 (body); CREATE INDEX i ON c (p);', [])
  })
  bench.flushAndConfirm()
  assert.equal(bench.log.confirmedRecords.at(-1)?.alarmAt, 1_700_000_000_123)
  bench.turn(() => bench.store.deleteAll({ keepAlarm: false }))
  bench.flushAndConfirm()
  assert.equal(bench.log.confirmedRecords.length, 2)
  assert.equal(bench.store.getAlarm(), null)
  const db = replay(bench.log.confirmedRecords)
  const names = db
    .prepare('SELECT name FROM sqlite_schema')
    .all()
    .map((row) => row['name'])
  assert.deepEqual(names, ['_cf_KV', '_cf_METADATA'])
  assert.equal(keysOf(db).size, 0)
})

// Random programs against a plain map: whatever happens, the records that were confirmed, replayed
// into an empty file, give exactly what the store had when it made the last of them, and a store
// that lost its log is back there after a reset.

type Contents = Map<string, number>

class Program {
  readonly #bench = new Bench()
  #now: Contents = new Map()
  #atTurnStart: Contents = new Map()
  #open: { transaction: StoreTransaction; before: Contents }[] = []
  // What the store held at each commit that may have made a record, oldest first.
  readonly #history: Contents[] = [new Map()]

  step(kind: string, key: string, value: number): void {
    const { store, log } = this.#bench
    if (kind === 'put') {
      store.kvPut(key, value)
      this.#now.set(key, value)
    } else if (kind === 'big') {
      // Several pages, so that commits differ in size and overflow pages come and go.
      store.kvPut(
        key,
        Array.from({ length: 3000 }, () => value),
      )
      this.#now.set(key, value)
    } else if (kind === 'sql') {
      store.sql.exec(`CREATE TABLE IF NOT EXISTS t_${key} (x); INSERT INTO t_${key} VALUES (1)`, [])
      this.#now.set(`t_${key}`, (this.#now.get(`t_${key}`) ?? 0) + 1)
    } else if (kind === 'delete') assert.equal(store.kvDelete(key), this.#now.delete(key))
    else if (kind === 'end') this.#endTurn()
    else if (kind === 'abort' && this.#open.length === 0) {
      store.turnAborted()
      this.#now = new Map(this.#atTurnStart)
    } else if (kind === 'begin') {
      this.#endTurn()
      this.#mark()
      this.#open.push({ transaction: store.begin(), before: new Map(this.#now) })
    } else if (kind === 'commit') {
      this.#open.pop()?.transaction.commit()
      this.#endTurn()
      this.#mark()
    } else if (kind === 'rollback') {
      const top = this.#open.pop()
      top?.transaction.rollback()
      if (top !== undefined) this.#now = top.before
      this.#endTurn()
    } else if (kind === 'flush') {
      this.#endTurn()
      this.#mark()
      log.flush()
    } else if (kind === 'confirm') log.confirmNext()
    else if (kind === 'checkpoint') store.checkpoint()
    else if (kind === 'reset') this.#reset()
    assert.deepEqual(contentsOf(this.#bench.store), this.#now)
  }

  /** The replayed records are a state that the store was in at a commit. */
  check(): void {
    const replayed = this.#replayed()
    assert.ok(
      this.#history.some((contents) => isEqual(contents, replayed)),
      'the records give a state that never was',
    )
    while (this.#open.length > 0) this.step('commit', 'k', 0)
    this.step('flush', 'k', 0)
    while (this.#bench.log.confirmNext());
    assert.deepEqual(this.#replayed(), this.#now)
  }

  #endTurn(): void {
    this.#bench.store.turnEnded()
    this.#atTurnStart = new Map(this.#now)
  }

  #mark(): void {
    if (this.#open.length === 0) this.#history.push(new Map(this.#now))
  }

  #reset(): void {
    const { store, log } = this.#bench
    this.#endTurn()
    while (this.#open.length > 0) this.#open.pop()?.transaction.rollback()
    log.flush()
    if (!log.failNext(new Error('disk'))) {
      this.#now = this.#replayed()
    } else {
      while (log.failNext(new Error('disk')));
      store.reset()
      this.#bench.open()
      this.#now = this.#replayed()
    }
    this.#endTurn()
    this.#mark()
  }

  #replayed(): Contents {
    const { confirmedRecords } = this.#bench.log
    if (confirmedRecords.length === 0) return new Map()
    const db = replay(confirmedRecords)
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
    const contents: Contents = new Map()
    for (const [key, value] of keysOf(db)) contents.set(key, first(value))
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 't\\__' ESCAPE '\\'")
    for (const { name } of tables.all() as { name: string }[]) {
      contents.set(name, Number(db.prepare(`SELECT count(*) AS n FROM ${name}`).get()?.['n']))
    }
    db.close()
    return contents
  }
}

function contentsOf(store: ObjectStore): Contents {
  const contents: Contents = new Map()
  for (const [key, value] of store.kvList({})) contents.set(key, first(value))
  for (const key of ['k', 'l']) {
    const sql = `SELECT count(*) FROM sqlite_schema WHERE name = 't_${key}'`
    if (readRow(store, sql)[0] !== 1) continue
    contents.set(`t_${key}`, Number(readRow(store, `SELECT count(*) FROM t_${key}`)[0]))
  }
  return contents
}

function readRow(store: ObjectStore, sql: string): unknown[] {
  const result = store.sql.exec(sql, [])
  const row = result.next() ?? []
  assert.equal(result.next(), undefined)
  return row
}

function first(value: unknown): number {
  return Array.isArray(value) ? Number(value[0]) : Number(value)
}

function isEqual(a: Contents, b: Contents): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value)
}

const kinds = [
  ...['put', 'put', 'big', 'sql', 'delete', 'end', 'end', 'abort', 'begin', 'commit', 'commit'],
  ...['rollback', 'flush', 'flush', 'confirm', 'confirm', 'checkpoint', 'reset'],
]
const steps = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.constantFrom('k', 'l'), fc.nat(9)), {
  minLength: 1,
  maxLength: 30,
})

test('[ST1] [ST2] [ST5] [ST6] [ST9] random programs: the confirmed records are the confirmed state', () => {
  const seed = Number(process.env['SLUICE_SEED'] ?? 20261123)
  const numRuns = Number(process.env['SLUICE_RUNS'] ?? 150)
  fc.assert(
    fc.property(steps, (program) => {
      const run = new Program()
      for (const [kind, key, value] of program) run.step(kind, key, value)
      run.check()
    }),
    { seed, numRuns },
  )
})

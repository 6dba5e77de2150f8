import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { mock, test } from 'node:test'
import type { CommitRecord } from '../../src/base/index.ts'
import type { ObjectStore } from '../../src/storage/index.ts'
import { Bench, keysOf, readRow, replay } from './store-bench.ts'

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
  bench.turn(() => bench.store.sql.exec('CREATE TABLE t (x)', []))
  bench.flushAndConfirm()
  assert.ok(bench.checkpoint())
  const before = readFileSync(bench.path)
  bench.turn(() => bench.store.sql.exec(`INSERT INTO t VALUES (?)`, ['x'.repeat(10_000)]))
  assert.ok(!bench.checkpoint())
  assert.ok(!bench.checkpoint())
  assert.deepEqual(readFileSync(bench.path), before)
  assert.throws(() => bench.store.close(), /unconfirmed/)
  bench.log.confirmNext()
  assert.equal(statSync(`${bench.path}-wal`).size, 0)
  assert.ok(readFileSync(bench.path).includes('x'.repeat(2000)))
  bench.turn(() => bench.store.kvPut('b', 1))
  bench.flushAndConfirm()
  assert.deepEqual([...keysOf(replay(bench.log.confirmedRecords)).keys()], ['b'])
})

test('[ST4] a checkpoint of an object whose statements never rest waits for a quiet moment', () => {
  const bench = new Bench()
  const insert = (): unknown => bench.store.sql.exec('INSERT INTO t VALUES (1)', [])
  bench.turn(() => bench.store.sql.exec('CREATE TABLE t (x)', []))
  bench.flushAndConfirm()
  bench.turn(insert)
  bench.log.flush()
  bench.turn(insert)
  assert.ok(!bench.checkpoint())
  bench.log.confirmNext()
  // The next transaction is open already: only who holds the turns back can help.
  const act = bench.quiet
  assert.ok(act !== undefined)
  bench.flushAndConfirm()
  act()
  assert.equal(statSync(`${bench.path}-wal`).size, 0)
})

test('[ST21] keys stay out of the database until a checkpoint, and go into it through the log', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.turn(() => bench.store.kvPut('b', 2))
  bench.turn(() => bench.store.setAlarm(1234))
  bench.flushAndConfirm()
  assert.ok(!existsSync(bench.path))
  const [first] = bench.log.confirmedRecords
  assert.deepEqual([first?.pages.length, first?.kv.length, first?.alarmAt], [0, 2, 1234])

  // The next store has it from what the one before left.
  bench.store.setListener(undefined)
  bench.open(bench.store.close())
  bench.turn(() => bench.store.kvDelete('a'))
  assert.deepEqual([...bench.store.kvList({}).keys()], ['b'])
  assert.equal(bench.store.getAlarm(), 1234)
  bench.flushAndConfirm()

  assert.ok(!bench.checkpoint())
  // Keys that are written while the checkpoint is under way do not hinder it.
  bench.turn(() => bench.store.kvPut('c', 3))
  bench.log.confirmNext()
  const last = bench.log.confirmedRecords.at(-1)
  assert.ok(last !== undefined && last.pages.length > 0 && last.kvApplied)
  assert.equal(statSync(`${bench.path}-wal`).size, 0)
  bench.flushAndConfirm()
  const db = new DatabaseSync(bench.path, { readOnly: true })
  assert.deepEqual([...keysOf(db).keys()], ['b'])
  db.close()
  assert.deepEqual([...bench.store.kvList({}).keys()], ['b', 'c'])
  bench.store.setListener(undefined)
  assert.deepEqual([...(bench.store.close()?.kv.keys() ?? [])], ['c'])
})

test('[ST22] small states are carried forward in the log a few times, then put into the file', () => {
  const bench = new Bench()
  bench.store.nameIs('small')
  const checkpoint = (): CommitRecord | undefined => {
    let isDone = false
    bench.store.whenCheckpointed(
      () => {
        isDone = true
      },
      { mayCarry: true },
    )
    bench.flushAndConfirm()
    assert.ok(isDone)
    return bench.log.confirmedRecords.at(-1)
  }
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.turn(() => bench.store.setAlarm(5))
  bench.flushAndConfirm()
  for (let i = 0; i < 4; i += 1) {
    const record = checkpoint()
    assert.deepEqual(
      [record?.kv.length, record?.alarmAt, record?.name, record?.kvApplied],
      [1, 5, 'small', false],
    )
    bench.store.setListener(undefined)
    bench.open(bench.store.close())
    bench.store.nameIs('small')
  }
  assert.ok(!existsSync(bench.path))
  bench.turn(() => bench.store.kvPut('b', 1))
  assert.deepEqual(checkpoint()?.kv.length, 2)
  for (let i = 0; i < 4; i += 1) assert.equal(checkpoint()?.kvApplied, false)
  assert.equal(checkpoint()?.kvApplied, true)
  assert.ok(existsSync(bench.path))
  bench.turn(() => bench.store.kvPut('large', 'x'.repeat(5000)))
  assert.equal(checkpoint()?.kvApplied, true)
})

test('[ST21] a turn that writes keys and rows is one record', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.store.kvPut('a', 1)
    bench.store.sql.exec('CREATE TABLE t (x)', [])
  })
  bench.flushAndConfirm()
  assert.equal(bench.log.confirmedRecords.length, 1)
  const [record] = bench.log.confirmedRecords
  assert.ok(record !== undefined && record.pages.length > 0 && record.kv.length === 1)
  assert.deepEqual([...keysOf(replay([record])).keys()], ['a'])
})

test('[ST21] an overlay that grows large is applied with the next commit', () => {
  const bench = new Bench()
  for (let i = 0; i < 20; i += 1) bench.turn(() => bench.store.kvPut(`k${i}`, 'x'.repeat(100_000)))
  bench.flushAndConfirm()
  assert.ok(bench.log.confirmedRecords[0]?.kvApplied)
  assert.equal(bench.store.kvList({ prefix: 'k1' }).size, 11)
  assert.equal(bench.store.databaseSize > 2_000_000, true)
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
  bench.open(bench.store.reset())
  assert.deepEqual(bench.store.kvList({}), new Map([['a', 1]]))

  const rows = new Bench()
  const insert = (text: string): void => {
    rows.turn(() => rows.store.sql.exec('INSERT INTO t VALUES (?)', [text]))
  }
  rows.turn(() => rows.store.sql.exec('CREATE TABLE t (x)', []))
  insert('kept')
  rows.flushAndConfirm()
  insert('y'.repeat(20_000))
  rows.log.flush()
  rows.log.failNext(new Error('disk'))
  rows.open(rows.store.reset())
  assert.ok(!readFileSync(rows.path).includes('y'.repeat(2000)))
  assert.deepEqual(readRow(rows.store, 'SELECT x FROM t'), ['kept'])

  const fresh = new Bench()
  fresh.turn(() => fresh.store.kvPut('a', 1))
  fresh.log.flush()
  fresh.log.failNext(new Error('disk'))
  fresh.open(fresh.store.reset())
  fresh.turn(() => fresh.store.kvPut('b', 2))
  fresh.flushAndConfirm()
  assert.deepEqual(keysOf(replay(fresh.log.confirmedRecords)), new Map([['b', 2]]))
})

test('[ST6] pages that a rolled-back transaction spilled are in no record', () => {
  const bench = new Bench()
  const big = (n: number): string => String(n).repeat(4000)
  bench.turn(() => bench.store.sql.exec('CREATE TABLE t (x)', []))
  bench.flushAndConfirm()
  const transaction = bench.store.begin()
  // More than SQLite's page cache holds, so that it spills into the -wal.
  for (let i = 0; i < 4000; i += 1) bench.store.sql.exec('INSERT INTO t VALUES (?)', [big(i % 10)])
  transaction.rollback()
  bench.turn(() => bench.store.sql.exec(`INSERT INTO t VALUES ('after')`, []))
  bench.flushAndConfirm()
  const last = bench.log.confirmedRecords.at(-1)
  assert.ok(last !== undefined && last.pages.length < 10)
  const db = replay(bench.log.confirmedRecords)
  assert.deepEqual(
    db
      .prepare('SELECT x FROM t')
      .all()
      .map(({ x }) => x),
    ['after'],
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

test('[ST23] a value that the database would refuse is refused at once, and none other', () => {
  const bench = new Bench()
  for (const key of ['k', 'ö'.repeat(150), 'k'.repeat(9000)]) {
    const put = (length: number): void => {
      bench.turn(() => bench.store.kvPut(key, new ArrayBuffer(length)))
    }
    let fits = 8_000_000
    for (let step = 500_000; step >= 1; step = Math.floor(step / 2)) {
      try {
        put(fits + step)
        fits += step
      } catch (error) {
        assert.equal((error as Error).message, 'string or blob too big: SQLITE_TOOBIG')
      }
    }
    put(fits)
    // The largest that was taken goes into the file.
    bench.flushAndConfirm()
    if (!bench.checkpoint()) bench.log.confirmNext()
    assert.equal(bench.log.confirmedRecords.at(-1)?.kvApplied, true)
    assert.equal((bench.store.kvGet(key) as ArrayBuffer).byteLength, fits)
    bench.turn(() => bench.store.kvDelete(key))
  }
  bench.flushAndConfirm()
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
  bench.store.setListener({
    holdOutput: () => ({ release() {}, fail() {} }),
    broke() {},
    whenQuiet() {},
  })
  assert.equal(bench.store.kvGet('a'), 1)
})

test('[ST21] a checkpoint does not wait for the next incarnation after constraints failed', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.store.kvPut('a', 1)
    bench.store.sql.exec('CREATE TABLE p (id INTEGER PRIMARY KEY)', [])
    bench.store.sql.exec('CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)', [])
  })
  bench.flushAndConfirm()
  bench.turn(() => bench.store.sql.exec('INSERT INTO c VALUES (7)', []))
  assert.match(bench.take().at(-1) ?? '', /^broke: .*constraints were violated/)
  let isDone = false
  bench.store.whenCheckpointed(() => {
    isDone = true
  })
  bench.flushAndConfirm()
  assert.ok(isDone)
})

test('[ST21] a checkpoint whose commit fails or is rolled back comes with another one', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.store.sql.exec('CREATE TABLE p (id INTEGER PRIMARY KEY)', [])
    bench.store.sql.exec('CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)', [])
  })
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.flushAndConfirm()
  for (const isInOverlay of [true, false]) {
    let isDone = false
    bench.turn(() => {
      if (!isInOverlay) bench.store.kvPut('b', 1)
      bench.store.sql.exec('INSERT INTO c VALUES (7)', [])
      bench.store.whenCheckpointed(() => {
        isDone = true
      })
    })
    assert.match(bench.take().at(-1) ?? '', /^broke: .*constraints were violated/)
    bench.flushAndConfirm()
    bench.store.advanceCheckpoint()
    assert.ok(isDone)
    bench.open(bench.store.close())
  }
})

test('[ST5] a commit refused after constraints failed on top of it is reset all the same', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.store.sql.exec('CREATE TABLE p (id INTEGER PRIMARY KEY)', [])
    bench.store.sql.exec('CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)', [])
  })
  bench.log.flush()
  bench.turn(() => bench.store.sql.exec('INSERT INTO c VALUES (7)', []))
  bench.log.failNext(new Error('no space'))
  assert.match(bench.store.broken?.message ?? '', /constraints were violated/)
  assert.deepEqual(bench.open(bench.store.reset()).kvList({}), new Map())
  assert.ok(!existsSync(bench.path))
})

test('[ST5] [ST22] what is refused is not carried forward when constraints failed on top of it', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.store.sql.exec('CREATE TABLE p (id INTEGER PRIMARY KEY)', [])
    bench.store.sql.exec('CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)', [])
  })
  bench.flushAndConfirm()
  bench.turn(() => bench.store.kvPut('a', 1))
  bench.log.flush()
  bench.turn(() => bench.store.sql.exec('INSERT INTO c VALUES (7)', []))
  const answers: unknown[] = []
  // A batch is under way: the log takes what the checkpoint writes when it is answered. [CL12]
  const flush = mock.method(bench.log, 'flush', () => {})
  bench.store.whenCheckpointed((error) => answers.push(error?.message), { mayCarry: true })
  bench.log.failNext(new Error('no space'))
  flush.mock.restore()
  const count = bench.log.confirmedRecords.length
  bench.log.flush()
  assert.deepEqual(answers, ['no space'])
  assert.match(bench.store.broken?.message ?? '', /constraints were violated/)
  assert.equal(bench.log.confirmedRecords.length, count)
  assert.deepEqual(bench.open(bench.store.reset()).kvList({}), new Map())
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
  assert.equal(bench.open(bench.store.reset()).kvGet('a'), 1)
})

test('[ST19] a cursor that is open ends with the reason: deleteAll, another incarnation', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.sql.exec('CREATE TABLE t (x)', []))
  bench.turn(() => bench.store.sql.exec('INSERT INTO t VALUES (1), (2)', []))
  bench.flushAndConfirm()
  const cursor = bench.store.sql.exec('SELECT x FROM t', [])
  const keys = bench.store.kvIterate({})
  assert.deepEqual(cursor.next(), [1])
  assert.equal(bench.checkpoint(), false)
  bench.turn(() => bench.store.deleteAll({ keepAlarm: false }))
  assert.throws(() => cursor.next(), /^Error: SQLite query was canceled because the database was/)
  assert.deepEqual([...keys], [])
  bench.flushAndConfirm()
  assert.equal(bench.checkpoint(), true)

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
  assert.ok(!bench.checkpoint())
  bench.log.confirmNext()
  bench.store.setListener(undefined)
  assert.equal(bench.store.close(), undefined)
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

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurableError } from '../../src/base/index.ts'
import type { Answer, KvFlush, KvListRange, ScriptedCall } from '../../src/storage/index.ts'
import { Bench, bytes, errorOf, everything, now, operations, text } from './cache-bench.ts'

const disconnected = new DurableError('connection lost', { retryable: true })

test('[KC1] a read sees what was there when it was asked, and the flush waits for it', () => {
  const bench = new Bench({ a: 'old', b: 'old' })
  let before: Answer<Uint8Array | undefined> | undefined
  bench.turn(() => {
    before = bench.cache.get('a')
    bench.cache.put('a', bytes('new'))
    assert.equal(text(now(bench.cache.get('a'))), 'new')
  })
  const list = bench.list()
  const [get, listCall] = bench.store.calls
  assert.equal(bench.store.calls.length, 2, 'no flush while the old value is being read')
  listCall?.succeed()
  assert.deepEqual(now(list), ['a=new', 'b=old'])
  get?.succeed()
  assert.equal(text(now(before as Answer<Uint8Array | undefined>)), 'old')
  bench.call('flush').succeed()
  assert.equal(text(bench.store.content.get('a')), 'new')
})

test('[KC1] a list keeps out what is written and flushed while the store is read', () => {
  const bench = new Bench({ a: '1', c: '1' })
  bench.put('a', '2')
  const list = bench.list()
  const [flush, read] = bench.store.calls
  // Known at the call of the list, so the flush need not wait for it.
  assert.equal(flush?.kind, 'flush')
  bench.put('b', '3')
  flush?.succeed()
  assert.deepEqual(
    bench.store.calls.map(({ kind }) => kind),
    ['list'],
    'b was not known: its flush waits',
  )
  read?.succeed()
  assert.deepEqual(now(list), ['a=2', 'c=1'])
  bench.settle()
  assert.deepEqual(now(bench.list()), ['a=2', 'b=3', 'c=1'])
})

test('[KC2] what was written or read is answered at once', () => {
  const bench = new Bench({ a: '1' })
  const first = bench.get('a')
  assert.ok(first.isPending)
  bench.settle()
  assert.equal(text(now(bench.get('a'))), '1')
  const none = bench.get('none')
  bench.settle()
  assert.equal(now(none), undefined)
  assert.equal(now(bench.get('none')), undefined)
  bench.put('w', '2')
  assert.equal(text(now(bench.cache.get('w'))), '2')
  const many = bench.cache.getMany(['w', 'none', 'a', 'w'])
  assert.deepEqual([...now(many).keys()], ['a', 'w'])
})

test('[KC3] the gets of one turn are one call, of at most so many keys', () => {
  const bench = new Bench({ a: '1', b: '2', c: '3' }, { keysPerRead: 2 })
  const answers: Answer<Uint8Array | undefined>[] = []
  bench.turn(() => {
    for (const key of ['c', 'a', 'c', 'b']) answers.push(bench.cache.get(key))
    bench.assertQuiet()
  })
  answers.push(bench.get('a'))
  assert.deepEqual(
    bench.store.calls.map(({ asked }) => asked),
    [['c', 'a'], ['b']],
  )
  bench.settle()
  assert.deepEqual(
    answers.map((answer) => text(now(answer))),
    ['3', '1', '3', '2', '1'],
  )
})

test('[KC4] a value that is overwritten before its flush never reaches the store', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.cache.put('a', bytes('1'))
    bench.cache.put('a', bytes('2'))
  })
  const flush = bench.call('flush')
  assert.deepEqual(operations(flush), ['a=2'])
  bench.put('a', '3')
  bench.put('b', '3')
  bench.put('a', '4')
  bench.turn(() => bench.cache.delete('b'))
  flush.succeed()
  assert.deepEqual(operations(bench.call('flush')), ['a=4', 'b=undefined'])
})

test('[KC5] everything goes along in one flush, and one flush at a time', () => {
  const bench = new Bench()
  bench.turn(() => {
    for (let i = 0; i < 1000; i += 1) bench.cache.put(`k${i}`, bytes('x'))
  })
  const first = bench.call('flush')
  assert.equal(operations(first).length, 1000)
  bench.put('a', '1')
  bench.put('b', '1')
  assert.equal(bench.store.calls.length, 1)
  first.succeed()
  assert.deepEqual(operations(bench.call('flush')), ['a=1', 'b=1'])
  bench.settle()
  assert.ok(!bench.cache.hasUnconfirmed)
  bench.assertQuiet()
})

test('[KC6] a list reads what is not known, and remembers where nothing is', () => {
  const bench = new Bench({ b: '1', d: '1', f: '1', h: '1' })
  const first = bench.list({ begin: 'a', end: 'e' })
  bench.settle()
  assert.deepEqual(now(first), ['b=1', 'd=1'])
  assert.deepEqual(now(bench.list({ begin: 'a', end: 'e', isReverse: true })), ['d=1', 'b=1'])
  assert.equal(now(bench.get('c')), undefined)
  assert.ok(bench.get('e').isPending, 'the gap ends before e')
  bench.settle()
  bench.put('c', '2')
  const second = bench.list()
  const asked = bench.store.calls.find(({ kind }) => kind === 'list')?.asked as KvListRange
  assert.equal(asked.begin, '')
  assert.equal(asked.end, undefined)
  bench.settle()
  assert.deepEqual(now(second), ['b=1', 'c=2', 'd=1', 'f=1', 'h=1'])
  assert.deepEqual(now(bench.list({ isReverse: true, limit: 2 })), ['h=1', 'f=1'])
  bench.assertQuiet()
})

test('[KC6] a list with a limit reads as far as it must, and knows no more than it read', () => {
  const bench = new Bench({ b: '1', c: '1', d: '1', e: '1' })
  bench.turn(() => bench.cache.delete('b'))
  const list = bench.list({ limit: 2 })
  const call = bench.store.calls.find(({ kind }) => kind === 'list')
  assert.deepEqual(call?.asked, { ...everything, limit: 3 }, 'one more for the one deleted')
  call?.succeed()
  assert.deepEqual(now(list), ['c=1', 'd=1'])
  assert.deepEqual(now(bench.list({ end: 'd\0' })), ['c=1', 'd=1'])
  const rest = bench.list()
  assert.ok(rest.isPending)
  assert.equal((bench.store.calls.at(-1)?.asked as KvListRange | undefined)?.begin, 'd\0')
  bench.settle()
  assert.deepEqual(now(rest), ['c=1', 'd=1', 'e=1'])
})

test('[KC6] keys are in the order of their UTF-8 bytes', () => {
  const bench = new Bench({ '\u{1f600}': '1', '\uffee': '1', a: '1' })
  const list = bench.list()
  bench.put('\u{1f601}', '2')
  bench.settle()
  assert.deepEqual(now(list), ['a=1', '\uffee=1', '\u{1f600}=1'])
  assert.deepEqual(now(bench.list({ isReverse: true, limit: 2 })), ['\u{1f601}=2', '\u{1f600}=1'])
})

test('[KC7] a put of the same value, and a delete of nothing, do nothing and hold nothing', () => {
  const bench = new Bench({ a: '1' })
  bench.get('a')
  bench.get('none')
  bench.settle()
  bench.put('a', '1')
  bench.turn(() => assert.equal(now(bench.cache.delete('none')), false))
  bench.assertQuiet()
  assert.deepEqual(bench.take(), [])
  bench.put('a', '2')
  bench.put('a', '1')
  bench.settle()
  assert.equal(text(bench.store.content.get('a')), '1', 'not the same while another is on its way')
})

test('[KC8] a delete tells what existed, and asks the store when that is not known', () => {
  const bench = new Bench({ a: '1', b: '1', c: '1' })
  bench.get('a')
  bench.settle()
  let one: Answer<boolean> | undefined
  let many: Answer<number> | undefined
  bench.turn(() => {
    one = bench.cache.delete('a')
    many = bench.cache.deleteMany(['a', 'b', 'b', 'x', 'c'])
    assert.equal(now(bench.cache.get('b')), undefined)
    bench.cache.put('b', bytes('2'))
  })
  assert.equal(now(one as Answer<boolean>), true)
  assert.ok(many?.isPending)
  assert.deepEqual(bench.call('get').asked, ['b', 'x', 'c'], 'before the flush that deletes them')
  bench.settle()
  assert.equal(now(many as Answer<number>), 2)
  assert.deepEqual([...bench.store.content.keys()], ['b'])
})

test('[KC9] a transaction is flushed when it has committed, and an inner rollback is the inner one', () => {
  const bench = new Bench()
  bench.put('before', '1')
  const first = bench.call('flush')
  const outer = bench.cache.begin()
  bench.put('outer', '1')
  const inner = bench.cache.begin()
  bench.put('inner', '1')
  bench.put('outer', '2')
  const list = bench.list({ begin: 'i', end: 'p' })
  inner.rollback()
  bench.store.calls.find(({ kind }) => kind === 'list')?.succeed()
  assert.deepEqual(now(list), ['inner=1', 'outer=2'], 'as it was when it was asked')
  assert.equal(text(now(bench.get('outer'))), '1')
  const third = bench.cache.begin()
  bench.put('third', '1')
  third.commit()
  first.succeed()
  bench.turn(() => {})
  assert.ok(bench.store.calls.every(({ kind }) => kind !== 'flush'))
  bench.turn(() => outer.commit())
  const flush = bench.store.calls.find(({ kind }) => kind === 'flush')
  assert.deepEqual(operations(flush as ScriptedCall), ['outer=1', 'third=1'])
})

test('[KC9] a transaction that is rolled back releases what it held', () => {
  const bench = new Bench()
  const transaction = bench.cache.begin()
  bench.put('a', '1')
  assert.deepEqual(bench.take(), ['hold'])
  bench.turn(() => transaction.rollback())
  assert.deepEqual(bench.take(), ['release'])
  bench.assertQuiet()
  assert.ok(!bench.cache.hasUnconfirmed)
})

test('[KC10] deleteAll is in order with other writes, and one transaction with later ones', () => {
  const bench = new Bench({ a: '1', b: '1' })
  bench.put('c', '1')
  const first = bench.call('flush')
  const read = bench.get('a')
  bench.turn(() => bench.cache.setAlarm(5, { allowUnconfirmed: true }))
  bench.turn(() => bench.cache.put('d', bytes('1')))
  bench.take()
  bench.turn(() => {
    bench.cache.deleteAll({ keepAlarm: false })
    bench.cache.put('e', bytes('2'))
  })
  assert.deepEqual(now(bench.list()), ['e=2'])
  assert.deepEqual(bench.take(), ['hold'])
  assert.equal(now(bench.cache.delete('a')), false)
  assert.equal(bench.cache.getAlarm(), null)
  first.succeed()
  bench.call('get').succeed()
  assert.equal(text(now(read)), '1')
  const flush = bench.call('flush')
  assert.deepEqual(flush.asked, {
    isDeleteAll: true,
    operations: [{ key: 'e', value: bytes('2') }],
    alarmAt: null,
  })
  assert.deepEqual(now(bench.list()), ['e=2'], 'while it is under way, the store is not asked')
  bench.settle()
  assert.deepEqual(now(bench.list()), ['e=2'])
  assert.deepEqual([...bench.store.content.keys()], ['e'])
})

test('[KC11] a flush whose connection was lost is the same at each of five tries', () => {
  const bench = new Bench()
  bench.put('a', '1')
  for (let tries = 1; tries < 5; tries += 1) {
    assert.deepEqual(operations(bench.call('flush')), ['a=1'])
    // It may have been carried out all the same.
    if (tries === 2) bench.call('flush').carryOut()
    bench.call('flush').fail(disconnected)
    bench.put('a', `later ${tries}`)
  }
  assert.deepEqual(bench.take(), ['hold', 'hold', 'hold', 'hold', 'hold'])
  bench.call('flush').fail(disconnected)
  const message =
    'Internal error in Durable Object storage write caused object to be reset; reference = r1'
  assert.deepEqual(bench.take(), [...Array(5).fill(`fail: ${message}`), `broke: ${message}`])
  bench.assertQuiet()
})

test('[KC11] a read whose connection was lost is tried once more, and fails for the caller alone', () => {
  const bench = new Bench({ a: '1' })
  const get = bench.get('a')
  bench.call('get').fail(disconnected)
  bench.call('get').succeed()
  assert.equal(text(now(get)), '1')
  const list = bench.list()
  bench.call('list').fail(disconnected)
  bench.call('list').fail(disconnected)
  assert.equal(errorOf(list), 'connection lost')
  const refused = bench.get('b')
  bench.call('get').fail(new Error('refused'))
  assert.equal(errorOf(refused), 'refused')
  const again = bench.get('b')
  bench.settle()
  assert.equal(now(again), undefined)
  assert.equal(bench.cache.broken, undefined)
})

test('[KC12] a flush that fails resets the object, an unconfirmed one as well', () => {
  const bench = new Bench()
  bench.turn(() => bench.cache.put('a', bytes('1'), { allowUnconfirmed: true }))
  const read = bench.get('b')
  const [flush, get] = bench.store.calls
  let confirmed: Error | undefined
  bench.cache.whenConfirmed((error) => (confirmed = error))
  flush?.fail(new Error('disk'))
  const message =
    'Internal error in Durable Object storage write caused object to be reset; reference = r1'
  assert.deepEqual(bench.take(), [`broke: ${message}`])
  assert.equal(confirmed?.message, message)
  assert.equal((confirmed?.cause as Error | undefined)?.message, 'disk')
  assert.equal(errorOf(read), message)
  assert.throws(() => bench.cache.get('a'), { message })
  assert.throws(() => bench.cache.put('a', bytes('2')), { message })
  get?.succeed()
  bench.cache.turnEnded()
  bench.assertQuiet()
  assert.equal(bench.memory.bytes, 0)

  const other = new Bench()
  other.turn(() => other.cache.deleteAll({ keepAlarm: false }))
  other.call('flush').fail(new Error('disk'))
  assert.match(other.take().at(-1) ?? '', /storage deleteAll\(\) caused object to be reset; ref/)
})

test('[KC17] output is held from the first confirmed write to the end of its flush', () => {
  const bench = new Bench()
  const durable: string[] = []
  bench.cache.whenConfirmed(() => durable.push('nothing'))
  bench.turn(() => bench.cache.put('a', bytes('1'), { allowUnconfirmed: true }))
  bench.cache.whenConfirmed(() => durable.push('a'))
  assert.deepEqual(bench.take(), [])
  bench.turn(() => {
    bench.cache.put('b', bytes('1'))
    bench.cache.put('c', bytes('1'))
    assert.deepEqual(bench.take(), ['hold'])
    bench.cache.whenConfirmed(() => durable.push('b'))
  })
  bench.call('flush').succeed()
  assert.deepEqual(bench.take(), [])
  assert.deepEqual(durable, ['nothing', 'a'])
  bench.call('flush').carryOut()
  assert.deepEqual(bench.take(), [])
  bench.call('flush').succeed()
  assert.deepEqual(bench.take(), ['release'])
  assert.deepEqual(durable, ['nothing', 'a', 'b'])
  // The same value, not confirmed yet: it holds.
  bench.turn(() => bench.cache.put('a', bytes('2'), { allowUnconfirmed: true }))
  bench.put('a', '2')
  assert.deepEqual(bench.take(), ['hold'])
})

test('[KC20] noCache keeps nothing, and uses what is there', () => {
  const bench = new Bench({ a: '1', b: '1' })
  bench.turn(() => bench.cache.put('w', bytes('1'), { noCache: true }))
  assert.equal(text(now(bench.get('w'))), '1')
  bench.settle()
  assert.ok(bench.get('w').isPending)
  bench.settle()
  assert.equal(text(now(bench.cache.get('w', { noCache: true }))), '1')
  for (let i = 0; i < 2; i += 1) {
    const read = bench.cache.get('a', { noCache: true })
    assert.ok(read.isPending)
    bench.turn(() => {})
    bench.settle()
    const list = bench.cache.list(everything, { noCache: true })
    assert.ok(list.isPending)
    bench.settle()
  }
  // Where nothing was known to be, the gap is not known any more.
  bench.list()
  bench.settle()
  bench.turn(() => bench.cache.put('aa', bytes('1'), { noCache: true }))
  bench.settle()
  const list = bench.list()
  bench.settle()
  assert.deepEqual(now(list), ['a=1', 'aa=1', 'b=1', 'w=1'])
})

test('[KC22] an aborted turn takes only its own writes along', () => {
  const bench = new Bench()
  bench.put('a', '1')
  bench.put('b', '1')
  bench.cache.put('b', bytes('2'))
  bench.cache.put('c', bytes('2'))
  bench.cache.turnAborted()
  assert.equal(text(now(bench.get('b'))), '1')
  bench.settle()
  assert.deepEqual([...bench.store.content.keys()], ['a', 'b'])
  assert.equal(text(bench.store.content.get('b')), '1')
  assert.deepEqual(bench.take(), ['hold', 'hold', 'hold', 'release', 'release', 'release'])
})

test('the alarm is flushed with the writes beside it, and rolled back with them', () => {
  const bench = new Bench()
  bench.turn(() => {
    bench.cache.setAlarm(7)
    bench.cache.put('a', bytes('1'))
  })
  assert.equal((bench.call('flush').asked as KvFlush).alarmAt, 7)
  bench.settle()
  bench.turn(() => bench.cache.setAlarm(7))
  bench.assertQuiet()
  const transaction = bench.cache.begin()
  bench.cache.setAlarm(null)
  assert.equal(bench.cache.getAlarm(), null)
  bench.turn(() => transaction.rollback())
  assert.equal(bench.cache.getAlarm(), 7)
  assert.equal(bench.store.alarmAt, 7)
  bench.assertQuiet()
})

test('a closed cache gives back its memory, and says that storage is no longer accessible', () => {
  const bench = new Bench({ a: '1' })
  bench.put('b', '1')
  const read = bench.get('a')
  assert.throws(() => bench.cache.close(), /unconfirmed/)
  bench.store.calls[0]?.succeed()
  bench.cache.close()
  bench.settle()
  assert.ok(read.isPending)
  assert.equal(bench.memory.bytes, 0)
  const message = 'Durable Object storage is no longer accessible.'
  assert.throws(() => bench.cache.get('a'), { message })
  assert.throws(() => bench.cache.put('a', bytes('1')), { message })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bench } from './store-bench.ts'

test('[ST41] each bookmark is greater than all before, over roll-backs, deleteAll and another opening', () => {
  const bench = new Bench()
  const marks: string[] = []
  const take = (): void => bench.turn(() => marks.push(bench.store.takeBookmark()))
  take()
  take()
  const transaction = bench.store.begin()
  marks.push(bench.store.takeBookmark())
  transaction.rollback()
  take()
  bench.turn(() => bench.store.deleteAll({ keepAlarm: false }))
  take()
  bench.flushAndConfirm()
  const pending = bench.store.close()
  bench.open(pending)
  take()
  for (const mark of marks) {
    assert.match(mark, /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/)
  }
  assert.deepEqual(marks, [...new Set(marks)].toSorted())
  // Nobody may hear of one that is not durable.
  assert.equal(bench.take().at(-1), 'hold')
})

test('[ST40] an iteration sees later writes further on, and each key once, over a checkpoint too', () => {
  const bench = new Bench()
  bench.turn(() => bench.store.kvPutMany(['a', 'c', 'e', 'g'].map((key) => [key, key])))
  bench.flushAndConfirm()
  bench.checkpoint()
  bench.flushAndConfirm()
  bench.turn(() => bench.store.kvPut('b', 'b'))
  const iteration = bench.store.kvIterate({})
  bench.turn(() => bench.store.kvPut('a', 'later'))
  const seen = [iteration.next().value, iteration.next().value]
  bench.turn(() => {
    bench.store.kvPut('d', 'd')
    bench.store.kvPut('e', 'changed')
    bench.store.kvDelete('g')
    bench.store.kvPut('a', 'again')
    bench.store.kvPut('f', 'f')
  })
  seen.push(iteration.next().value, iteration.next().value)
  // Reading the size puts the overlay into the database.
  assert.ok(bench.store.databaseSize > 0)
  bench.flushAndConfirm()
  seen.push(iteration.next().value, iteration.next().value)
  assert.deepEqual(seen, [
    ['a', 'a'],
    ['b', 'b'],
    ['c', 'c'],
    ['d', 'd'],
    ['e', 'changed'],
    ['f', 'f'],
  ])
  assert.deepEqual(iteration.next(), { done: true, value: undefined })
  const second = bench.store.kvIterate({})
  bench.store.kvIterate({})
  assert.throws(() => second.next(), /a new call to kv.list\(\) was started/)
  const third = bench.store.kvIterate({})
  bench.store.deleteAll({ keepAlarm: false })
  assert.throws(() => third.next(), /canceled because the database was deleted/)
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import type { Due } from '../alarms/index.ts'
import type { CommitRecord } from '../base/index.ts'
import { ScriptedLog } from '../log/index.ts'
import { Catalogue, catalogueKey, type CatalogueEntry } from './catalogue.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-catalogue-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

/** A log that confirms whatever is flushed at once. */
class QuickLog extends ScriptedLog {
  refuses = false

  override flush(): void {
    super.flush()
    const next = (): boolean =>
      this.refuses ? this.failNext(new Error('no space')) : this.confirmNext()
    while (next());
  }
}

function open(path = join(root, `${(folders += 1)}.sqlite`)): {
  catalogue: Catalogue
  log: QuickLog
  path: string
} {
  const log = new QuickLog()
  return { catalogue: new Catalogue({ path, log, mustExist: false }), log, path }
}

const hex = (n: number): string => n.toString(16).padStart(64, '0')
const keyOf = (n: number): string => `${n % 2 === 0 ? 'p-Even' : 'p-Odd'}/${hex(n)}`

function record(n: number, alarmAt?: number | null, name?: string): CommitRecord {
  return {
    object: keyOf(n),
    ...(name === undefined ? {} : { name }),
    fence: 0,
    sequence: 1,
    pageSize: 4096,
    databasePages: 1,
    pages: [],
    kv: [],
    kvApplied: false,
    alarmAt,
  }
}

test('[CT1] an object is there from its first confirmed commit on, and keeps its name', async () => {
  const { catalogue } = open()
  assert.equal(catalogue.has(keyOf(1)), false)
  catalogue.confirmed(record(1, null, 'one'))
  assert.equal(catalogue.has(keyOf(1)), true)
  catalogue.confirmed(record(1, 5))
  assert.equal(catalogue.nameOf(keyOf(1)), 'one')
  await catalogue.update([keyOf(1)])
  catalogue.confirmed(record(1, 6))
  assert.equal(catalogue.nameOf(keyOf(1)), 'one')
  // A commit that says nothing of the alarm leaves it.
  catalogue.confirmed(record(1))
  assert.deepEqual(catalogue.readAlarms(undefined, 9), [{ key: keyOf(1), at: 6 }])
  await catalogue.updateAll()
  catalogue.confirmed(record(1))
  assert.deepEqual(catalogue.readAlarms(undefined, 9), [{ key: keyOf(1), at: 6 }])
  assert.deepEqual(catalogue.list('p-Odd', 9), [{ key: keyOf(1), name: 'one', alarmAt: 6 }])
  await catalogue.updateAll()
  assert.equal(catalogue.nameOf(keyOf(1)), 'one')
  assert.equal(catalogue.has(keyOf(2)), false)
  await catalogue.close()
})

test('[CT3] an object must have a file when it was checkpointed, or the log has pages of it', async () => {
  const { catalogue } = open()
  catalogue.confirmed({ ...record(1), databasePages: 0 })
  assert.equal(catalogue.hasFile(keyOf(1)), false)
  catalogue.confirmed(record(1))
  assert.equal(catalogue.hasFile(keyOf(1)), true)
  catalogue.confirmed({ ...record(3), databasePages: 0 })
  await catalogue.updateAll()
  assert.equal(catalogue.hasFile(keyOf(3)), true)
  await catalogue.close()
})

test('[CT2] what was written is in the database, and what was confirmed meanwhile stays newer', async () => {
  const { catalogue, log, path } = open()
  for (let n = 0; n < 1000; n += 1) catalogue.confirmed(record(n, n, `name ${n}`))
  const writing = catalogue.updateAll()
  catalogue.confirmed(record(999, 7))
  await writing
  assert.deepEqual(catalogue.readAlarms({ key: keyOf(7), at: 7 }, 1), [{ key: keyOf(999), at: 7 }])
  await catalogue.close()
  assert.ok(log.confirmedRecords.every(({ object }) => object === catalogueKey))
  assert.ok(log.confirmedRecords.length >= 5, 'many short commits')
  const again = open(path).catalogue
  assert.equal(again.readAlarms(undefined, 2000).length, 1000)
  assert.equal(again.nameOf(keyOf(500)), 'name 500')
  await again.close()
})

test('[CT2] a write that the disk refused fails, and can be made again', async () => {
  const { catalogue, log } = open()
  await catalogue.whenConfirmed()
  catalogue.confirmed(record(1, 10, 'one'))
  log.refuses = true
  await assert.rejects(catalogue.updateAll(), /no space/)
  log.refuses = false
  assert.equal(catalogue.nameOf(keyOf(1)), 'one')
  await catalogue.updateAll()
  assert.deepEqual(catalogue.readAlarms(undefined, 9), [{ key: keyOf(1), at: 10 }])
  await catalogue.close()
})

test('[CT2] a catalogue whose disk refuses ends all the same', async () => {
  const { catalogue, log, path } = open()
  await catalogue.whenConfirmed()
  catalogue.confirmed(record(1, 10, 'one'))
  log.refuses = true
  const writing = catalogue.updateAll()
  const closing = catalogue.close()
  await assert.rejects(writing, /no space/)
  await closing
  assert.equal(open(path).catalogue.has(keyOf(1)), false)
})

test('[CT2] what does not change is not written again', async () => {
  const { catalogue, log } = open()
  catalogue.confirmed(record(1, 10, 'one'))
  await catalogue.updateAll()
  const { length } = log.confirmedRecords
  catalogue.confirmed(record(1, 10))
  await catalogue.updateAll()
  assert.equal(log.confirmedRecords.length, length)
  await catalogue.close()
})

test('[CT4] the objects of a namespace are listed in pages', async () => {
  const { catalogue } = open()
  for (let n = 0; n < 20; n += 1) {
    catalogue.confirmed(record(n, null, `name ${n}`))
    if (n === 10) await catalogue.updateAll()
  }
  const pages: CatalogueEntry[][] = []
  for (let after = ''; ; after = pages.at(-1)?.at(-1)?.key ?? '') {
    const page = catalogue.list('p-Even', 4, after)
    if (page.length === 0) break
    pages.push(page)
  }
  assert.deepEqual(
    pages.map((page) => page.map(({ name }) => name)),
    [
      ['name 0', 'name 2', 'name 4', 'name 6'],
      ['name 8', 'name 10', 'name 12', 'name 14'],
      ['name 16', 'name 18'],
    ],
  )
  assert.deepEqual(catalogue.list('p-None', 4), [])
  await catalogue.close()
})

test('[AL11] alarms are read page by page in order, whatever part of them is written', async () => {
  const step = fc.record({
    n: fc.nat(30),
    at: fc.option(fc.nat(5), { nil: null }),
    writes: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (steps, limit) => {
        const { catalogue } = open()
        const model = new Map<string, number>()
        for (const { n, at, writes } of steps) {
          catalogue.confirmed(record(n, at))
          if (at === null) model.delete(keyOf(n))
          else model.set(keyOf(n), at)
          if (writes) await catalogue.updateAll()
        }
        const expected = [...model]
          .map(([key, at]) => ({ key, at }))
          .sort((a, b) => a.at - b.at || catalogue.compareKeys(a.key, b.key))
        const read: Due[] = []
        for (;;) {
          const page = catalogue.readAlarms(read.at(-1), limit)
          assert.ok(page.length <= limit)
          read.push(...page)
          if (page.length < limit) break
        }
        assert.deepEqual(read, expected)
        await catalogue.whenConfirmed()
        await catalogue.close()
      },
    ),
    { seed: 5, numRuns: 60 },
  )
})

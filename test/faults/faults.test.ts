// What the disk can do to a shard, through the real runtime. Each time: whoever may be affected is
// refused with an error that says what happened, nothing false is acknowledged, nothing old is served as
// if it were current, the others go on, and when the fault is gone so is its effect.

import assert from 'node:assert/strict'
import { chmodSync, chownSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Fault } from './fault-hook.ts'
import { type Answer, FaultyShard } from './faulty-shard.ts'

function assertRefused(answer: Answer, message: RegExp, isReset?: boolean): void {
  assert.ok('error' in answer, `${JSON.stringify(answer)}, an error was wanted`)
  assert.match(answer.error, message)
  if (isReset !== undefined) assert.equal(answer.isReset, isReset)
}

const refusals: readonly Fault[] = [
  { call: 'writeSync', path: '.log', code: 'EIO' },
  { call: 'writeSync', path: '.log', code: 'ENOSPC', half: true },
  { call: 'fdatasyncSync', path: '.log', code: 'EIO' },
]
for (const fault of refusals) {
  test(`[CL5] [ST5] ${fault.code} at ${fault.call} of the log resets who wrote, and nobody else`, async () => {
    await using shard = new FaultyShard()
    await shard.start()
    for (const name of ['a', 'b', 'c']) await shard.get(name, 'put', 'old')
    await shard.get('c', 'insert', 'row')
    shard.fail(fault)
    const refused = await Promise.all([shard.ask('a', 'put', 'new'), shard.ask('c', 'insert', '2')])
    for (const answer of refused) {
      assertRefused(answer, new RegExp(`Cannot make a commit durable: ${fault.code}`), true)
    }
    assert.equal(await shard.get('b', 'get'), 'old')
    assert.equal(await shard.get('a', 'get'), 'old')
    assert.deepEqual(await shard.get('c', 'rows'), ['row'])
    shard.fail()
    await shard.get('a', 'put', 'newer')
    await shard.get('c', 'insert', '3')
    await shard.kill()
    await shard.start()
    assert.equal(await shard.get('a', 'get'), 'newer')
    assert.equal(await shard.get('b', 'get'), 'old')
    assert.deepEqual(await shard.get('c', 'rows'), ['row', '3'])
  })
}

test('[CL5] [ST5] files that may not grow any more fail writes, and reads go on', async (context) => {
  await using shard = new FaultyShard()
  await shard.start()
  await shard.get('a', 'put', 'old')
  await shard.get('b', 'insert', '1')
  if (!shard.limit('fsize', 0)) return context.skip('needs prlimit')
  assertRefused(await shard.ask('a', 'put', 'new'), /Cannot make a commit durable: EFBIG/, true)
  assertRefused(await shard.ask('b', 'insert', '2'), /disk I\/O error|EFBIG/)
  assert.equal(await shard.get('a', 'get'), 'old')
  shard.limit('fsize', 'unlimited')
  assert.deepEqual(await shard.get('b', 'rows'), ['1'])
  await shard.get('b', 'insert', '3')
  await shard.get('a', 'put', 'newer')
  await shard.kill()
  await shard.start()
  assert.equal(await shard.get('a', 'get'), 'newer')
  assert.deepEqual(await shard.get('b', 'rows'), ['1', '3'])
})

test('[ST25] a commit that cannot be read back is undone, and its object reset alone', async () => {
  await using shard = new FaultyShard()
  await shard.start()
  for (const name of ['a', 'b']) await shard.get(name, 'insert', '1')
  shard.fail({ call: 'readSync', path: `${await shard.fileOf('a')}-wal`, code: 'EIO' })
  const [a] = await Promise.all([shard.ask('a', 'insert', '2'), shard.get('b', 'insert', '2')])
  assertRefused(a, /Cannot read back what SQLite wrote to '.*-wal': EIO/, true)
  assert.deepEqual(await shard.get('a', 'rows'), ['1'])
  assert.deepEqual(await shard.get('b', 'rows'), ['1', '2'])
  shard.fail()
  await shard.get('a', 'insert', '3')
  await shard.kill()
  await shard.start()
  assert.deepEqual(await shard.get('a', 'rows'), ['1', '3'])
})

test('[ST25] a database that cannot be read refuses, however often it is asked, and recovers', async () => {
  await using shard = new FaultyShard()
  await shard.start()
  for (const name of ['a', 'b']) await shard.get(name, 'insert', '1')
  const file = await shard.fileOf('a')
  shard.fail({ call: 'sqlite', path: file, code: 'EIO' })
  for (let i = 0; i < 3; i += 1) {
    assertRefused(await shard.ask('a', 'rows'), /disk I\/O error: SQLITE_IOERR/)
    assertRefused(await shard.ask('a', 'insert', '2'), /disk I\/O error: SQLITE_IOERR/)
    await shard.get('b', 'insert', 'x')
  }
  // Longer than it takes to look for what can be closed.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  assert.equal(((await shard.get('b', 'rows')) as unknown[]).length, 4)
  shard.fail()
  assert.deepEqual(await shard.get('a', 'rows'), ['1'])
  await shard.get('a', 'insert', '2')
  assert.deepEqual(await shard.get('a', 'rows'), ['1', '2'])
})

test('[ST25] a database with foreign bytes in it refuses, and others go on', async () => {
  await using shard = new FaultyShard()
  await shard.start()
  for (const name of ['a', 'b']) await shard.get(name, 'insert', '1')
  const file = join(shard.data, await shard.fileOf('a'))
  await shard.stop()
  writeFileSync(file, Buffer.alloc(20_000, 'not a database'))
  await shard.start()
  for (const method of ['rows', 'get', 'insert', 'put']) {
    const answer = await shard.ask('a', method)
    if (method !== 'put') assertRefused(answer, /file is not a database: SQLITE_NOTADB/)
  }
  assert.deepEqual(await shard.get('b', 'rows'), ['1'])
})

test('[CL3] a log that cannot be read stops the start with the file, and changes nothing', async () => {
  await using shard = new FaultyShard()
  await shard.start()
  await shard.get('a', 'put', 'old')
  await shard.get('a', 'insert', '1')
  await shard.kill()
  shard.fail({ call: 'readSync', path: '.log', code: 'EIO' })
  await assert.rejects(shard.start(), /Cannot recover from '.*00000001\.log': EIO/)
  const file = await fileIn(shard)
  shard.fail({ call: 'writeSync', path: file, code: 'ENOSPC' })
  await assert.rejects(shard.start(), /Cannot restore the database '.*sqlite': ENOSPC/)
  shard.fail()
  await shard.start()
  assert.equal(await shard.get('a', 'get'), 'old')
  assert.deepEqual(await shard.get('a', 'rows'), ['1'])
})

async function fileIn(shard: FaultyShard): Promise<string> {
  const [namespace = ''] = readdirSync(join(shard.data, 'objects')).filter(
    (entry) => !entry.includes('.'),
  )
  const [file = ''] = readdirSync(join(shard.data, 'objects', namespace)).filter((entry) =>
    entry.endsWith('.sqlite'),
  )
  return file
}

test('[CL2] [CL3] a torn last record is not there; damage in the middle stops the start', async () => {
  await using shard = new FaultyShard()
  await shard.start()
  for (const value of ['1', '2', '3']) await shard.get('a', 'put', value)
  await shard.kill()
  const [segment = ''] = shard.segments()
  const whole = readFileSync(segment)
  const damaged = Buffer.from(whole)
  damaged[100] = (damaged[100] ?? 0) ^ 1
  writeFileSync(segment, damaged)
  await assert.rejects(shard.start(), /log': it is damaged at byte \d+, before the end of what was/)
  // A batch that the process was writing when it ended.
  writeFileSync(segment, Buffer.concat([whole, whole.subarray(32, 32 + 150)]))
  await shard.start()
  assert.equal(await shard.get('a', 'get'), '3')
})

test('[DF3] without permission nothing starts, and objects refuse until it is given back', async () => {
  await using shard = new FaultyShard()
  // As root nothing would be refused.
  const isRoot = process.getuid?.() === 0
  const uid = isRoot ? 65_534 : undefined
  shard.makeData()
  chmodSync(shard.folder, 0o755)
  if (uid !== undefined) chownSync(shard.data, uid, uid)
  const options = uid === undefined ? {} : { uid }
  chmodSync(shard.data, 0o500)
  await assert.rejects(shard.start(options), /EACCES: permission denied, .*data/)
  chmodSync(shard.data, 0o700)
  await shard.start(options)
  await shard.get('a', 'insert', '1')
  const [namespace = ''] = readdirSync(join(shard.data, 'objects')).filter(
    (entry) => !entry.includes('.'),
  )
  const objects = join(shard.data, 'objects', namespace)
  chmodSync(objects, 0o500)
  assertRefused(await shard.ask('b', 'insert', '1'), /EACCES: permission denied, .*sqlite/)
  await shard.get('b', 'put', 'in-the-log')
  await shard.get('a', 'insert', '2')
  chmodSync(objects, 0o700)
  await shard.get('b', 'insert', '2')
  assert.deepEqual(await shard.get('b', 'rows'), ['2'])
  assert.equal(await shard.get('b', 'get'), 'in-the-log')
})

test('[ST25] out of file descriptors, what needs one refuses, and the rest goes on', async (context) => {
  await using shard = new FaultyShard()
  await shard.start()
  await shard.get('a', 'insert', '1')
  await shard.get('c', 'put', '1')
  if (!shard.forbidDescriptors()) return context.skip('needs prlimit')
  for (let i = 0; i < 3; i += 1) {
    assertRefused(await shard.ask('b', 'insert', '1'), /EMFILE|SQLITE_CANTOPEN/)
    await shard.get('a', 'insert', '1')
    await shard.get('c', 'put', '2')
  }
  shard.limit('nofile', 1000)
  await shard.get('b', 'insert', '2')
  assert.deepEqual(await shard.get('b', 'rows'), ['2'])
  assert.equal(await shard.get('c', 'get'), '2')
})

test('[CL5] [ST25] out of file descriptors, a log that needs a new segment refuses, and recovers', async (context) => {
  await using shard = new FaultyShard()
  await shard.start({ logSegmentBytes: 100_000 })
  await shard.get('a', 'insert', '1')
  await shard.get('b', 'put', 'old')
  if (!shard.forbidDescriptors()) return context.skip('needs prlimit')
  let durable = ''
  let refused: Answer = { value: null }
  for (let i = 0; 'value' in refused && i < 20; i += 1) {
    const value = `${i}${'x'.repeat(30_000)}`
    refused = await shard.ask('c', 'put', value)
    if ('value' in refused) durable = value
  }
  // By the log, or because the checkpoint that a full segment asks for cannot open the database.
  assertRefused(refused, /Cannot make a commit durable: EMFILE|SQLITE_CANTOPEN/)
  assert.ok(durable.length > 0, 'the first segment was full from the start')
  for (let i = 0; i < 3; i += 1) {
    assertRefused(await shard.ask('b', 'put', 'new'), /Cannot make a commit durable: EMFILE/, true)
    assert.equal(await shard.get('b', 'get'), 'old')
    assert.equal(await shard.get('c', 'get'), durable)
    assert.deepEqual(await shard.get('a', 'rows'), ['1'])
  }
  shard.limit('nofile', 1000)
  await shard.get('b', 'put', 'new')
  await shard.get('a', 'insert', '2')
  // What could not be checkpointed is, when the next segment is full, and the old segments go.
  const [oldest = ''] = shard.segments()
  while (shard.segments().includes(oldest)) await shard.get('c', 'put', 'x'.repeat(30_000))
  await shard.get('c', 'put', 'last')
  await shard.kill()
  await shard.start()
  assert.equal(await shard.get('b', 'get'), 'new')
  assert.equal(await shard.get('c', 'get'), 'last')
  assert.deepEqual(await shard.get('a', 'rows'), ['1', '2'])
})

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FaultyShard } from './faulty-shard.ts'

/** How many databases and `-wal` files the shard has open. */
function openFiles(shard: FaultyShard): number {
  const folder = `/proc/${shard.pid}/fd`
  const targets = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(join(folder, fd))
    } catch (error) {
      // Closed since.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  })
  return targets.filter((path) => /\/objects\/[^/]+\/.*\.sqlite(-wal)?$/.test(path)).length
}

test('[ST24] many objects in memory share few open databases, and lose nothing', async () => {
  await using shard = new FaultyShard()
  await shard.start({ openDatabases: 5, idleMs: 3_600_000 })
  const names = Array.from({ length: 60 }, (_, i) => `o${i}`)
  for (const name of names) await shard.get(name, 'insert', '1')
  for (const name of names) await shard.get(name, 'put', name)
  // All at once, so that all are busy: then none can be closed before its commit is confirmed.
  await Promise.all(names.map((name) => shard.get(name, 'insert', '2')))
  await shard.get('o0', 'insert', '3')
  await shard.get('o0', 'rows')
  // Three files of each database at most.
  assert.ok(openFiles(shard) <= 3 * 5, `${openFiles(shard)} files are open`)
  for (const name of names) {
    assert.equal(await shard.get(name, 'get'), name)
    const rows = name === 'o0' ? ['1', '2', '3'] : ['1', '2']
    assert.deepEqual(await shard.get(name, 'rows'), rows)
    // The same instance: it was not the object that left memory.
    assert.equal(await shard.get(name, 'age'), name === 'o0' ? 7 : 5)
  }
  await shard.kill()
  await shard.start({ openDatabases: 5 })
  for (const name of names.slice(1)) assert.deepEqual(await shard.get(name, 'rows'), ['1', '2'])
})

test('[ST24] a cursor, and a setting that lives as long as the connection, keep a database open', async () => {
  await using shard = new FaultyShard()
  await shard.start({ openDatabases: 1, idleMs: 3_600_000 })
  for (const name of ['cursor', 'setting', 'x', 'y']) {
    for (const value of ['1', '2', '3']) await shard.get(name, 'insert', value)
  }
  assert.equal(await shard.get('cursor', 'openCursor'), '1')
  await shard.get('setting', 'setCaseSensitive')
  for (let i = 0; i < 5; i += 1) for (const name of ['x', 'y']) await shard.get(name, 'insert', '4')
  assert.deepEqual(await shard.get('cursor', 'restOfCursor'), ['2', '3'])
  assert.equal(await shard.get('setting', 'isCaseSensitive'), 1)
})

test('[CT3] a database deleted while it was closed for others is refused, and not made anew', async () => {
  await using shard = new FaultyShard()
  await shard.start({ openDatabases: 1, idleMs: 3_600_000 })
  for (const name of ['a', 'b', 'c']) await shard.get(name, 'insert', '1')
  const file = join(shard.data, await shard.fileOf('a'))
  await shard.get('c', 'insert', '2')
  rmSync(file)
  const answer = await shard.ask('a', 'rows')
  assert.ok('error' in answer && /is missing, although the object exists/.test(answer.error))
  assert.ok('error' in (await shard.ask('a', 'insert', '2')))
  assert.deepEqual(await shard.get('c', 'rows'), ['1', '2'])
})

test('[CL16] after a failed sync of a database the log is kept, and the next start uses it', async () => {
  await using shard = new FaultyShard()
  await shard.start({ logSegmentBytes: 200_000 })
  await shard.get('a', 'insert', '0')
  const file = await shard.fileOf('a')
  shard.fail({ call: 'fdatasyncSync', path: file, code: 'EIO' })
  let count = 1
  const insert = async (until: () => boolean): Promise<void> => {
    for (; !until(); count += 1) await shard.get('a', 'insert', String(count))
  }
  await insert(() => shard.hasStruck('fdatasyncSync'))
  shard.fail()
  const before = shard.segments().length
  await insert(() => shard.segments().length > before + 2)
  await shard.stop()
  assert.match(shard.segments()[0] ?? '', /00000001\.log$/)
  // What the system has dropped is not in the file.
  const path = join(shard.data, file)
  writeFileSync(path, Buffer.alloc(readFileSync(path).length))
  await shard.start()
  assert.equal(((await shard.get('a', 'rows')) as unknown[]).length, count)
})

test('[OB11] an object that cannot be closed is tried again, and the shard lives on', async () => {
  await using shard = new FaultyShard()
  await shard.start({ idleMs: 1 })
  for (const name of ['a', 'b']) await shard.get(name, 'insert', '1')
  const file = await shard.fileOf('a')
  shard.fail({ call: 'sqlite', path: file, code: 'EIO' })
  // The sweep, once a second, evicts both and closes what it can.
  await shard.waitForFault('sqlite')
  await shard.get('b', 'insert', '2')
  shard.fail()
  await shard.get('a', 'insert', '2')
  for (const name of ['a', 'b']) assert.deepEqual(await shard.get(name, 'rows'), ['1', '2'])
})

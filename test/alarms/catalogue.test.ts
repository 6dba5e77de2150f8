// The catalogue over the real command line: files that are deleted, folders that are upgraded.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createRuntime } from '../../src/sluice/index.ts'
import type { RunningServer } from '../workerd/running-server.ts'
import { startSluice } from '../workerd/sluice.ts'
import { ask, type Fetch, waitFor } from './asking.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const bin = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'sluice-exists-'))
after(() => rmSync(root, { recursive: true, force: true }))

const over =
  (server: RunningServer): Fetch =>
  (path) =>
    fetch(server.url + path)

/** Where the database of the object `name` is. */
async function fileOf(server: RunningServer, data: string, name: string): Promise<string> {
  const id = (await (await fetch(`${server.url}/id/${encodeURIComponent(name)}`)).json()) as string
  return join(data, 'objects', 'alarms-test-Sleeper', `${id}.sqlite`)
}

test('[CT3] an object whose database was deleted is refused, and others go on', async () => {
  const data = join(root, 'deleted')
  await using first = await startSluice({ project, data })
  for (const name of ['gone', 'stays']) await ask(over(first), name, 'write', name)
  const file = await fileOf(first, data, 'gone')
  await first.stop()
  assert.ok(existsSync(file))
  rmSync(file)
  for (let start = 0; start < 2; start += 1) {
    await using server = await startSluice({ project, data })
    assert.equal(await ask(over(server), 'stays', 'read'), 'stays')
    await assert.rejects(ask(over(server), 'gone', 'read'), {
      message: `Cannot open the database '${file}': it is missing, although the object exists; it can only be restored from a backup`,
    })
    await assert.rejects(ask(over(server), 'gone', 'write', 'anew'), /it is missing/)
    assert.equal(await ask(over(server), 'new', 'read'), null)
    await (start === 0 ? server.kill() : server.stop())
    assert.ok(!existsSync(file))
  }
})

for (const how of ['deleted', 'cut']) {
  test(`[CT3] an object whose database was ${how} while the log had later commits is not restored in part`, async () => {
    const data = join(root, `${how} and logged`)
    await using first = await startSluice({ project, data })
    // More than the template, so that a later commit does not hold every page.
    for (const name of ['gone', 'stays']) {
      await ask(over(first), name, 'writeLong', 20_000)
      await ask(over(first), name, 'tally')
    }
    const file = await fileOf(first, data, 'gone')
    await first.stop()
    await using second = await startSluice({ project, data })
    for (const name of ['gone', 'stays']) await ask(over(second), name, 'tally')
    await second.kill()
    if (how === 'deleted') rmSync(file)
    else truncateSync(file, 4096)
    for (let start = 0; start < 2; start += 1) {
      await using server = await startSluice({ project, data })
      await assert.rejects(ask(over(server), 'gone', 'read'), /it is missing/)
      assert.equal(await ask(over(server), 'stays', 'tally'), 3 + start)
      await server.kill()
    }
    assert.equal(existsSync(`${file}.damaged`), how === 'cut')
  })
}

test('[CT2] what a dropped segment said is in the catalogue when the process ends at any moment', async () => {
  const data = join(root, 'dropped')
  const runtime = await createRuntime({ project, data, logSegmentBytes: 100_000 })
  const fetchPath: Fetch = (path) => runtime.fetch(`http://localhost${path}`)
  await ask(fetchPath, 'early', 'arm', 3_600_000)
  // Too large to be carried forward in the log.
  await ask(fetchPath, 'early', 'writeLong', 5000)
  const id = (await (await fetchPath('/id/early')).json()) as string
  const oldest = (): number =>
    Number.parseInt(readdirSync(join(data, 'log')).toSorted()[0] ?? '', 10)
  // Its checkpoint wrote it to a later segment: that must be gone as well.
  for (let i = 0; oldest() < 20; i += 1) {
    assert.ok(i < 5000, 'no segment is dropped')
    await ask(fetchPath, `filler ${i}`, 'writeLong', 2000)
  }
  // What a process that is killed leaves; the whole of it, because nothing is being written.
  const copy = join(root, 'dropped, copied')
  cpSync(data, copy, { recursive: true })
  await runtime.close()
  rmSync(join(copy, 'lock'))
  rmSync(join(copy, 'objects', 'alarms-test-Sleeper', `${id}.sqlite`))
  const again = await createRuntime({ project, data: copy })
  try {
    const fetchAgain: Fetch = (path) => again.fetch(`http://localhost${path}`)
    await assert.rejects(ask(fetchAgain, 'early', 'state'), /it is missing/)
    assert.equal((await ask<string>(fetchAgain, 'filler 1', 'read')).length, 2000)
  } finally {
    await again.close()
  }
})

test('[CT5] a folder of format 1 is given a catalogue, and its alarms ring', async () => {
  const data = join(root, 'old')
  await using first = await startSluice({ project, data })
  await ask(over(first), 'soon', 'arm', 1500)
  await ask(over(first), 'other', 'write', 7)
  const file = await fileOf(first, data, 'other')
  await first.stop()
  assert.equal(readFileSync(join(data, 'format'), 'utf8'), '2\n')
  rmSync(join(data, 'objects', 'catalogue.sqlite'))

  const { status, stderr } = spawnSync(
    process.execPath,
    [bin, 'serve', project, '--port', '0', '--data', data],
    { encoding: 'utf8', timeout: 30_000 },
  )
  assert.equal(status, 1)
  assert.match(stderr, /catalogue\.sqlite': it is missing, .* with '1' in the file 'format'/)

  writeFileSync(join(data, 'format'), '1\n')
  await using second = await startSluice({ project, data })
  await waitFor(over(second), 'soon', ({ log }) => log.length === 1)
  assert.equal(await ask(over(second), 'other', 'read'), 7)
  await second.stop()
  assert.equal(readFileSync(join(data, 'format'), 'utf8'), '2\n')
  assert.ok(statSync(join(data, 'objects', 'catalogue.sqlite')).size > 0)
  rmSync(file)
  await using third = await startSluice({ project, data })
  await assert.rejects(ask(over(third), 'other', 'read'), /it is missing/)
})

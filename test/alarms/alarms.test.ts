// Alarms over the real command line, with processes that stop and are killed; and inside one process.

import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRuntime } from '../../src/sluice/index.ts'
import type { RunningServer } from '../workerd/running-server.ts'
import { startSluice } from '../workerd/sluice.ts'
import { ask, type Fetch, type SleeperState, waitFor } from './asking.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'sluice-alarms-'))
after(() => rmSync(root, { recursive: true, force: true }))

function over(server: RunningServer): Fetch {
  return (path) => fetch(server.url + path)
}

test('[AL12] alarms ring after a restart, overdue or not, with the names of their objects', async () => {
  const data = join(root, 'restart')
  await using first = await startSluice({ project, data })
  await ask(over(first), 'soon', 'arm', 300)
  await ask(over(first), 'later', 'arm', 2500)
  await first.stop()
  await delay(400)
  await using second = await startSluice({ project, data })
  for (const name of ['soon', 'later']) {
    const { log, isArmed, life } = await waitFor(over(second), name, (state) => !state.isArmed)
    assert.equal(isArmed, false)
    assert.deepEqual(log, [{ run: 1, name, retry: 0, life }])
  }
})

test('[AL5] [AL12] a process killed in the middle of a handler rings again, and then never more', async () => {
  const data = join(root, 'killed')
  await using first = await startSluice({ project, data })
  await ask(over(first), 'victim', 'arm', 1, 'stuck')
  const before = await waitFor(over(first), 'victim', ({ log }) => log.length === 1)
  assert.equal(before.isArmed, false, 'the alarm that rings is not seen')
  await first.kill()

  await using second = await startSluice({ project, data })
  const { log } = await waitFor(over(second), 'victim', (state) => state.log.length === 2)
  assert.deepEqual(
    log.map(
      (entry) => entry !== 'done' && { run: entry.run, name: entry.name, retry: entry.retry },
    ),
    [
      { run: 1, name: 'victim', retry: 0 },
      { run: 2, name: 'victim', retry: 0 },
    ],
  )
  // Its answer waited for the commit that deletes the alarm.
  await waitFor(over(second), 'victim', (state) => !state.isArmed)
  await second.kill()

  await using third = await startSluice({ project, data })
  await delay(500)
  const after = await ask<SleeperState>(over(third), 'victim', 'state')
  assert.equal(after.log.length, 2)
  assert.equal(after.isArmed, false)
})

test('[AL10] a shard that stops lets handlers end and starts no alarm', async () => {
  const data = join(root, 'stops')
  await using first = await startSluice({ project, data })
  await ask(over(first), 'slow', 'arm', 1, 'slow')
  const { life } = await ask<SleeperState>(over(first), 'due', 'state')
  await waitFor(over(first), 'slow', ({ log }) => log.length === 1)
  await ask(over(first), 'due', 'arm', 300)
  await first.stop()

  await using second = await startSluice({ project, data })
  const slow = await ask<SleeperState>(over(second), 'slow', 'state')
  assert.equal(slow.log.at(-1), 'done')
  assert.equal(slow.log.length, 2)
  const due = await waitFor(over(second), 'due', (state) => state.log.length > 0)
  const entry = due.log[0]
  assert.ok(entry !== undefined && entry !== 'done' && entry.life !== life)
})

test('[AL12] an alarm wakes an object that was evicted, and keeps none in memory', async () => {
  const runtime = await createRuntime({ project, data: join(root, 'evicted'), idleMs: 100 })
  try {
    const fetchPath: Fetch = (path) => runtime.fetch(`http://localhost${path}`)
    const life = await ask<string>(fetchPath, 'evicted', 'arm', 3000)
    // Asking would keep it awake.
    await delay(2500)
    const { log } = await waitFor(fetchPath, 'evicted', (state) => state.log.length > 0)
    const entry = log[0]
    assert.ok(entry !== undefined && entry !== 'done')
    assert.equal(entry.name, 'evicted')
    assert.notEqual(entry.life, life, 'the instance that armed it was still in memory')
  } finally {
    await runtime.close()
  }
})

for (const [flag, stays] of [
  ['delete_all_deletes_alarm', false],
  ['delete_all_preserves_alarm', true],
] as const) {
  test(`[AL14] deleteAll() with ${flag}`, async () => {
    const folder = join(root, flag)
    cpSync(project, folder, { recursive: true })
    const config = join(folder, 'wrangler.jsonc')
    const text = readFileSync(config, 'utf8')
    writeFileSync(config, text.replace('"main"', `"compatibility_flags": ["${flag}"], "main"`))
    const runtime = await createRuntime({ project: folder })
    try {
      const fetchPath: Fetch = (path) => runtime.fetch(`http://localhost${path}`)
      await ask(fetchPath, 'a', 'arm', 3_600_000)
      assert.equal(await ask(fetchPath, 'a', 'clear'), stays)
    } finally {
      await runtime.close()
    }
  })
}

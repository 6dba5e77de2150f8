// `--storage-delay`, through the real command line.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRuntime } from '../../src/sluice/index.ts'
import type { RunningServer } from '../workerd/running-server.ts'
import { startSluice } from '../workerd/sluice.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sluice-delayed-'))
let server: RunningServer

before(async () => {
  server = await startSluice({ project, data: join(folder, 'data'), storageDelayMs: 30 })
})
after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(scenario: string, at: { readonly url: string } = server): Promise<unknown> {
  const response = await fetch(`${at.url}/${scenario}`)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return JSON.parse(text)
}

test('[KC18] [KC19] two loops of gets do not interleave, and with allowConcurrency they do', async () => {
  assert.deepEqual(await ask('loops'), {
    false: ['A0', 'A1', 'A2', 'Aend', 'B0', 'B1', 'B2', 'Bend'],
    true: ['A0', 'B0', 'A1', 'B1', 'A2', 'B2', 'Aend', 'Bend'],
  })
})

test('[KC18] no update is lost between a get that waits and its put', async () => {
  assert.deepEqual(
    await ask('adds'),
    Array.from({ length: 20 }, (_, i) => i + 1),
  )
})

test('[KC23] each call of the store takes the delay, and what is cached does not', async () => {
  // Long, so that a busy machine is not taken for a store that waits.
  const runtime = await createRuntime({ project, storageDelayMs: 1000 })
  try {
    const response = await runtime.fetch('http://localhost/timings')
    const { get, put, cached, sync, list } = (await response.json()) as Record<string, number>
    for (const waited of [get, sync, list]) assert.ok(Number(waited) >= 999, `${waited} ms`)
    for (const quick of [put, cached]) assert.ok(Number(quick) < 999, `${quick} ms`)
  } finally {
    await runtime.close()
  }
})

test('[KC21] what needs SQLite, and what is too large, is refused with the reference’s texts', async () => {
  const { sql, kv, ...others } = (await ask('refusals')) as Record<string, string>
  assert.match(
    String(sql),
    /^Error: This Durable Object is not backed by SQLite storage, so the SQL API is not available\. SQL can be enabled on a new Durable Object class by using the `new_sqlite_classes` instead of `new_classes` under `\[\[migrations\]\]` in your wrangler\.toml, but/,
  )
  assert.match(
    String(kv),
    /^Error: The storage\.kv \(synchronous KV\) API is only available for SQLite-backed Durable Objects, but this object's namespace is not declared to use SQLite\. You can use the older, asyncronous interface/,
  )
  assert.deepEqual(others, {
    sync: 'Error: Durable Object is not backed by SQL.',
    key: 'RangeError: Keys cannot be larger than 2048 bytes. A key of size 2050 was provided.',
    putKey: 'RangeError: Keys cannot be larger than 2048 bytes. A key of size 2049 was provided.',
    value:
      'RangeError: Values cannot be larger than 131072 bytes. A value of size 131113 was provided.',
    pairs: 'RangeError: Maximum number of key value pairs is 128. 129 pairs were provided.',
    uncloneable: 'DataCloneError: () => 1 could not be cloned.',
    notWritten: null,
    undefinedValue: 'TypeError: put() called with undefined value.',
    limit: 'TypeError: List limit must be positive.',
    both: 'TypeError: list() cannot be called with both start and startAfter values.',
  })
})

test('[KC9] [KC10] the whole surface works over storage that waits', async () => {
  assert.deepEqual(await ask('everything'), {
    error: 'Error: rolled back',
    list: ['c', 'b'],
    deleted: 1,
    rest: ['b', 'c'],
    size: 0,
  })
})

test('[KC22] an abort undoes its own turn alone', async () => {
  assert.deepEqual(await ask('abort'), ['Error: enough', 1])
})

test('[KC23] a killed server has everything that it acknowledged, with and without the delay', async () => {
  const data = join(folder, 'killed')
  const acknowledged = new Map<string, number>()
  let underLoad = 0
  const names = Array.from({ length: 8 }, (_, i) => `o${i}`)
  for (const storageDelayMs of [5, 1, undefined, 3]) {
    const running = await startSluice({ project, data, storageDelayMs })
    for (const name of names) {
      const count = Number(await ask(`add?name=${name}`, running))
      const before = acknowledged.get(name) ?? 0
      // One that was cut off may have been counted.
      assert.ok(count > before, `${name} is ${count} after ${before}`)
      acknowledged.set(name, count)
    }
    let isKilled = false
    const clients = names.map(async (name) => {
      while (!isKilled) {
        const count = await ask(`add?name=${name}`, running).catch(() => undefined)
        if (count === undefined) continue
        acknowledged.set(name, Number(count))
        underLoad += 1
      }
    })
    await delay(300)
    isKilled = true
    await running.kill()
    await Promise.all(clients)
  }
  const last = await startSluice({ project, data })
  for (const name of names) {
    const count = Number(await ask(`add?name=${name}`, last))
    assert.ok(count > (acknowledged.get(name) ?? 0))
  }
  assert.ok(underLoad > 0)
  await last.stop()
})

test('[KC23] createRuntime takes storageDelayMs, and a clean end keeps everything', async () => {
  const data = join(folder, 'library')
  for (const expected of [1, 2]) {
    const runtime = await createRuntime({ project, data, storageDelayMs: 10 })
    const response = await runtime.fetch('http://localhost/add?name=library')
    assert.equal(await response.json(), expected)
    await runtime.close()
  }
})

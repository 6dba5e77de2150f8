// Objects inside of an object: both laws between them, what a crash leaves, and what the tools see.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRuntime, type RuntimeOptions } from '../../src/sluice/index.ts'
import { askProgram } from '../conformance/ask-program.ts'
import { programs } from '../conformance/programs.ts'
import { data } from '../data/asking.ts'
import { startSluice } from '../workerd/sluice.ts'
import { startWorkerd } from '../workerd/workerd.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'sluice-facets-'))
after(() => rmSync(root, { recursive: true, force: true }))

type Ask = (parent: string, method: string, ...values: unknown[]) => Promise<unknown>

function pathOf(parent: string, method: string, values: readonly unknown[]): string {
  return `/${parent}/${method}?${encodeURIComponent(JSON.stringify(values))}`
}

async function start(options: Partial<RuntimeOptions>): Promise<{ ask: Ask } & AsyncDisposable> {
  const runtime = await createRuntime({ project, ...options })
  const ask: Ask = async (...[parent, method, ...values]) => {
    const response = await runtime.fetch(`http://localhost${pathOf(parent, method, values)}`)
    return response.json()
  }
  return { ask, [Symbol.asyncDispose]: () => runtime.close() }
}

function askAt(url: string): Ask {
  return async (...[parent, method, ...values]) =>
    (await fetch(new URL(pathOf(parent, method, values), url))).json()
}

for (const runtime of ['workerd', 'ours'] as const) {
  test(`[FC1] [FC2] [FC3] [FC4] [FC5] [FC6] ${runtime} gives the recorded answers about facets`, async () => {
    const program = programs.find(({ name }) => name === 'facets')
    assert.ok(program)
    const outcomes = await askProgram(runtime, program.name, program.asks)
    assert.ok(outcomes.length > 0)
    for (const { ask, failure, differences } of outcomes) {
      assert.equal(failure, undefined, ask.path)
      assert.deepEqual(differences, [], ask.path)
    }
  })
}

test('[FC2] a facet with an alarm handler cannot set an alarm, and is not reset', async () => {
  await using running = await start({})
  const { ask } = running
  const before = await ask('a', 'call', 'f', 'alive')
  assert.deepEqual(await ask('a', 'call', 'f', 'setAlarm'), {
    error: 'Facets currently cannot set alarms.',
  })
  assert.equal(await ask('a', 'call', 'f', 'alive'), before)
})

test('[FC4] an idle facet leaves memory by itself and comes back with its storage', async () => {
  await using running = await start({ idleMs: 200 })
  const { ask } = running
  await ask('a', 'call', 'f', 'put', 'k', 1)
  const first = await ask('a', 'call', 'f', 'alive')
  // The sweep runs each second.
  await delay(2500)
  assert.notEqual(await ask('a', 'call', 'f', 'alive'), first)
  assert.deepEqual(await ask('a', 'call', 'f', 'read'), { keys: { k: 1 }, rows: [] })
})

test('[FC8] what facet and parent tell each other and the world waits for the writes behind it', async () => {
  const folder = join(root, 'held')
  const heldMs = 300
  {
    await using running = await start({ data: folder })
    const { ask } = running
    for (const name of ['deleted', 'source', 'target', 'all']) {
      await ask('p', 'call', name, 'put', 'k', name)
    }
    await ask('q', 'call', 'inside', 'put', 'k', 1)
  }
  await using running = await start({ data: folder, confirmDelayMs: heldMs })
  const { ask } = running
  const waited = async (...values: Parameters<Ask>): Promise<number> => {
    const before = performance.now()
    await ask(...values)
    return performance.now() - before
  }
  const heard = async (...values: Parameters<Ask>): Promise<number> => Number(await ask(...values))
  // Facet to parent, a result and an error; parent to facet.
  assert.ok((await heard('p', 'wait', 'source', 'put', 'more', 1)) >= heldMs)
  assert.ok((await heard('p', 'wait', 'source', 'throwAfterPut')) >= heldMs)
  assert.ok((await heard('r', 'putAndCall', 'any')) >= heldMs)
  // Parent to the world, with nothing written by the parent itself.
  assert.ok((await waited('p', 'clone', 'source', 'target')) >= heldMs)
  assert.ok((await waited('p', 'delete', 'deleted')) >= heldMs)
  assert.ok((await waited('q', 'deleteAll')) >= heldMs)
  assert.deepEqual(await ask('q', 'call', 'inside', 'read'), { keys: {}, rows: [] })
})

test('[FC1] [FC8] the callback that starts a facet does not slip into a locked parent', async () => {
  await using running = await start({})
  assert.deepEqual(await running.ask('p', 'startAndBlock'), ['in', 'out', 'start late'])
})

const expected = {
  kept: { keys: { k: 1, later: 'x' }, rows: ['one', 'two'] },
  deleted: { keys: {}, rows: [] },
  copy: { keys: { k: 1 }, rows: ['one', 'more'] },
}

async function fill(ask: Ask): Promise<void> {
  await ask('p', 'call', 'kept', 'put', 'k', 1)
  await ask('p', 'call', 'kept', 'row', 'one')
  await ask('p', 'call', 'kept', 'putInner', 'deep', 'd', 2)
  await ask('p', 'call', 'deleted', 'put', 'gone', 1)
  await ask('p', 'call', 'deleted', 'row', 'gone')
  await ask('p', 'delete', 'deleted')
  await ask('p', 'call', 'copy', 'put', 'overwritten', 1)
  await ask('p', 'clone', 'kept', 'copy')
  await ask('p', 'call', 'kept', 'put', 'later', 'x')
  await ask('p', 'call', 'kept', 'row', 'two')
  await ask('p', 'call', 'copy', 'row', 'more')
}

async function check(ask: Ask): Promise<void> {
  for (const [name, value] of Object.entries(expected)) {
    assert.deepEqual(await ask('p', 'call', name, 'read'), value, name)
  }
  for (const name of ['kept', 'copy']) {
    const deep = await ask('p', 'call', name, 'readInner', 'deep')
    assert.deepEqual(deep, { keys: { d: 2 }, rows: [] }, name)
  }
  // A name that was never used gets a number that was never used.
  assert.deepEqual(await ask('p', 'call', 'new', 'read'), { keys: {}, rows: [] })
}

test('[FC6] [FC7] facets, their deletion and their copies survive a killed process, and a stopped one', async () => {
  const folder = join(root, 'killed')
  const killed = await startSluice({ project, data: folder })
  try {
    await fill(askAt(killed.url))
  } finally {
    await killed.kill()
  }
  {
    await using second = await startSluice({ project, data: folder })
    await check(askAt(second.url))
  }
  await using third = await startSluice({ project, data: folder })
  await check(askAt(third.url))
})

test('[FC6] [FC7] small segments of the log are dropped around facets and copies', async () => {
  const options = { data: join(root, 'segments'), logSegmentBytes: 32_768 }
  {
    await using running = await start(options)
    await fill(running.ask)
    const text = 'x'.repeat(2000)
    for (let i = 0; i < 100; i += 1) await running.ask(`other${i % 7}`, 'call', 'f', 'row', text)
    await check(running.ask)
  }
  await using running = await start(options)
  await check(running.ask)
})

test('[FC9] the tools verify, list and dump facets, and import those of the reference', async () => {
  const folder = join(root, 'tools')
  {
    await using running = await start({ data: folder })
    await fill(running.ask)
  }
  const verified = data('verify', folder)
  assert.equal(verified.code, 0, verified.err)
  const list = data('list', folder, '--json').out.trim().split('\n')
  const facets = list.map((line) => JSON.parse(line) as Listed).filter(({ facet }) => facet)
  const kept = facets.find(({ facet }) => facet === 'kept')
  assert.ok(kept)
  const deep = facets.filter(({ facet }) => facet === 'deep')
  assert.ok(deep.some(({ parent }) => parent === kept.id))
  assert.match(
    data('list', folder).out,
    new RegExp(`${kept.id} facet "kept" of ${kept.parent}$`, 'm'),
  )
  const dumped = data('dump', folder, `Parent/${kept.id}`, '--json')
  assert.equal(dumped.code, 0, dumped.err)
  assert.deepEqual((JSON.parse(dumped.out) as { keys: unknown }).keys, [
    { key: 'k', value: 1 },
    { key: 'later', value: 'x' },
  ])

  const disk = join(root, 'disk')
  {
    await using workerd = await startWorkerd({ project, data: disk })
    await fill(askAt(workerd.url))
    await check(askAt(workerd.url))
  }
  const target = join(root, 'imported')
  const imported = data('import', disk, '--data', target)
  assert.equal(imported.code, 0, imported.err)
  assert.match(imported.out, /^facets among them: \d+$/m)
  assert.equal(data('verify', target).code, 0)
  await using ours = await start({ data: target })
  await check(ours.ask)
})

interface Listed {
  readonly id: string
  readonly facet?: string
  readonly parent?: string
}

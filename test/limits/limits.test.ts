import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createRuntime, type Runtime, type RuntimeOptions } from '../../src/sluice/index.ts'

const project = fileURLToPath(new URL('program/', import.meta.url))

type Ask = (className: 'Sql' | 'Kv', method: string, ...values: unknown[]) => Promise<unknown>

function askOf(runtime: Runtime): Ask {
  return async (className, method, ...values) => {
    const body = JSON.stringify({ className, method, values })
    const response = await runtime.fetch('http://x/', { method: 'POST', body })
    return await response.json()
  }
}

async function withRuntime(
  options: RuntimeOptions,
  act: (ask: Ask, runtime: Runtime) => Promise<void>,
): Promise<void> {
  const runtime = await createRuntime({ project, ...options })
  try {
    await act(askOf(runtime), runtime)
  } finally {
    await runtime.close()
  }
}

test('[LM1] without limits of production, only those of the local reference are there', () =>
  withRuntime({}, async (ask) => {
    for (const className of ['Sql', 'Kv'] as const) {
      assert.equal(await ask(className, 'key', 3000), null)
      assert.equal(await ask(className, 'value', 3_000_000), null)
      assert.deepEqual(await ask(className, 'pairs', 300), [null, 300, 300])
    }
    assert.equal(
      await ask('Sql', 'value', 9_000_000),
      'Error: string or blob too big: SQLITE_TOOBIG',
    )
    assert.equal(await ask('Sql', 'functionOf', 127), 1)
  }))

test('[LM2] production: keys, values and pairs of a class without SQL', () =>
  withRuntime({ limits: 'production' }, async (ask) => {
    assert.equal(await ask('Kv', 'key', 2048), null)
    assert.equal(
      await ask('Kv', 'key', 2049),
      'RangeError: Keys cannot be larger than 2048 bytes. A key of size 2049 was provided.',
    )
    assert.equal(await ask('Kv', 'value', 131_072 + 34), null)
    assert.equal(
      await ask('Kv', 'value', 131_072 + 35),
      'RangeError: Values cannot be larger than 131072 bytes. A value of size 131107 was provided.',
    )
    assert.deepEqual(await ask('Kv', 'pairs', 128), [null, 128, 128])
    const refused = 'RangeError: Maximum number of key value pairs is 128. 129 pairs were provided.'
    assert.deepEqual(await ask('Kv', 'pairs', 129), [refused, refused, refused])
  }))

test('[LM3] production: rows, pairs, arguments and the database of a class with SQL', () =>
  withRuntime({ limits: 'production', databaseBytesMax: 1_000_000 }, async (ask) => {
    const tooBig = 'Error: string or blob too big: SQLITE_TOOBIG'
    assert.equal(await ask('Sql', 'key', 3000), null)
    assert.equal(await ask('Sql', 'value', 2_000_001), tooBig)
    assert.equal(await ask('Sql', 'row', 2_000_001), tooBig)
    assert.match(
      String((await ask('Sql', 'pairs', 129)) as string[]),
      /Maximum number of key value/,
    )
    assert.equal(await ask('Sql', 'functionOf', 32), 1)
    assert.match(String(await ask('Sql', 'functionOf', 33)), /too many arguments on function max/)
    const full = 'Error: database or disk is full: SQLITE_FULL'
    assert.equal(await ask('Sql', 'fill', 400_000), null)
    assert.equal(await ask('Sql', 'value', 900_000), full)
    // What was refused has cost nothing but itself.
    assert.equal(await ask('Sql', 'value', 100_000), null)
    assert.equal(await ask('Sql', 'row', 900_000), full)
  }))

test('[LM4] an object that computes for too long after an event is reset, its turn undone', () =>
  withRuntime({ cpuLimitMs: 2000 }, async (ask) => {
    assert.equal(await ask('Sql', 'note', 'kept'), null)
    assert.equal(await ask('Sql', 'compute', 1100), null)
    assert.equal(await ask('Sql', 'note', 'kept'), null)
    // Each event has all of the time.
    assert.equal(await ask('Sql', 'compute', 1100), null)
    assert.equal(await ask('Sql', 'note', 'kept'), null)
    assert.equal(
      await ask('Sql', 'compute', 2500),
      'Error: Durable Object exceeded its CPU time limit and was reset.',
    )
    assert.deepEqual(await ask('Sql', 'notes'), [null, 'kept'])
  }))

for (const shard of ['thread', 'process'] as const) {
  test(`[LM5] a turn that never ends ends its shard, a ${shard}, with a line that names the object`, () => {
    const child = spawnSync(
      process.execPath,
      [fileURLToPath(new URL('stuck.ts', import.meta.url)), project, shard],
      { encoding: 'utf8', timeout: 50_000 },
    )
    assert.equal(child.status, 0, child.stderr)
    assert.match(
      child.stderr,
      /^sluice: Cannot go on: code of Sql "x" has run for \d+ ms without an end, 1000 ms are allowed; its shard is ended/m,
    )
    assert.match(child.stdout, /^ended: the shard's|^ended: Cannot go on/m)
  })
}

test('[LM6] limits that are none are refused before anything starts', async () => {
  await assert.rejects(createRuntime({ project, limits: 'hosted' as 'production' }), {
    name: 'ConfigError',
    message: "Cannot use the limits 'hosted': 'reference' or 'production' was wanted",
  })
  await assert.rejects(createRuntime({ project, cpuLimitMs: 0 }), {
    message: 'Cannot use the cpuLimitMs 0: a number above 0 was wanted',
  })
  const bin = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
  const { status, stderr } = spawnSync(
    process.execPath,
    [bin, 'serve', project, '--limits', 'all'],
    {
      encoding: 'utf8',
      timeout: 30_000,
    },
  )
  assert.equal(status, 1)
  assert.equal(stderr, "sluice: --limits is 'all', reference or production was wanted\n")
})

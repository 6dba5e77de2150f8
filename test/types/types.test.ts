// Programs written with the types of Cloudflare, and with ours: both compile, and run as they are.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createRuntime } from '../../src/sluice/index.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))

const sets = [
  ['@cloudflare/workers-types', 'tsconfig.cloudflare.json'],
  ['our own', 'tsconfig.sluice.json'],
  ['sluice/workers', 'tsconfig.alone.json'],
] as const
for (const [types, config] of sets) {
  test(`a program compiles with the types of ${types}, and what is wrong in it does not`, () => {
    const { status, stdout } = spawnSync(tsc, ['-p', here + config], { encoding: 'utf8' })
    assert.equal(stdout, '')
    assert.equal(status, 0)
  })
}

test('a program written with the types of Cloudflare runs', async (t) => {
  const runtime = await createRuntime({ project: `${here}project` })
  t.after(() => runtime.close())
  const response = await runtime.fetch('http://localhost/')
  assert.deepEqual(await response.json(), {
    texts: ['first', 'second'],
    rows: [
      { id: 1, text: 'first' },
      { id: 2, text: 'second' },
    ],
    raw: [
      [1, 'first'],
      [2, 'second'],
    ],
    keys: ['b', 'a', '1 2 true 0'],
    syncKeys: [['k', { nested: [1] }]],
    transactions: [1, 2, -1],
    rung: true,
    called: 4,
    name: 'one',
    same: true,
    unique: true,
    fetched: { method: 'POST', body: 'text', greeting: 'hello' },
    env: 'hello',
    forgotten: true,
  })
})

test('its sockets answer', async (t) => {
  const runtime = await createRuntime({ project: `${here}project` })
  t.after(() => runtime.close())
  const { url } = await runtime.listen()
  const socket = new WebSocket(`${url.replace('http', 'ws')}/room`)
  const heard: unknown[] = []
  await new Promise((resolve, reject) => {
    socket.addEventListener('error', reject)
    socket.addEventListener('message', ({ data }) => {
      heard.push(data)
      if (heard.length === 2) resolve(undefined)
    })
    socket.addEventListener('open', () => {
      socket.send('hello')
      socket.send('again')
    })
  })
  socket.close(1000)
  assert.deepEqual(heard, ['["hello",1,["guest"],true]', '["again",2,["guest"],true]'])
})

test('a program that imports sluice/workers runs', async (t) => {
  const runtime = await createRuntime({ project: `${here}alone` })
  t.after(() => runtime.close())
  const response = await runtime.fetch('http://localhost/')
  assert.deepEqual(await response.json(), [1, 3, 6])
})

// Programs written with the types of Cloudflare, and with ours: both compile, and run as they are.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createRuntime } from '../../src/sluice/index.ts'
import { readExpected } from '../conformance/corpus.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')
const tsc = join(root, 'node_modules/.bin/tsc')

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

// What programs do not name, or only of classes that Node's types have.
const untyped = new Set(['DurableObjectStub.connect', 'ExecutionContext.abort'])
const typed = [
  'DurableObjectState',
  'DurableObjectStorage',
  'DurableObjectTransaction',
  'SqlStorage',
  'SqlStorageCursor',
  'SyncKvStorage',
  'DurableObjectNamespace',
  'DurableObjectId',
  'DurableObjectStub',
  'DurableObjectFacets',
  'WebSocketPair',
  'WebSocketRequestResponsePair',
  'AlarmInvocationInfo',
]

test('our own types have every member of the reference', (t) => {
  const generics = new Map([['SqlStorageCursor', '<Record<string, SqlStorageValue>>']])
  const lines = Object.entries(readExpected('surface')).flatMap(([key, members]) => {
    const [, type = ''] = key.split(' ')
    if (!typed.includes(type)) return []
    return Object.keys(members as object)
      .filter((name) => !name.startsWith('Symbol.') && !untyped.has(`${type}.${name}`))
      .map((name) => `${type}${generics.get(type) ?? ''}['${name}'],`)
  })
  assert.ok(lines.length > 60)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-types-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'members.ts'), `export type Members = [${lines.join('\n')}]`)
  const include = [join(folder, '*.ts'), join(root, 'types/*.d.ts')]
  const compilerOptions = { typeRoots: [join(root, 'node_modules/@types')] }
  const extended = `${here}tsconfig.sluice.json`
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: extended, compilerOptions, include }),
  )
  const { status, stdout } = spawnSync(tsc, ['-p', folder], { encoding: 'utf8' })
  assert.equal(stdout, '')
  assert.equal(status, 0)
})

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

// How long an object stays in memory for its streams, inline, with a short idle time.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { serveHttp } from '../../src/server/index.ts'
import { createRuntime, type Runtime } from '../../src/sluice/index.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sluice-lifetime-'))
let runtime: Runtime

before(async () => {
  runtime = await createRuntime({ project, data: join(folder, 'data'), idleMs: 200 })
})
after(async () => {
  await runtime.close()
  rmSync(folder, { recursive: true, force: true })
})

function callFor(name: string, method: string, ...values: unknown[]): Promise<Response> {
  const query = new URLSearchParams({ name, values: JSON.stringify(values) })
  return runtime.fetch(`http://localhost/call/${method}?${query}`)
}

async function askFor(name: string, method: string): Promise<unknown> {
  return (await callFor(name, method)).json()
}

test('[SM8] an object stays in memory while its stream is open, however slowly it is read', async () => {
  const instance = await askFor('slow', 'getInstance')
  const { body } = await callFor('slow', 'slow', 1)
  assert.ok(body !== null)
  const reader = body.getReader()
  let text = ''
  for (let read = 0; read < 3; read += 1) {
    const { value } = await reader.read()
    text += Buffer.from(value ?? []).toString()
    // The sweep runs each second.
    await delay(2500)
    assert.equal(await askFor('slow', 'getInstance'), instance)
  }
  assert.deepEqual(text.trim().split(' '), [instance, instance, instance])
  assert.equal((await reader.read()).done, true)
  await delay(2500)
  assert.notEqual(await askFor('slow', 'getInstance'), instance)
})

test('[SM8] a stream that its reader drops is cancelled', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Not read at all, read in part; neither is cancelled.
  const start = async (name: string, reads: number): Promise<void> => {
    const { body } = await callFor(name, 'slow', 1)
    const reader = body?.getReader()
    for (let read = 0; read < reads; read += 1) await reader?.read()
  }
  await Promise.all([start('unread', 0), start('dropped', 1)])
  await runtime.fetch('http://localhost/run/dropWritable?kind=writable')
  const lost = { name: 'Error', message: 'Network connection lost.', retryable: true }
  for (const name of ['unread', 'dropped', 'writable']) {
    let log: unknown[] = []
    for (let attempt = 0; attempt < 100 && log.length === 0; attempt += 1) {
      collect()
      await delay(20)
      log = (await askFor(name, 'takeLog')) as unknown[]
    }
    const ended = {
      ...lost,
      message:
        'WritableStream received over RPC was disconnected because the remote execution context has ended.',
    }
    assert.deepEqual(log, [name === 'writable' ? ended : lost], name)
  }
})

test('[SM8] closing a server cuts off the streams that do not end in time', async () => {
  const endless = { kind: 'source', source: { read: () => {}, cancel: () => {} } } as const
  const server = await serveHttp(
    {
      handle: (_message, reply) => {
        const headers: [string, string][] = []
        const head = { status: 200, statusText: '', url: '', redirected: false }
        reply({ ...head, headers, body: endless })
      },
    },
    { host: '127.0.0.1', port: 0, drainMs: 100 },
  )
  const response = await fetch(`http://127.0.0.1:${server.port}/`)
  const read = assert.rejects(response.text(), TypeError)
  await server.close()
  await read
})

test('[SM11] where a body ends with its connection, a stream that fails resets it', async () => {
  const failing = {
    kind: 'source',
    source: {
      read: (callback: (piece: { kind: 'error'; error: unknown }) => void) =>
        callback({ kind: 'error', error: new Error('x') }),
      cancel: () => {},
    },
  } as const
  const server = await serveHttp(
    {
      handle: (_message, reply) =>
        reply({
          ...{ status: 200, statusText: '', url: '', redirected: false },
          headers: [],
          body: failing,
        }),
    },
    { host: '127.0.0.1', port: 0 },
  )
  const client = connect(server.port, '127.0.0.1')
  client.write('GET / HTTP/1.0\r\n\r\n')
  const error = await new Promise<Error>((resolve, reject) => {
    client.on('error', resolve)
    client.on('end', () => reject(new Error('it ended as if complete')))
    client.resume()
  })
  assert.match(error.message, /ECONNRESET/)
  await server.close()
})

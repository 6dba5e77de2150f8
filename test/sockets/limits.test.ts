// What an object's sockets may do, and for how long; and what older compatibility dates change.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createRuntime, type Runtime } from '../../src/sluice/index.ts'
import { openClient } from './client.ts'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const program = `
import { DurableObject } from 'cloudflare:workers'
const never = new Promise(() => {})
export class Room extends DurableObject {
  async fetch(request) {
    const [client, server] = Object.values(new WebSocketPair())
    this.ctx.acceptWebSocket(server)
    this.ctx.setHibernatableWebSocketEventTimeout(100)
    return new Response(null, { status: 101, webSocket: client })
  }
  async webSocketMessage(socket, message) {
    if (message.startsWith('close ')) return socket.close(4000, 'x'.repeat(Number(message.slice(6))))
    if (message !== 'hang') return socket.send('echo ' + message)
    this.ctx.storage.kv.put('before', true)
    socket.send('hanging')
    await never
  }
  hang() { return never }
  stored() { return [...this.ctx.storage.kv.list()].map(([key]) => key) }
  accept(count) {
    this.pairs ??= []
    for (let i = 0; i < count; i += 1) {
      const pair = new WebSocketPair()
      pair[0].accept()
      pair[1].accept()
      this.pairs.push(pair)
    }
  }
  hibernate(count) {
    for (let i = 0; i < count; i += 1) this.ctx.acceptWebSocket(new WebSocketPair()[0])
  }
  // The other end answers by itself, and the connection is over.
  async end(count) {
    for (const pair of this.pairs.splice(0, count)) {
      const closed = new Promise((resolve) => pair[0].addEventListener('close', resolve))
      pair[0].close(1000)
      await closed
    }
  }
  dispatch() {
    const heard = []
    const { 0: socket } = new WebSocketPair()
    socket.addEventListener('message', () => { throw new Error('first') })
    socket.addEventListener('message', () => heard.push('second'))
    try { socket.dispatchEvent(new Event('message')) } catch (error) { heard.push(error.message) }
    return heard
  }
}
const answer = async (act) => Response.json(await act().catch(({ name, message, ...rest }) => ({ name, message, ...rest })) ?? null)
export default {
  async fetch(request, { ROOM }) {
    const { pathname, searchParams } = new URL(request.url)
    const room = ROOM.getByName(searchParams.get('room'))
    if (request.headers.has('upgrade')) return room.fetch(request)
    const count = Number(searchParams.get('count') ?? 0)
    return answer(() => room[pathname.slice(1)](count))
  },
}`

async function start(compatibilityDate: string): Promise<Runtime & AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-limits-'))
  folders.push(folder)
  writeFileSync(join(folder, 'room.js'), program)
  writeFileSync(
    join(folder, 'wrangler.json'),
    JSON.stringify({
      main: 'room.js',
      compatibility_date: compatibilityDate,
      durable_objects: { bindings: [{ name: 'ROOM', class_name: 'Room' }] },
    }),
  )
  const runtime = await createRuntime({ project: folder })
  return Object.assign(runtime, { [Symbol.asyncDispose]: () => runtime.close() })
}

async function ask(runtime: Runtime, path: string): Promise<unknown> {
  return (await runtime.fetch(`http://localhost/${path}`)).json()
}

test('[WS21] a socket handler over the event timeout resets its object, and every call fails with the reason', async () => {
  await using runtime = await start('2026-11-01')
  const { url } = await runtime.listen()
  const client = await openClient(`${url}/?room=slow`)
  const call = ask(runtime, 'hang?room=slow')
  client.send('hang')
  assert.equal(await client.next(), 'hanging')
  assert.deepEqual(await call, {
    name: 'Error',
    message: 'Actor exceeded event execution time and was disconnected.',
    retryable: true,
    durableObjectReset: true,
  })
  assert.equal((await client.closed).code, 1006)
  // What was confirmed is kept, and the next event finds a new instance.
  assert.deepEqual(await ask(runtime, 'stored?room=slow'), ['before'])
  const quick = await openClient(`${url}/?room=quick`)
  assert.equal(await quick.ask('a'), 'echo a')
})

test('[WS22] an object has at most 32,768 accepted sockets and as many hibernatable ones, and those that are over do not count', async () => {
  await using runtime = await start('2026-11-01')
  assert.equal(await ask(runtime, 'accept?room=full&count=16384'), null)
  const refused = (await ask(runtime, 'accept?room=full&count=1')) as { message: string }
  assert.equal(
    refused.message,
    'only 32768 non-hibernatable websockets can be open on a single Durable Object instance',
  )
  assert.equal(await ask(runtime, 'end?room=full&count=10'), null)
  assert.equal(await ask(runtime, 'accept?room=full&count=10'), null)
  assert.equal(await ask(runtime, 'accept?room=other&count=1'), null)
  // Hibernatable ones are counted by themselves.
  assert.equal(await ask(runtime, 'hibernate?room=full&count=32768'), null)
  const more = (await ask(runtime, 'hibernate?room=full&count=1')) as { message: string }
  assert.equal(
    more.message,
    'only 32768 websockets can be accepted on a single Durable Object instance',
  )
})

test('[WS23] before their compatibility dates long close reasons pass, and a listener that throws is the last', async () => {
  await using older = await start('2026-03-01')
  await using newer = await start('2026-11-01')
  assert.deepEqual(await ask(older, 'dispatch?room=a'), ['first'])
  assert.deepEqual(await ask(newer, 'dispatch?room=a'), ['second', 'first'])
  const { url } = await older.listen()
  const fits = await openClient(`${url}/?room=fits`)
  fits.send('close 123')
  assert.deepEqual(await fits.closed, { code: 4000, reason: 'x'.repeat(123) })
  const long = await openClient(`${url}/?room=long`)
  long.send('close 124')
  assert.equal((await long.closed).code, 1006)
  // The server is not harmed.
  const after = await openClient(`${url}/?room=long`)
  assert.equal(await after.ask('b'), 'echo b')
})

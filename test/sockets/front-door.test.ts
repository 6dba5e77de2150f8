// WebSockets over the real command line, with a real client.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RunningServer } from '../workerd/running-server.ts'
import { startSluice } from '../workerd/sluice.ts'
import { type Client, openClient } from './client.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sluice-sockets-'))
let server: RunningServer
let roomCount = 0

before(async () => {
  server = await startSluice({ project, data: join(folder, 'data') })
})
after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const newRoom = (): string => `room${++roomCount}`
const open = (room: string, query: string): Promise<Client> =>
  openClient(`${server.url}/${room}?${query}`)

async function call(room: string, method: string): Promise<unknown> {
  const response = await fetch(`${server.url}/call/${room}/${method}`)
  assert.equal(response.status, 200)
  return response.json()
}

/** Waits until the room has heard something; its last line is returned. */
async function untilHeard(room: string, start: string): Promise<string> {
  for (;;) {
    const log = (await call(room, 'read')) as string[]
    const line = log.findLast((each) => each.startsWith(start))
    if (line !== undefined) return line
    await delay(20)
  }
}

/** Sends bytes to the server and returns the first that it answers. */
async function rawAnswer(request: string): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  // Not its end: a client that closes its side may as well be gone.
  socket.write(request)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

const both = ['accept', 'hibernate'] as const

for (const kind of both) {
  test(`[WS13] worker and stub pass the socket on, with protocol and headers (${kind})`, async () => {
    const room = newRoom()
    const { promise: head, resolve } = Promise.withResolvers<Record<string, unknown>>()
    const url = `${server.url}/${room}?kind=${kind}`
    const opening = openClient(url, ['chat', 'better-chat'], {
      finishRequest: (request) => {
        request.on('upgrade', (response) => resolve(response.headers))
        request.end()
      },
    })
    const client = await opening
    assert.equal(client.socket.protocol, 'better-chat')
    assert.equal((await head)['x-room'], `/${room}`)
    assert.equal(await client.ask('echo héllo'), 'héllo')
    client.socket.terminate()
  })

  test(`[WS4] a message waits for the critical section (${kind})`, async () => {
    const room = newRoom()
    const client = await open(room, `kind=${kind}`)
    client.send('section')
    client.send('echo done')
    assert.equal(await client.next(), 'done')
    assert.deepEqual(await call(room, 'read'), ['section', 'section ends', 'echo'])
    client.socket.terminate()
  })

  test(`[WS10] the next message is delivered after the synchronous part of the handler (${kind})`, async () => {
    const client = await open(newRoom(), `kind=${kind}`)
    client.send('slow')
    client.send('echo fast')
    assert.equal(await client.next(), 'slow began')
    assert.equal(await client.next(), 'fast')
    assert.equal(await client.next(), 'slow ended')
    client.socket.terminate()
  })

  test(`[WS12] the object closes, and hears the client's Close frame (${kind})`, async () => {
    const room = newRoom()
    const client = await open(room, `kind=${kind}`)
    client.send('close 4001 bye')
    assert.deepEqual(await client.closed, { code: 4001, reason: 'bye' })
    assert.equal(await untilHeard(room, 'close '), 'close 4001 bye true')
    const bare = await open(room, `kind=${kind}`)
    bare.send('closeBare')
    assert.deepEqual(await bare.closed, { code: 1005, reason: '' })
  })

  test(`[WS12] a connection that is cut off is closed with 1006 (${kind})`, async () => {
    const room = newRoom()
    const client = await open(room, `kind=${kind}`)
    assert.equal(await client.ask('echo x'), 'x')
    client.socket.terminate()
    assert.equal(
      await untilHeard(room, 'close '),
      'close 1006 WebSocket disconnected without sending Close frame. false',
    )
  })

  test(`[WS17] binary frames arrive whole, and are copied when they are sent (${kind})`, async () => {
    const client = await open(newRoom(), `kind=${kind}`)
    client.send('binary')
    assert.deepEqual(await client.next(), Buffer.from([1, 2, 3]))
    const large = Buffer.alloc(3_000_000, 7)
    client.send(large)
    client.send(Buffer.from([5]))
    assert.ok(large.equals((await client.next()) as Buffer))
    assert.deepEqual(await client.next(), Buffer.from([5]))
    client.socket.terminate()
  })

  test(`[WS17] a client that breaks the protocol is told, and so is the object (${kind})`, async () => {
    const room = newRoom()
    const client = await open(room, `kind=${kind}`)
    assert.equal(await client.ask('echo x'), 'x')
    // A frame of a kind that does not exist, masked.
    Reflect.get(client.socket, '_socket').write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]))
    assert.equal((await client.closed).code, 1002)
    assert.match(await untilHeard(room, 'error '), /WebSocket protocol error.*statusCode = 1002/)
  })

  test(`[WS17] a message may have 32 MiB and no more (${kind})`, async () => {
    const room = newRoom()
    const client = await open(room, `kind=${kind}`)
    client.send(Buffer.alloc(32 * 1024 * 1024))
    assert.equal((await client.next()).length, 32 * 1024 * 1024)
    client.send(Buffer.alloc(32 * 1024 * 1024 + 1))
    assert.equal((await client.closed).code, 1009)
    assert.match(await untilHeard(room, 'error '), /statusCode = 1009/)
  })

  test(`[WS17] a ping is answered, whatever the object does (${kind})`, async () => {
    const client = await open(newRoom(), `kind=${kind}`)
    client.send('section')
    client.socket.ping('are you there')
    const [payload] = await once(client.socket, 'pong')
    assert.equal(String(payload), 'are you there')
    client.socket.terminate()
  })

  test(`[WS16] a client that does not read is cut off, and its object lives on (${kind})`, async () => {
    const room = newRoom()
    const client = await open(room, `kind=${kind}`)
    const made = await call(room, 'made')
    client.socket.pause()
    // Each in a turn of its own, so that what one turn sends may be more than the limit.
    for (let i = 0; i < 80; i += 1) client.send('flood 1 1000000')
    assert.match(await untilHeard(room, 'close '), /^close 1006 /)
    assert.equal(await call(room, 'made'), made)
    client.socket.terminate()
  })
}

test('[WS4] what arrives at a socket accepted in a critical section arrives inside of it', async () => {
  const room = newRoom()
  const client = await open(room, 'kind=section')
  assert.equal(await client.ask('echo x'), 'x')
  assert.deepEqual(await call(room, 'read'), ['inside', 'section ends', 'echo'])
  client.socket.terminate()
})

test('[WS12] an accepted socket answers a Close frame by itself', async () => {
  const room = newRoom()
  const client = await open(room, 'kind=accept')
  client.socket.close(3005, 'bye')
  assert.deepEqual(await client.closed, { code: 3005, reason: 'bye' })
  assert.equal(await untilHeard(room, 'close '), 'close 3005 bye true')
})

test('[WS12] a hibernatable or half-open socket leaves the answer to its object', async () => {
  for (const kind of ['hibernate', 'half-open']) {
    const room = newRoom()
    const client = await open(room, `kind=${kind}`)
    client.socket.close(3005, 'bye')
    assert.equal(await untilHeard(room, 'close '), 'close 3005 bye true')
    await delay(100)
    assert.equal(client.socket.readyState, client.socket.CLOSING)
    client.socket.terminate()
  }
  const room = newRoom()
  const client = await open(room, 'kind=hibernate')
  await call(room, 'answerCloses')
  client.socket.close(3005, 'bye')
  assert.deepEqual(await client.closed, { code: 4000, reason: 'answered' })
  assert.equal(await untilHeard(room, 'answered'), 'answered 3005')
})

test('[WS7] a listener that throws fails its socket; a handler of a hibernatable one does not', async () => {
  const room = newRoom()
  const accepted = await open(room, 'kind=accept')
  // An asynchronous listener has returned before it fails.
  accepted.send('throw')
  assert.equal(await accepted.ask('echo x'), 'x')
  accepted.send('throw at once')
  assert.equal((await accepted.closed).code, 1006)
  assert.equal(await untilHeard(room, 'error '), 'error Uncaught Error: on purpose')
  const hibernatable = await open(newRoom(), 'kind=hibernate')
  hibernatable.send('throw')
  assert.equal(await hibernatable.ask('echo x'), 'x')
  hibernatable.socket.terminate()
})

test('[WS13] an answer without a socket to a request for one is an ordinary response', async () => {
  await assert.rejects(open(newRoom(), 'refuse'), { message: '403 not today' })
})

test('[WS13] a socket for a request that did not ask, or with a bad head, is an error', async () => {
  const response = await fetch(`${server.url}/not-asked`)
  assert.equal(response.status, 500)
  await assert.rejects(openClient(`${server.url}/injected`), { message: /^500 / })
})

test('[WS13] a handshake that no client should send is refused', async () => {
  const head =
    'GET /x?kind=accept HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  const version = 'Sec-WebSocket-Version: 13\r\n'
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  const old = await rawAnswer(`${head}${key}Sec-WebSocket-Version: 12\r\n\r\n`)
  assert.match(old, /^HTTP\/1.1 426 [^]*sec-websocket-version: 13/)
  assert.match(await rawAnswer(`${head}${version}\r\n`), /^HTTP\/1.1 400 /)
  assert.match(await rawAnswer(`${head}${version}Sec-WebSocket-Key: x\r\n\r\n`), /^HTTP\/1.1 400 /)
})

test('[WS13] a wish for another protocol is ignored', async () => {
  const answer = await rawAnswer(
    'GET /open HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
  )
  assert.match(answer, /^HTTP\/1.1 200 /)
})

test('[WS20] new WebSocket(url) is refused, since it is not supported yet', async () => {
  const response = await fetch(`${server.url}/open`)
  assert.match(
    await response.text(),
    /^Cannot open a WebSocket: new WebSocket\(url\) is not supported/,
  )
  assert.equal(typeof WebSocket, 'function')
})

test('[WS8] sockets, tags, attachments and auto-response outlive the instance', async () => {
  const room = newRoom()
  const first = await open(room, 'kind=hibernate&tag=first&auto')
  const second = await open(room, 'kind=hibernate&tag=second&tag=even')
  first.send('attach remember')
  assert.equal(await first.ask('ping'), 'pong')
  const instance = await first.ask('instance')
  await fetch(`${server.url}/evict/${room}`)
  // Answered without an instance.
  assert.equal(await first.ask('ping'), 'pong')
  assert.deepEqual(JSON.parse(await first.ask('state')), {
    attachment: { text: 'remember' },
    tags: ['first'],
    open: 2,
    tagged: 1,
    auto: 'pong',
    stamped: true,
  })
  assert.notEqual(await second.ask('instance'), instance)
  first.socket.close(1000)
  assert.equal(await untilHeard(room, 'close '), 'close 1000  true')
  second.socket.terminate()
})

test('[WS8] an object may leave memory and disconnect its sockets', async () => {
  const room = newRoom()
  const client = await open(room, 'kind=hibernate')
  await fetch(`${server.url}/evict/${room}?webSockets=close`)
  assert.equal((await client.closed).code, 1006)
})

test('[WS6] code of another object cannot send by a socket', async () => {
  const client = await open(newRoom(), 'kind=hibernate')
  client.send('stray')
  assert.equal(await client.ask('echo x'), 'x')
  assert.match(
    String(await call(newRoom(), 'useStolen')),
    /^Cannot perform I\/O on behalf of a different Durable Object\./,
  )
  client.socket.terminate()
})

test('[WS18] a server that stops says so to every client and waits for none', async () => {
  const stopping = await startSluice({ project, data: join(folder, 'stopping') })
  const accepted = await openClient(`${stopping.url}/a?kind=accept`)
  const hibernatable = await openClient(`${stopping.url}/a?kind=hibernate`)
  const deaf = await openClient(`${stopping.url}/a?kind=hibernate`)
  const stream = Reflect.get(deaf.socket, '_socket') as Socket
  stream.pause()
  await stopping.stop()
  assert.deepEqual(await accepted.closed, { code: 1001, reason: '' })
  assert.deepEqual(await hibernatable.closed, { code: 1001, reason: '' })
  stream.destroy()
})

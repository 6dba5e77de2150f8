// Frames wait at the output gate: the real command line with each confirm 1000 ms late, a real client.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RunningServer } from '../workerd/running-server.ts'
import { startSluice } from '../workerd/sluice.ts'
import { type Client, openClient } from './client.ts'

const confirmDelayMs = 1000
const heldMsMin = confirmDelayMs - 5
const freeMsMax = 800

const project = fileURLToPath(new URL('program', import.meta.url))
const data = mkdtempSync(join(tmpdir(), 'sluice-frames-'))
let server: RunningServer
let roomCount = 0

before(async () => {
  server = await startSluice({ project, data, confirmDelayMs })
})
after(async () => {
  await server.stop()
  rmSync(data, { recursive: true, force: true })
})

const newRoom = (): string => `room${++roomCount}`

/** A socket of a room that is awake already. */
async function open(query: string, path = ''): Promise<Client> {
  const client = await openClient(`${server.url}/${path}${newRoom()}?${query}`)
  assert.equal(await client.ask('echo awake'), 'awake')
  return client
}

/** How long after the time in the next message it arrived. */
async function ageOfNext(client: Client): Promise<number> {
  const at = Number(await client.next())
  return Date.now() - at
}

const ways = {
  'an accepted socket': ['kind=accept', ''],
  'a hibernatable socket': ['kind=hibernate', ''],
  'an accepted socket behind another object': ['kind=accept&via=pass', ''],
  'a hibernatable socket that another object reads and writes': ['kind=hibernate&via=join', ''],
  'an accepted socket that the worker reads and writes': ['kind=accept', 'join/'],
  'a hibernatable socket that the worker reads and writes': ['kind=hibernate', 'join/'],
} as const

for (const [name, [query, path]] of Object.entries(ways)) {
  test(`[WS1] of two frames only the one behind the write is held: ${name}`, async () => {
    const client = await open(query, path)
    client.send('writeBetween')
    const [first, second] = [await ageOfNext(client), await ageOfNext(client)]
    assert.ok(first < freeMsMax, `the first left ${first} ms after it was sent`)
    assert.ok(second >= heldMsMin, `the second left ${second} ms after the write`)
    client.socket.terminate()
  })

  test(`[WS1] a Close frame is held: ${name}`, async () => {
    const client = await open(query, path)
    client.send('writeAndClose')
    const { code, reason } = await client.closed
    const age = Date.now() - Number(reason)
    assert.equal(code, 3000)
    assert.ok(age >= heldMsMin, `it left ${age} ms after the write`)
  })

  test(`[WS2] frames keep their order, whatever is written between them: ${name}`, async () => {
    const client = await open(query, path)
    client.send('many')
    assert.deepEqual(await client.closed, { code: 3001, reason: 'all' })
    assert.deepEqual(
      client.received,
      Array.from({ length: 20 }, (_, i) => `${i}`),
    )
  })
}

for (const kind of ['accept', 'hibernate']) {
  test(`[WS1] a frame waits for the writes before it and not for later ones (${kind})`, async () => {
    const client = await open(`kind=${kind}`)
    client.send('sendThenWriteLater')
    const age = await ageOfNext(client)
    // With the second write, 500 ms later, it would be 1,500 ms.
    assert.ok(age >= heldMsMin && age < 1400, `it left ${age} ms after the first write`)
    client.socket.terminate()
  })

  test(`[WS3] an object that is reset tells nothing of what was held (${kind})`, async () => {
    const client = await open(`kind=${kind}`)
    client.send('sendAndAbort')
    assert.equal((await client.closed).code, 1006)
    assert.deepEqual(client.received, ['not held'])
  })

  test(`[WS11] the handshake waits for the writes before it (${kind})`, async () => {
    const startedAt = Date.now()
    const client = await openClient(`${server.url}/${newRoom()}?kind=${kind}&write`)
    assert.ok(Date.now() - startedAt >= heldMsMin)
    client.socket.terminate()
  })
}

test('[WS1] what an object sends as the client of another is held', async () => {
  const response = await fetch(`${server.url}/talk/${newRoom()}`)
  assert.ok(Number(await response.text()) >= heldMsMin)
})

test('[WS9] an auto-response is not held itself, and waits behind held frames', async () => {
  const client = await open('kind=hibernate&auto')
  client.send('writeOnly')
  // The write is on its way now: an ordinary answer would wait for it.
  const askedAt = Date.now()
  assert.equal(await client.ask('ping'), 'pong')
  assert.ok(Date.now() - askedAt < freeMsMax)

  await delay(confirmDelayMs + 100)
  client.send('writeBetween')
  assert.ok((await ageOfNext(client)) < freeMsMax)
  const pingedAt = Date.now()
  client.send('ping')
  assert.ok((await ageOfNext(client)) >= heldMsMin)
  assert.equal(await client.next(), 'pong')
  assert.ok(Date.now() - pingedAt >= 300)
  client.socket.terminate()
})

// Streams of every kind, in every direction, over the real command line with each confirm delayed.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { RunningServer } from '../workerd/running-server.ts'
import { startSluice } from '../workerd/sluice.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const confirmDelayMs = 400
// Clocks are read in whole milliseconds on both sides.
const heldMsMin = confirmDelayMs - 5
// What is not held arrives this much before what is. A gate that held both would let them go at once.
const aheadMsMin = 100

interface Times {
  readonly firstAt: number
  readonly writtenAt: number
  readonly secondAt: number
}

const data = mkdtempSync(join(tmpdir(), 'sluice-streams-'))
const outside = createServer((incoming, outgoing) => void answerOutside(incoming, outgoing))
let server: RunningServer
let to: string
let brokenOffAt: number | undefined

before(async () => {
  outside.listen(0, '127.0.0.1')
  await once(outside, 'listening')
  to = `http://127.0.0.1:${(outside.address() as AddressInfo).port}/`
  server = await startSluice({ project, data, confirmDelayMs })
})
after(async () => {
  await server.stop()
  outside.closeAllConnections()
  outside.close()
  rmSync(data, { recursive: true, force: true })
})

// POST: says when the chunks came. GET: never ends, and notes when the client goes.
async function answerOutside(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  if (incoming.url === '/encoded') {
    outgoing.setHeader('content-encoding', 'gzip')
    outgoing.end(gzipSync('decoded'))
    return
  }
  if (incoming.method === 'GET') {
    outgoing.write('first')
    outgoing.on('close', () => {
      brokenOffAt = Date.now()
    })
    return
  }
  outgoing.end(JSON.stringify(await readTimes(incoming)))
}

async function readTimes(chunks: AsyncIterable<Uint8Array>): Promise<Times> {
  let text = ''
  let firstAt = 0
  for await (const chunk of chunks) {
    text += Buffer.from(chunk).toString()
    if (text === 'first') firstAt = Date.now()
  }
  return { firstAt, writtenAt: Number(text.slice('first'.length)), secondAt: Date.now() }
}

async function run<T>(scenario: string, kind = ''): Promise<T> {
  const query = new URLSearchParams({ kind, to })
  const response = await fetch(`${server.url}/run/${scenario}?${query}`)
  assert.equal(response.status, 200, `${scenario} ${kind}: ${server.stderr().slice(-2000)}`)
  return (await response.json()) as T
}

async function call<T>(name: string, method: string, ...values: unknown[]): Promise<T> {
  const query = new URLSearchParams({ name, values: JSON.stringify(values) })
  const response = await fetch(`${server.url}/call/${method}?${query}`)
  assert.equal(response.status, 200, method)
  return (await response.json()) as T
}

function assertHeld({ firstAt, writtenAt, secondAt }: Times, what: string): void {
  assert.ok(secondAt - writtenAt >= heldMsMin, `${what}: held ${secondAt - writtenAt} ms`)
  const aheadMs = secondAt - firstAt
  assert.ok(aheadMs >= aheadMsMin, `${what}: the first chunk was only ${aheadMs} ms ahead`)
}

describe('the first chunk leaves at once, the second when the write before it is confirmed', () => {
  async function forEachKind(measure: (kind: string) => Promise<Times>): Promise<void> {
    const all = await run<string[]>('kinds')
    assert.ok(all.length >= 16)
    await Promise.all(all.map(async (kind) => assertHeld(await measure(kind), kind)))
  }

  test('[SM1] [SM2] of a response over HTTP, in streams of every kind', () =>
    forEachKind(async (kind) => {
      const response = await fetch(`${server.url}/make?${new URLSearchParams({ kind })}`)
      assert.ok(response.body !== null)
      return readTimes(response.body)
    }))
  const ways = {
    response: 'a response of another object',
    result: 'an RPC result',
    argument: 'an RPC argument',
    request: 'a request to another object',
    outside: 'a request by global fetch()',
    handedOn: 'a body that an object hands on',
  }
  for (const [scenario, what] of Object.entries(ways)) {
    test(`[SM1] [SM2] of ${what}, in streams of every kind`, () =>
      forEachKind((kind) => run<Times>(scenario, kind)))
  }
})

interface Ending {
  readonly text: string
  readonly ending: unknown
  readonly firstAt: number
  readonly writtenAt: number
  readonly endedAt: number
}

test('[SM1] the end and an error leave when the write before them is confirmed', async () => {
  for (const scenario of ['endResponse', 'endResult', 'endArgument', 'endRequest']) {
    for (const how of ['end', 'error']) {
      const { text, ending, ...times } = await run<Ending>(scenario, how)
      assert.equal(text, 'first')
      const error = { name: 'RangeError', message: 'gone wrong', remote: true }
      assert.deepEqual(ending, how === 'end' ? 'end' : error)
      assertHeld({ ...times, secondAt: times.endedAt }, `${scenario} ${how}`)
    }
  }
})

test('[SM4] what is written to a stream of another object waits for the writes before it', async () => {
  for (const how of ['write', 'close', 'abort']) {
    const { log, writtenAt } = await run<{
      log: { what: unknown; at: number }[]
      writtenAt: number
    }>('writable', how)
    const [first, second, third] = log
    assert.ok(first !== undefined && second !== undefined)
    assert.equal(first.what, 'first')
    if (how === 'write') {
      assert.equal(second.what, String(writtenAt))
      assert.equal(third?.what, 'close')
    } else if (how === 'close') assert.equal(second.what, 'close')
    else assert.deepEqual(second.what, { name: 'RangeError', message: 'given up' })
    assertHeld({ firstAt: first.at, writtenAt, secondAt: second.at }, how)
  }
})

test('[SM4] a write is acknowledged when what its receiver wrote is confirmed', async () => {
  const { acknowledgedAt, writtenAt } = await run<{ acknowledgedAt: number; writtenAt: number }>(
    'acknowledge',
  )
  assert.ok(acknowledgedAt - writtenAt >= heldMsMin)
})

test('[SM1] [SM8] a cancel leaves when the write before it is confirmed, with its reason', async () => {
  for (const way of ['body', 'result']) {
    const told = await run<{ writtenAt: number; cancelled: unknown; at: number }>('cancel', way)
    assert.deepEqual(told.cancelled, { name: 'RangeError', message: 'enough' })
    assert.ok(told.at - told.writtenAt >= heldMsMin, `${way}: ${told.at - told.writtenAt} ms`)
  }
})

test('[SM9] an abort rejects here at once, and is told when the write before it is confirmed', async () => {
  brokenOffAt = undefined
  const { at, error, ms } = await run<{ at: number; error: unknown; ms: number }>('abort')
  assert.deepEqual(error, { name: 'RangeError', message: 'aborted' })
  assert.ok(ms < heldMsMin, `rejected after ${ms} ms`)
  while (brokenOffAt === undefined) await delay(5)
  assert.ok(brokenOffAt - at >= heldMsMin)
})

test('[SM9] [GL2] a signal that aborts by time does so in an event of its object', async () => {
  assert.deepEqual(await run('abortByTime'), ['not yet', 'TimeoutError'])
})

test('[SM8] [SM11] an upload that breaks off fails its reader', async () => {
  const options = { method: 'POST', headers: { 'content-length': '100' } }
  const client = request(`${server.url}/upload?name=upload`, options).on('error', () => {})
  client.write('abc')
  await call('upload', 'getInstance')
  await delay(50)
  client.destroy()
  let log: unknown[] = []
  while (log.length === 0) log = await call<unknown[]>('upload', 'takeLog')
  assert.deepEqual(log, [{ name: 'Error', message: 'Network connection lost.', retryable: true }])
})

test('[SM10] a body that was decoded on its way does not claim to be encoded', async () => {
  assert.deepEqual(await run('passOn'), [null, 'decoded'])
})

test('[SM8] a request body that the handler leaves unread is cancelled behind its answer', async () => {
  const lost = { name: 'Error', message: 'Network connection lost.', retryable: true }
  assert.deepEqual(await run('cancelRequest'), [404, lost])
})

for (const how of ['abort', 'silent abort', 'constraint']) {
  test(`[SM11] a gate that breaks amid a body (${how}) destroys the connection`, async () => {
    const response = await fetch(`${server.url}/break?${new URLSearchParams({ kind: how })}`)
    const parts: string[] = []
    await assert.rejects(async () => {
      assert.ok(response.body !== null)
      for await (const chunk of response.body) parts.push(Buffer.from(chunk).toString())
    }, TypeError)
    assert.deepEqual(parts, ['first'])
  })

  test(`[SM11] a gate that breaks amid a stream (${how}) fails its reader with the reset`, async () => {
    for (const scenario of ['breakResponse', 'breakResult']) {
      const { text, ending } = await run<Ending>(scenario, how)
      assert.equal(text, 'first')
      const { message, durableObjectReset } = ending as Record<string, unknown>
      // Of a refused commit callers are not told so, as on the reference.
      assert.equal(durableObjectReset, how === 'constraint' ? undefined : true)
      if (how !== 'constraint') assert.equal(message, 'enough')
      else assert.match(String(message), /constraints were violated/)
    }
  })
}

test('[SM5] a chunk arrives in the critical section in which it was asked for', async () => {
  assert.equal(await run('section'), 'first')
})

test('[SM8] a client that closes its connection cancels the stream, in a delivered event', async () => {
  const client = request(`${server.url}/endless?name=closing`).end()
  const [incoming] = (await once(client, 'response')) as [IncomingMessage]
  await once(incoming, 'readable')
  const held = call('closing', 'holdGate', 300)
  let log: Record<string, unknown>[] = []
  // While the section lasts, only this request's own answer could be late; the stream is not read on.
  await delay(100)
  client.destroy()
  await held
  while (!log.some((entry) => 'cancelled' in entry)) {
    log = [...log, ...(await call<Record<string, unknown>[]>('closing', 'takeLog'))]
  }
  assert.deepEqual(
    log.map((entry) => entry['section'] ?? Object.keys(entry)[0]),
    ['begins', 'ends', 'cancelled'],
  )
})

test('[SM8] a client that closes its connection before the head has come cancels the stream', async () => {
  const client = request(`${server.url}/endless?name=early`)
    .on('error', () => {})
    .end()
  await once(client, 'finish')
  client.destroy()
  let log: unknown[] = []
  while (log.length === 0) log = await call<unknown[]>('early', 'takeLog')
  assert.equal(log.length, 1)
})

// As much as sockets and pipes on the way may hold; without back-pressure there is no bound.
const buffersBytesMax = 24_000_000

test('[SM6] a client that does not read stops the pulls of the object', async () => {
  const client = request(`${server.url}/endless?name=slow-client`).end()
  const [incoming] = (await once(client, 'response')) as [IncomingMessage]
  incoming.pause()
  const pulls = await untilStable(async () => {
    const counts = await call<{ pulls: number }>('slow-client', 'getCounts')
    return counts.pulls
  })
  assert.ok(pulls > 0 && pulls * 65_536 < buffersBytesMax, `${pulls} pulls`)
  incoming.resume()
  while ((await call<{ pulls: number }>('slow-client', 'getCounts')).pulls < pulls + 50) {
    await delay(10)
  }
  client.destroy()
})

test('[SM6] an object that does not read stops a client that uploads', async () => {
  const client = request(`${server.url}/stall?name=slow-object&kind=4000`, { method: 'POST' })
  const block = Buffer.alloc(65_536)
  const total = 64_000_000
  let offered = 0
  const offer = (): void => {
    while (offered < total) {
      offered += block.byteLength
      if (!client.write(block)) {
        client.once('drain', offer)
        return
      }
    }
    client.end()
  }
  offer()
  const accepted = await untilStable(() => Promise.resolve(offered))
  assert.ok(accepted < buffersBytesMax, `${accepted} bytes`)
  const [incoming] = (await once(client, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of incoming) text += String(chunk)
  assert.equal(Number(text), offered)
})

test('[SM6] a reader that stops, stops the other object; a writer is as fast as its reader', async () => {
  const { pulls } = await run<{ pulls: number }>('readSome')
  assert.equal(pulls, 3)
  assert.equal(await run('writeSome'), 0)
})

async function untilStable(read: () => Promise<number>): Promise<number> {
  for (let last = -1; ; ) {
    const value = await read()
    if (value === last) return value
    last = value
    await delay(700)
  }
}

test('[SM10] a known length is the content-length, and no other is', async () => {
  const head = async (kind: string, extra = ''): Promise<unknown[]> => {
    const query = new URLSearchParams({ kind })
    const { headers, body } = await fetch(`${server.url}/make?${query}${extra}`)
    assert.ok(body !== null)
    await readTimes(body)
    return [headers.get('content-length'), headers.get('transfer-encoding')]
  }
  assert.deepEqual(await head('FixedLengthStream'), ['18', null])
  assert.deepEqual(await head('start()'), [null, 'chunked'])
  const answer = await fetch(`${server.url}/break?kind=abort&length=100`)
  assert.equal(answer.headers.get('content-length'), null)
  await assert.rejects(answer.text(), TypeError)
})

test('[SM3] a stream handed on waits for the writes of the object that hands it on', async () => {
  for (const way of ['body', 'result']) {
    const { text, ending, ...times } = await run<Ending>('relay', way)
    assert.deepEqual([text, ending], ['first', 'second'])
    assertHeld({ ...times, secondAt: times.endedAt }, way)
  }
})

test('[SM3] [SM11] a stream handed on fails when the object that hands it on is reset', async () => {
  for (const way of ['body', 'result']) {
    const { text, ending } = await run<Ending>('breakRelay', way)
    assert.equal(text, 'first')
    const { message, durableObjectReset } = ending as Record<string, unknown>
    assert.deepEqual([message, durableObjectReset], ['enough', true])
  }
})

test('[SM8] a client that goes on to send what nobody reads is cut off behind its answer', async () => {
  const client = request(`${server.url}/nothing?name=flood`, { method: 'POST' })
  // The cut shows as an error or not, as it meets the client's last write.
  const closed = new Promise<void>((resolve) => client.on('close', resolve).on('error', () => {}))
  const block = Buffer.alloc(65_536)
  const flood = setInterval(() => {
    if (client.writableLength < 1_000_000) client.write(block)
  }, 1)
  try {
    const [incoming] = (await once(client, 'response')) as [IncomingMessage]
    assert.equal(incoming.statusCode, 404)
    incoming.resume()
    await closed
  } finally {
    clearInterval(flood)
  }
})

test('[SM3] blob() and clone() read what is still to come', async () => {
  assert.equal(await run('blob'), 18)
  assert.deepEqual(await run('clone'), [18, 18])
})

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRuntime, type Runtime } from '../../src/sluice/index.ts'

const project = fileURLToPath(new URL('.', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sluice-objects-'))
const upstream = createServer((request, response) => {
  request.resume().on('end', () => response.end('x'.repeat(100_000)))
})
let runtime: Runtime
let upstreamUrl: string

before(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`
  runtime = await createRuntime({ project, data: join(folder, 'data'), idleMs: 200 })
})
after(async () => {
  await runtime.close()
  upstream.close()
  rmSync(folder, { recursive: true, force: true })
})

async function run(scenario: string): Promise<unknown> {
  const response = await runtime.fetch(`http://localhost/${scenario}`)
  assert.equal(response.status, 200, `${scenario}: ${response.status}`)
  return response.json()
}

test('[OB1] calls of one stub arrive in the order in which they were made', async () => {
  assert.deepEqual(
    await run('order'),
    Array.from({ length: 50 }, (_, i) => String(i)),
  )
})

test('[OB2] a constructor and its critical section are done before the first event, or reset', async () => {
  assert.deepEqual(await run('constructors'), {
    good: true,
    throws: { name: 'TypeError', message: 'not you', durableObjectReset: true },
    fails: { name: 'TypeError', message: 'not ready', durableObjectReset: true },
  })
})

test('[OB3] an idle object leaves memory and comes back with its storage', async () => {
  assert.equal(await run('increment?name=idle'), 1)
  const first = await run('instance?name=idle')
  assert.equal(await run('instance?name=idle'), first)
  // The sweep runs each second; waiting for it by asking would keep the object awake.
  await delay(2500)
  assert.notEqual(await run('instance?name=idle'), first)
  assert.equal(await run('increment?name=idle'), 2)
})

test('[OB4] [OB8] abort fails every call, undoes its turn alone, and leaves old stubs broken', async () => {
  const reset = { name: 'Error', message: 'enough', durableObjectReset: true }
  assert.deepEqual(await run('abort'), {
    aborted: reset,
    underWay: reset,
    requestUnderWay: { ...reset, remote: true },
    sameStub: reset,
    kept: 1,
    undone: null,
  })
})

test('[OB5] critical sections nest 64 deep and no deeper', async () => {
  const [deep, tooDeep] = (await run('sections')) as [string, { message: string }]
  assert.equal(deep, 'bottom')
  assert.equal(tooDeep.message, 'blockConcurrencyWhile() calls are nested too deeply.')
})

test('[OB6] what a new incarnation read of unconfirmed commits is told when they are confirmed', async () => {
  const slow = await createRuntime({ project, confirmDelayMs: 300 })
  try {
    const response = await slow.fetch('http://localhost/confirmedAfterAbort')
    const { value, afterMs, write } = (await response.json()) as Record<string, unknown>
    assert.equal(value, 1)
    assert.ok(Number(afterMs) >= 295, `told after ${String(afterMs)} ms`)
    assert.deepEqual(write, { name: 'Error', message: 'enough', durableObjectReset: true })
  } finally {
    await slow.close()
  }
})

test('[OB7] a stray’s storage operation waits for the gate and is answered', async () => {
  assert.deepEqual(await run('strays'), ['shared 1', ['continued']])
})

test('[OB9] values travel by copy, functions and targets and stubs by reference', async () => {
  const values = (await run('values')) as Record<string, unknown>
  assert.deepEqual(values, {
    cyclic: true,
    date: 1,
    map: [2],
    snapshot: { n: 1 },
    callback: 41,
    target: 8,
    stub: 'through a passed stub',
    refused: { name: 'DataCloneError', message: 'Symbol(s) could not be cloned.' },
    instance: {
      name: 'DataCloneError',
      message:
        'Could not serialize object of type "Foo". This type does not support serialization.',
    },
    error: { name: 'RangeError', message: 'r', code: 7 },
  })
})

test('[OB9] errors keep type, message and properties, and say that they are remote', async () => {
  const refused = (message: string): object => ({ name: 'TypeError', message, remote: true })
  assert.deepEqual(await run('errors'), {
    named: {
      name: 'SyntaxError',
      message: 'named',
      code: 'E1',
      durableObjectId: true,
      remote: true,
    },
    fetch: { name: 'RangeError', message: 'from fetch', remote: true },
    missing: refused('The RPC receiver does not implement the method "nope".'),
    field: refused('The RPC receiver does not implement the method "log".'),
    reserved: refused("'alarm' is a reserved method and cannot be called over RPC."),
    plain: refused(
      'The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module "cloudflare:workers".',
    ),
    plainFetch: 'plain',
    relative: { name: 'TypeError', message: 'Invalid URL: /rel' },
    foreignId: { name: 'TypeError', message: 'Durable Object ID is not valid for this namespace.' },
  })
})

test('[GL1] [GL4] fetch and its bodies are delivered events, inside critical sections too', async () => {
  const text = 'x'.repeat(100_000)
  assert.deepEqual(await run(`upstream?address=${encodeURIComponent(upstreamUrl)}`), {
    status: 200,
    text,
    sections: [text],
    bytes: 100_000,
  })
})

test('[GL2] [GL3] timers wait for the section in which they were set, an interval with one tick', async () => {
  assert.deepEqual(await run('timersAndSections'), [
    ...['inside', 'section', 'outside', 'ticks true', 'number', 'immediate'],
  ])
})

test('[GL5] [GL7] crypto and bodies of every kind answer', async () => {
  const used =
    'Body has already been used. It can only be used once. Use tee() first if you need to read it twice.'
  assert.deepEqual(await run('cryptoAndBodies'), {
    digest: 0x2d,
    form: 'b',
    json: { a: 1 },
    copy: ['{"a":1}', 201, '1'],
    stream: 'chunk',
    bytes: [1, 2],
    blob: 1,
    used: { name: 'TypeError', message: used },
    type: 'text/plain;charset=UTF-8',
    isResponse: true,
    none: null,
    request: 'up',
    badUrl: { name: 'TypeError', message: 'Invalid URL: /rel' },
    badStatus: {
      name: 'RangeError',
      message:
        'Responses may only be constructed with status codes in the range 200 to 599, inclusive.',
    },
    body: 'via body',
  })
})

test('[GL6] code of the embedding program keeps Node’s own globals', async () => {
  const timer = setTimeout(() => {}, 1)
  assert.equal(typeof timer, 'object')
  clearTimeout(timer)
  const response = new Response('x')
  assert.equal(await response.text(), 'x')
  assert.equal((await fetch(upstreamUrl)).status, 200)
  // A request through the runtime, with a streamed body both ways.
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('from a stream'))
      controller.close()
    },
  })
  const init = { method: 'POST', body, duplex: 'half' } as RequestInit
  const answer = await runtime.fetch('http://localhost/stub', init)
  assert.equal(answer.status, 203)
  assert.equal(await answer.text(), 'POST /stub from a stream')
})

test('[TN6] user errors that nobody can catch are reported, and object and process live on', async (context) => {
  const report = context.mock.method(console, 'error', () => {})
  assert.equal(await run('uncaught'), 'alive')
  const texts = report.mock.calls.map(
    ({ arguments: [message, error] }) => `${message} ${error?.message}`,
  )
  for (const expected of ['in a timer', 'in a microtask']) {
    assert.ok(
      texts.some((text) => text.includes('Probe "uncaught"') && text.includes(expected)),
      `${expected} was not reported: ${texts.join('; ')}`,
    )
  }
})

for (const shard of ['thread', 'process'] as const) {
  test(`[TN6] [OB9] a ${shard} runs the same program, and a rejection nobody awaits does not end it`, async () => {
    const data = join(folder, shard)
    await using elsewhere = Object.assign(await createRuntime({ project, data, shard }), {
      [Symbol.asyncDispose]: (): Promise<void> => elsewhere.close(),
    })
    const ask = async (scenario: string): Promise<unknown> =>
      (await elsewhere.fetch(`http://localhost/${scenario}`)).json()
    assert.equal(await ask('unhandled'), 'alive')
    assert.deepEqual(await ask('values'), await run('values'))
    const body = 'y'.repeat(300_000)
    const echoed = await elsewhere.fetch('http://localhost/stub', { method: 'POST', body })
    assert.equal(await echoed.text(), `POST /stub ${body}`)
    assert.deepEqual(Object.keys((await ask('errors')) as object).length, 9)
  })
}

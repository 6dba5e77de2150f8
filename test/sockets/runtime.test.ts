// WebSockets of the embedding program, wherever the shard runs; and objects that leave memory.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRuntime, type Runtime, type RuntimeWebSocket } from '../../src/sluice/index.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sluice-embedded-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const upgrade = { headers: { upgrade: 'websocket' } }

interface Heard {
  readonly webSocket: RuntimeWebSocket
  next(): Promise<unknown>
}

async function open(runtime: Runtime, path: string): Promise<Heard> {
  const response = await runtime.fetch(`http://localhost/${path}`, upgrade)
  assert.equal(response.status, 101)
  const { webSocket } = response
  assert.ok(webSocket !== null)
  const heard: unknown[] = []
  const waiting: ((value: unknown) => void)[] = []
  const hear = (value: unknown): void => {
    const resolve = waiting.shift()
    if (resolve === undefined) heard.push(value)
    else resolve(value)
  }
  webSocket.addEventListener('message', (event) => hear(Reflect.get(event, 'data')))
  webSocket.addEventListener('close', (event) => {
    const { code, reason, wasClean } = event as { code: number; reason: string; wasClean: boolean }
    hear(`close ${code} ${reason} ${wasClean}`)
  })
  webSocket.accept()
  const next = (): Promise<unknown> =>
    heard.length > 0
      ? Promise.resolve(heard.shift())
      : new Promise((resolve) => waiting.push(resolve))
  return { webSocket, next }
}

for (const shard of ['inline', 'thread', 'process'] as const) {
  test(`[WS13] the embedding program gets a socket from a shard that runs ${shard}`, async () => {
    const runtime = await createRuntime({ project, shard })
    try {
      for (const kind of ['accept', 'hibernate']) {
        const { webSocket, next } = await open(runtime, `${kind}?kind=${kind}`)
        webSocket.send('echo text')
        assert.equal(await next(), 'text')
        webSocket.send(new Uint8Array([1, 2, 3]))
        assert.deepEqual(await next(), new Uint8Array([1, 2, 3]).buffer)
        webSocket.send('many')
        for (let i = 0; i < 20; i += 1) assert.equal(await next(), `${i}`)
        assert.equal(await next(), 'close 3001 all true')
        assert.equal(webSocket.readyState, 3)
      }
      const closing = await open(runtime, 'closing?kind=accept')
      closing.webSocket.close(3002, 'enough')
      assert.equal(await closing.next(), 'close 3002 enough true')
      const refused = await runtime.fetch('http://localhost/x?refuse', upgrade)
      assert.deepEqual([refused.status, refused.webSocket], [403, null])
    } finally {
      await runtime.close()
    }
  })

  test(`[WS3] [WS12] an object that is reset is a lost connection, shard ${shard}`, async () => {
    const runtime = await createRuntime({ project, shard, confirmDelayMs: 400 })
    try {
      const { webSocket, next } = await open(runtime, 'reset?kind=hibernate')
      webSocket.send('sendAndAbort')
      assert.equal(await next(), 'not held')
      assert.equal(
        await next(),
        'close 1006 WebSocket disconnected without sending Close frame. false',
      )
    } finally {
      await runtime.close()
    }
  })

  test(`[WS18] a runtime that closes leaves no connection open, shard ${shard}`, async () => {
    const runtime = await createRuntime({ project, shard })
    const { next } = await open(runtime, 'closing?kind=hibernate')
    await runtime.close()
    assert.match(String(await next()), /^close 1006 /)
  })
}

test('[WS5] [WS8] an idle object hibernates under its sockets, unless it has accepted one', async () => {
  const runtime = await createRuntime({ project, data: join(folder, 'idle'), idleMs: 200 })
  try {
    const made = async (room: string): Promise<unknown> => {
      const { webSocket, next } = await open(runtime, `${room}?kind=hibernate`)
      webSocket.send('instance')
      const instance = await next()
      // The sweep runs each second.
      await delay(2500)
      webSocket.send('instance')
      return (await next()) === instance
    }
    const accepted = await open(runtime, 'kept?kind=accept')
    const [dropped, kept] = await Promise.all([made('dropped'), made('kept')])
    assert.deepEqual([dropped, kept], [false, true])
    accepted.webSocket.send('echo still-here')
    assert.equal(await accepted.next(), 'still-here')
    // With its connection over, an accepted socket keeps nothing in memory.
    accepted.webSocket.close(1000)
    assert.equal(await accepted.next(), 'close 1000  true')
    assert.equal(await made('kept'), false)
  } finally {
    await runtime.close()
  }
})

test('[WS12] [WS17] a program of an older date gets ArrayBuffers, and answers Close frames itself', async () => {
  const old = join(folder, 'old')
  mkdirSync(old)
  const open = async (date: string): Promise<string[]> => {
    writeFileSync(
      join(old, 'wrangler.jsonc'),
      JSON.stringify({ main: 'main.js', compatibility_date: date }),
    )
    const dated = await createRuntime({ project: old })
    try {
      return (await (await dated.fetch('http://localhost/')).json()) as string[]
    } finally {
      await dated.close()
    }
  }
  writeFileSync(
    join(old, 'main.js'),
    `export default {
       async fetch() {
         const [a, b] = Object.values(new WebSocketPair())
         const { promise, resolve } = Promise.withResolvers()
         const heard = []
         a.accept()
         b.accept()
         b.onmessage = ({ data }) => heard.push(data.constructor.name)
         b.onclose = () => resolve(heard.push(b.readyState))
         a.send(new Uint8Array(1))
         a.close(1000)
         await promise
         return Response.json(heard)
       },
     }`,
  )
  assert.deepEqual(await open('2026-03-16'), ['ArrayBuffer', 2])
  assert.deepEqual(await open('2026-04-06'), ['Blob', 2])
  assert.deepEqual(await open('2026-04-07'), ['Blob', 3])
})

test('[WS19] workerd:unsafe is there only with its compatibility flag', async () => {
  const main = join(folder, 'main.js')
  writeFileSync(main, `import unsafe from 'workerd:unsafe'\nexport default { fetch() {} }`)
  await assert.rejects(createRuntime({ project: main }), {
    message: /No such module "workerd:unsafe": the compatibility flag "unsafe_module"/,
  })
})

test('[WS19] every object can be evicted, reset, or deleted with what it stored', async () => {
  const main = join(folder, 'everything.js')
  writeFileSync(
    join(folder, 'wrangler.jsonc'),
    JSON.stringify({
      main: 'everything.js',
      compatibility_flags: ['unsafe_module'],
      durable_objects: { bindings: [{ name: 'THING', class_name: 'Thing' }] },
    }),
  )
  writeFileSync(
    main,
    `import { DurableObject } from 'cloudflare:workers'
     import unsafe from 'workerd:unsafe'
     export class Thing extends DurableObject {
       id = crypto.randomUUID()
       async add() {
         const n = ((await this.ctx.storage.get('n')) ?? 0) + 1
         await this.ctx.storage.put('n', n)
         return [n, this.id]
       }
       hang() { return new Promise((resolve) => setTimeout(resolve, 60_000)) }
     }
     export default {
       async fetch(request, env) {
         const stub = env.THING.getByName('a')
         const results = [await stub.add()]
         await unsafe.evictAllDurableObjects()
         results.push(await stub.add())
         for (const method of ['abortAllDurableObjects', 'deleteAllDurableObjects']) {
           const hanging = env.THING.getByName('a').hang().catch((error) => error.message)
           await unsafe[method]()
           results.push([await hanging, await stub.add().catch((error) => error.message)])
           results.push(await env.THING.getByName('a').add())
         }
         return Response.json(results)
       },
     }`,
  )
  const runtime = await createRuntime({ project: folder })
  try {
    const response = await runtime.fetch('http://localhost/')
    const results = (await response.json()) as [unknown, unknown][]
    const abort = 'Application called abortAllDurableObjects().'
    const ids = results.map(([, id]) => id)
    assert.deepEqual(
      results.map(([first]) => first),
      [1, 2, abort, 3, 'Application called deleteAllDurableObjects().', 1],
    )
    // The stub that was there before stays broken; each life has an id of its own.
    assert.equal(ids[2], abort)
    assert.equal(new Set([ids[0], ids[1], ids[3], ids[5]]).size, 4)
  } finally {
    await runtime.close()
  }
})

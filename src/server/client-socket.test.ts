import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { SocketEnd, type SocketEvent } from '../sockets/index.ts'
import { serveHttp } from './http-server.ts'

test('[WS15] a client is not read from while too much of it waits, and then goes on', async () => {
  const [here, there] = SocketEnd.pair()
  const heard: SocketEvent[] = []
  let isTaking = false
  const take = (event: SocketEvent | undefined): void => {
    if (event?.kind === 'message') here.taken(event.data)
  }
  here.listen((event) => {
    heard.push(event)
    if (isTaking) take(event)
  })
  const server = await serveHttp(
    {
      handle: (_message, reply) =>
        reply({
          status: 101,
          statusText: '',
          headers: [],
          body: { kind: 'none' },
          url: '',
          redirected: false,
          webSocket: there,
        }),
    },
    { host: '127.0.0.1', port: 0 },
  )
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/`)
  await once(client, 'open')
  const sentCount = 100
  for (let i = 0; i < sentCount; i += 1) client.send(Buffer.alloc(1024 * 1024, i))
  // The network's own buffers take some; what is heard must stop growing, far below all.
  while (heard.length === 0) await delay(10)
  await delay(300)
  const stoppedAt = heard.length
  await delay(300)
  assert.equal(heard.length, stoppedAt)
  assert.ok(stoppedAt < 5, `${stoppedAt} MiB were heard`)
  isTaking = true
  for (const event of heard.slice()) take(event)
  while (heard.length < sentCount) await delay(10)
  client.close()
  await server.close()
})

// GET /<room>?kind=accept|hibernate upgrades to a socket of that room; what a text frame asks for is
// the name of a method below. Other paths: see the end.
import { DurableObject } from 'cloudflare:workers'
import unsafe from 'workerd:unsafe'

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const upgrade = { headers: { upgrade: 'websocket' } }
const logs = new Map()

class Commands {
  #object
  #ws

  constructor(object, ws) {
    this.#object = object
    this.#ws = ws
  }

  #write() {
    const at = Date.now()
    this.#object.ctx.storage.put('key', at)
    return at
  }

  echo(text) {
    this.#ws.send(text)
  }

  binary() {
    const bytes = new Uint8Array([9, 1, 2, 3])
    this.#ws.send(bytes.subarray(1))
    bytes.fill(0)
  }

  // The time is the time of the write.
  writeBetween() {
    this.#ws.send(`${Date.now()}`)
    this.#ws.send(`${this.#write()}`)
  }

  writeAndClose() {
    const at = this.#write()
    this.#ws.close(3000, `${at}`)
  }

  sendThenWriteLater() {
    this.#write()
    this.#ws.send(`${Date.now()}`)
    setTimeout(() => this.#write(), 500)
  }

  many() {
    for (let i = 0; i < 20; i += 1) {
      if (i % 5 === 4) this.#write()
      this.#ws.send(`${i}`)
    }
    this.#ws.close(3001, 'all')
  }

  writeOnly() {
    this.#write()
  }

  sendAndAbort() {
    this.#ws.send('not held')
    this.#write()
    this.#ws.send('held')
    this.#ws.close(1000, 'held')
    setTimeout(() => this.#object.ctx.abort('on purpose'), 50)
  }

  close(code, reason) {
    this.#ws.close(Number(code), reason)
  }

  closeBare() {
    this.#ws.close()
  }

  throw() {
    throw new Error('on purpose')
  }

  async slow() {
    this.#ws.send('slow began')
    await sleep(100)
    this.#ws.send('slow ended')
  }

  instance() {
    this.#ws.send(this.#object.instance)
  }

  async section() {
    await this.#object.ctx.blockConcurrencyWhile(async () => {
      await sleep(100)
      this.#object.log.push('section ends')
    })
  }

  flood(count, size) {
    const text = 'x'.repeat(Number(size))
    for (let i = 0; i < Number(count); i += 1) this.#ws.send(text)
  }

  log() {
    this.#ws.send(JSON.stringify(this.#object.log))
  }

  attach(text) {
    this.#ws.serializeAttachment({ text })
  }

  state() {
    const { ctx } = this.#object
    this.#ws.send(
      JSON.stringify({
        attachment: this.#ws.deserializeAttachment(),
        tags: ctx.getTags(this.#ws),
        open: ctx.getWebSockets().length,
        tagged: ctx.getWebSockets('even').length,
        auto: ctx.getWebSocketAutoResponse()?.response ?? null,
        stamped: ctx.getWebSocketAutoResponseTimestamp(this.#ws) instanceof Date,
      }),
    )
  }

  stray() {
    stolen = this.#ws
  }
}

let stolen

export class Room extends DurableObject {
  instance = crypto.randomUUID()
  // Outlives the instance, for what is heard while it goes.
  log

  constructor(ctx, env) {
    super(ctx, env)
    const id = ctx.id.toString()
    if (!logs.has(id)) logs.set(id, [])
    this.log = logs.get(id)
  }

  async fetch(request) {
    const url = new URL(request.url)
    const query = url.searchParams
    if (query.has('refuse')) return new Response('not today', { status: 403 })
    if (query.has('via')) return this.#proxy(request, query)
    const [client, server] = Object.values(new WebSocketPair())
    const kind = query.get('kind')
    if (kind === 'hibernate') {
      this.ctx.acceptWebSocket(server, query.getAll('tag'))
      if (query.has('auto')) {
        this.ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'))
      }
    } else if (kind === 'section') await this.#acceptInSection(server)
    else if (kind === 'accept') this.#listen(server, {})
    else if (kind === 'half-open') this.#listen(server, { allowHalfOpen: true })
    if (query.has('write')) this.ctx.storage.put('key', Date.now())
    const headers = { 'x-room': url.pathname }
    const offered = request.headers.get('sec-websocket-protocol')
    if (offered !== null) headers['sec-websocket-protocol'] = offered.split(/, */).at(-1)
    return new Response(null, { status: 101, webSocket: client, headers })
  }

  #listen(server, options) {
    server.binaryType = 'arraybuffer'
    server.accept(options)
    server.onmessage = (event) => {
      if (event.data === 'throw at once') throw new Error('on purpose')
      return this.#message(server, event.data)
    }
    server.addEventListener('close', ({ code, reason, wasClean }) =>
      this.log.push(`close ${code} ${reason} ${wasClean}`),
    )
    server.addEventListener('error', ({ message }) => this.log.push(`error ${message}`))
  }

  // Frames arrive while the section lasts, because the socket was accepted in it.
  async #acceptInSection(server) {
    await this.ctx.blockConcurrencyWhile(async () => {
      const [there, here] = Object.values(new WebSocketPair())
      here.accept()
      here.onmessage = () => this.log.push('inside')
      there.accept()
      there.send('x')
      this.#listen(server, {})
      await sleep(100)
      this.log.push('section ends')
    })
  }

  // The socket of another room, handed on (`pass`) or read and written by this one (`join`).
  async #proxy(request, query) {
    const via = query.get('via')
    const response = await this.env.ROOM.getByName(`${this.ctx.id.name}-inner`).fetch(
      `http://room/?kind=${query.get('kind')}`,
      upgrade,
    )
    return via === 'pass' ? response : join(response)
  }

  async #message(ws, message) {
    if (typeof message !== 'string') {
      ws.send(message)
      return
    }
    const [name, ...values] = message.split(' ')
    this.log.push(name)
    await new Commands(this, ws)[name](...values)
  }

  webSocketMessage(ws, message) {
    return this.#message(ws, message)
  }

  webSocketClose(_ws, code, reason, wasClean) {
    this.log.push(`close ${code} ${reason} ${wasClean}`)
  }

  webSocketError(_ws, error) {
    this.log.push(`error ${error.message}`)
  }

  answerCloses() {
    this.webSocketClose = (ws, code) => {
      this.log.push(`answered ${code}`)
      ws.close(4000, 'answered')
    }
  }

  useStolen() {
    try {
      stolen.send('stolen')
      return 'sent'
    } catch (error) {
      return error.message
    }
  }

  read() {
    return this.log
  }

  made() {
    return this.instance
  }

  // This room as the client of another: the frame leaves through this room's gate.
  async talk(name) {
    const response = await this.env.ROOM.getByName(name).fetch(
      'http://room/?kind=hibernate',
      upgrade,
    )
    const ws = response.webSocket
    const { promise, resolve } = Promise.withResolvers()
    ws.accept()
    ws.onmessage = resolve
    const at = Date.now()
    this.ctx.storage.put('key', at)
    ws.send('echo back')
    await promise
    const ms = Date.now() - at
    ws.close(1000)
    return ms
  }

  busy() {
    const until = Date.now() + 300
    while (Date.now() < until);
  }
}

// Two sockets joined by hand.
function join(response) {
  const inner = response.webSocket
  const [client, outer] = Object.values(new WebSocketPair())
  inner.accept()
  outer.accept()
  inner.onmessage = ({ data }) => outer.send(data)
  outer.onmessage = ({ data }) => inner.send(data)
  inner.onclose = ({ code, reason }) => outer.close(code, reason)
  outer.onclose = ({ code, reason }) => inner.close(code, reason)
  return new Response(null, { status: 101, webSocket: client })
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url)
    const [, first, second, third] = pathname.split('/')
    if (first === 'join') return join(await env.ROOM.getByName(second).fetch(request))
    if (first === 'call') return Response.json((await env.ROOM.getByName(second)[third]()) ?? null)
    if (first === 'talk') {
      return Response.json(await env.ROOM.getByName(second).talk(`${second}-other`))
    }
    if (first === 'evict') {
      await unsafe.evict(env.ROOM.getByName(second), {
        webSockets: searchParams.get('webSockets') ?? 'hibernate',
      })
      return new Response('evicted')
    }
    if (first === 'open') {
      try {
        new WebSocket('ws://localhost')
        return new Response('opened')
      } catch (error) {
        return new Response(error.message)
      }
    }
    if (first === 'not-asked') {
      const { 0: webSocket } = new WebSocketPair()
      return new Response(null, { status: 101, webSocket })
    }
    if (first === 'injected') {
      const { 0: webSocket } = new WebSocketPair()
      return new Response(null, { status: 101, webSocket, headers: { 'x-bad': 'a\u0001b' } })
    }
    return env.ROOM.getByName(first).fetch(request)
  },
}

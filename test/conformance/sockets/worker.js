import { DurableObject } from 'cloudflare:workers'
import unsafe from 'workerd:unsafe'

// Every ask of this program is answered equally by the reference, where its answer is no accident:
// after a clean close of two ends in one process it adds an error event, which is left out here.

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const show = (v) => {
  if (v === undefined) return 'undefined'
  if (v === null || typeof v !== 'object') return v
  const type = Object.prototype.toString.call(v)
  return type === '[object Object]' || Array.isArray(v) ? v : type
}
const t = (f) => {
  try {
    return show(f())
  } catch (e) {
    return `${e.name}: ${e.message}`
  }
}
const ta = async (f) => {
  try {
    return show(await f())
  } catch (e) {
    return `${e.name}: ${e.message}`
  }
}
const watch = (ws, log, name) => {
  ws.addEventListener('message', (e) => {
    const d = e.data
    log.push(`${name} message ${typeof d === 'string' ? d : `${Object.prototype.toString.call(d)}${d.byteLength ?? d.size}`}`)
  })
  ws.addEventListener('close', (e) => {
    log.push(`${name} close ${e.code} ${JSON.stringify(e.reason)} ${e.wasClean} state=${ws.readyState}`)
  })
  ws.addEventListener('error', (e) => {
    if (!e.message.includes('Network connection lost.')) log.push(`${name} error ${e.message} ${e.error}`)
  })
}
const upgrade = { headers: { Upgrade: 'websocket' } }

export class S extends DurableObject {
  log = []
  async fetch(request) {
    const url = new URL(request.url)
    const [client, server] = Object.values(new WebSocketPair())
    const kind = url.searchParams.get('kind')
    if (kind === 'hibernate') this.ctx.acceptWebSocket(server, url.searchParams.getAll('tag'))
    else {
      server.accept()
      server.addEventListener('message', (e) => this.on(server, e.data))
      server.addEventListener('close', (e) => {
        this.log.push(`close ${e.code} ${JSON.stringify(e.reason)} ${e.wasClean} state=${server.readyState}`)
        if (url.searchParams.get('reply')) this.log.push(t(() => server.close(4001, 'reply')))
      })
    }
    const headers = {}
    for (const name of ['sec-websocket-protocol', 'x-other']) {
      const value = request.headers.get(name)
      if (value) headers[name] = value
    }
    return new Response(null, { status: 101, webSocket: client, headers })
  }
  async on(ws, data) {
    const text = typeof data === 'string' ? data : Object.prototype.toString.call(data)
    this.log.push(`message ${text} state=${ws.readyState}`)
    if (text === 'close') ws.close(4000, 'asked')
    else if (text === 'close bare') ws.close()
    else if (text === 'abort') this.ctx.abort('aborted on purpose')
    else if (text === 'twice') {
      ws.send('one')
      ws.send('two')
      ws.close(1000, 'after two')
    } else if (text !== 'quiet') ws.send(data)
  }
  async webSocketMessage(ws, data) {
    await this.on(ws, data)
  }
  async webSocketClose(ws, code, reason, wasClean) {
    this.log.push(`close ${code} ${JSON.stringify(reason)} ${wasClean} state=${ws.readyState}`)
    if (this.reply) this.log.push(t(() => ws.close(4001, 'reply')))
  }
  async webSocketError(ws, error) {
    this.log.push(`error ${error}`)
  }
  id = crypto.randomUUID()
  made() {
    return this.id
  }
  badTags() {
    return ['x', [1], {}, null, undefined, ['a', 'a', 'b']].map((tags) =>
      t(() => {
        const [a] = Object.values(new WebSocketPair())
        this.ctx.acceptWebSocket(a, tags)
        return this.ctx.getTags(a)
      }),
    )
  }
  badValues() {
    const plain = new WebSocketPair()
    plain[0].accept()
    return [
      () => this.ctx.getWebSockets(null).length,
      () => this.ctx.getWebSockets(undefined).length,
      () => this.ctx.getWebSockets(1).length,
      () => this.ctx.acceptWebSocket(),
      () => this.ctx.acceptWebSocket({}),
      () => this.ctx.setWebSocketAutoResponse(1),
      () => this.ctx.setWebSocketAutoResponse(null),
      () => this.ctx.getTags({}),
      () => this.ctx.getTags(plain[0]),
      () => this.ctx.getWebSocketAutoResponseTimestamp(plain[0]),
      ...[null, undefined, -1, 'x', 1.5, 604800000].map((ms) => () => {
        this.ctx.setHibernatableWebSocketEventTimeout(ms)
        return this.ctx.getHibernatableWebSocketEventTimeout()
      }),
    ].map((act) => t(act))
  }
  // What is left of a socket once its close event is over.
  async late() {
    const [a, b] = Object.values(new WebSocketPair())
    this.ctx.acceptWebSocket(a, ['t'])
    this.lateLog = []
    b.accept()
    watch(b, this.lateLog, 'b')
    b.close(3003, 'bye')
    await wait(120)
    this.lateLog.push(`${this.ctx.getWebSockets().length} ${a.readyState} ${this.ctx.getTags(a)}`)
    a.close(4002, 'late')
    await wait(80)
    return this.lateLog
  }
  // Events arrive in the section in which the socket was accepted.
  async sections() {
    const log = []
    const [a, b] = Object.values(new WebSocketPair())
    a.accept()
    b.accept()
    b.addEventListener('message', (e) => log.push(`outside ${e.data}`))
    await this.ctx.blockConcurrencyWhile(async () => {
      const [c, d] = Object.values(new WebSocketPair())
      c.accept()
      d.accept()
      d.addEventListener('message', (e) => log.push(`inside ${e.data}`))
      a.send('1')
      c.send('2')
      await wait(80)
      log.push('end')
    })
    await wait(80)
    return log
  }
  setReply() {
    this.reply = true
  }
  logged() {
    return this.log
  }
  sockets() {
    return this.ctx.getWebSockets().length
  }
  auto(request, response) {
    if (request === undefined) this.ctx.setWebSocketAutoResponse()
    else this.ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(request, response))
  }
  stamps() {
    return this.ctx.getWebSockets().map((ws) => show(this.ctx.getWebSocketAutoResponseTimestamp(ws)))
  }
  same() {
    const [a, b] = Object.values(new WebSocketPair())
    this.ctx.acceptWebSocket(a)
    return [this.ctx.getWebSockets()[0] === a, this.ctx.getWebSockets()[0] === this.ctx.getWebSockets()[0], b.readyState]
  }
}

const pair = () => {
  const p = new WebSocketPair()
  return [p[0], p[1]]
}

async function surface() {
  const r = {}
  const p = new WebSocketPair()
  r.pairKeys = Object.keys(p)
  r.pairTag = Object.prototype.toString.call(p)
  r.iterate = t(() => [...p].length)
  r.tag = Object.prototype.toString.call(p[0])
  r.instance = [p[0] instanceof WebSocket, p[0] instanceof EventTarget, p instanceof WebSocketPair]
  r.fields = ['readyState', 'url', 'protocol', 'extensions', 'binaryType', 'bufferedAmount', 'onmessage', 'onopen', 'onclose', 'onerror'].map((name) => `${name}=${JSON.stringify(p[0][name])}`)
  r.constants = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED', 'READY_STATE_CONNECTING', 'READY_STATE_OPEN', 'READY_STATE_CLOSING', 'READY_STATE_CLOSED'].map((name) => `${WebSocket[name]} ${p[0][name]}`)
  r.keys = [Object.keys(p[0])]
  r.binaryType = t(() => {
    p[0].binaryType = 'blob'
    return p[0].binaryType
  })
  r.binaryTypeBad = t(() => {
    p[0].binaryType = 'nothing'
    return p[0].binaryType
  })
  r.pairOfAuto = t(() => {
    const x = new WebSocketRequestResponsePair('a', 'b')
    return [Object.keys(x), x.request, x.response]
  })
  r.autoMissing = t(() => new WebSocketRequestResponsePair('a'))
  return r
}

async function states() {
  const r = {}
  r.acceptTwice = t(() => {
    const [a] = pair()
    a.accept()
    a.accept()
  })
  r.bothAccept = t(() => {
    const [a, b] = pair()
    a.accept()
    b.accept()
    return [a.readyState, b.readyState]
  })
  r.sendBefore = t(() => pair()[0].send('x'))
  r.closeBefore = t(() => pair()[0].close())
  r.closeBeforeCode = t(() => pair()[0].close(1000, 'x'))
  r.sendAfterClose = t(() => {
    const [a] = pair()
    a.accept()
    a.close()
    a.send('x')
  })
  r.closeTwice = t(() => {
    const [a] = pair()
    a.accept()
    a.close(1000, 'x')
    a.close(1001, 'y')
    return a.readyState
  })
  for (const code of [0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 2999, 3000, 4999, 5000, 65536, 'x']) {
    r[`close${code}`] = t(() => {
      const [a] = pair()
      a.accept()
      a.close(code)
    })
  }
  r.closeReason = t(() => {
    const [a] = pair()
    a.accept()
    a.close(1000, 'x'.repeat(123))
  })
  r.closeReasonLong = t(() => {
    const [a] = pair()
    a.accept()
    a.close(1000, 'é'.repeat(62))
  })
  r.closeReasonAlone = t(() => {
    const [a] = pair()
    a.accept()
    a.close(undefined, 'x')
  })
  const send = (value) =>
    t(() => {
      const [a] = pair()
      a.accept()
      a.send(value)
    })
  r.sendKinds = { number: send(1), null: send(null), undefined: send(undefined), object: send({}), view: send(new Uint16Array(2)), buffer: send(new ArrayBuffer(2)), blob: send(new Blob(['x'])), none: t(() => { const [a] = pair(); a.accept(); a.send() }) }
  r.inResponse = t(() => {
    const [a] = pair()
    a.accept()
    return new Response(null, { status: 101, webSocket: a }).status
  })
  r.no101 = t(() => new Response(null, { status: 200, webSocket: pair()[0] }))
  r.only101 = t(() => new Response(null, { status: 101 }))
  r.defaultStatus = t(() => new Response(null, { webSocket: pair()[0] }))
  r.withBody = t(() => new Response('x', { status: 101, webSocket: pair()[0] }))
  r.notSocket = t(() => new Response(null, { status: 101, webSocket: {} }))
  r.nullSocket = t(() => new Response(null, { status: 200, webSocket: null }).webSocket)
  r.getter = t(() => {
    const [a] = pair()
    return new Response(null, { status: 101, webSocket: a }).webSocket === a
  })
  r.clone = t(() => new Response(null, { status: 101, webSocket: pair()[0] }).clone())
  r.stateBefore = pair()[0].readyState
  r.attachment = t(() => {
    const [a] = pair()
    a.serializeAttachment({ x: [1, new Date(0)] })
    return JSON.stringify(a.deserializeAttachment())
  })
  r.attachmentCopies = t(() => {
    const [a] = pair()
    const value = { x: 1 }
    a.serializeAttachment(value)
    value.x = 2
    const first = a.deserializeAttachment()
    return [first.x, first === a.deserializeAttachment()]
  })
  r.attachmentBad = t(() => pair()[0].serializeAttachment(() => 1))
  r.attachmentUndefined = t(() => {
    const [a] = pair()
    a.serializeAttachment(undefined)
    return [String(a.deserializeAttachment())]
  })
  r.attachmentLimit = [16377, 16378, 16379, 16380, 16384].map((n) => t(() => pair()[0].serializeAttachment('x'.repeat(n))))
  return r
}

async function local() {
  const r = {}
  const order = []
  {
    const [a, b] = pair()
    a.accept()
    a.send('early')
    a.send(new Uint8Array([1, 2, 3]))
    await wait(20)
    watch(b, order, 'b')
    b.accept()
    watch(a, order, 'a')
    order.push('accepted')
    await wait(20)
    b.send('back')
    a.close(3001, 'done')
    order.push(`states ${a.readyState} ${b.readyState}`)
    await wait(40)
    order.push(`states ${a.readyState} ${b.readyState}`)
    order.push(`reply ${t(() => b.send('late'))} ${t(() => b.close(3002, 'too'))}`)
    await wait(40)
    order.push(`states ${a.readyState} ${b.readyState}`)
  }
  r.order = order
  const half = []
  {
    const [a, b] = pair()
    watch(a, half, 'a')
    watch(b, half, 'b')
    a.accept({ allowHalfOpen: true })
    b.accept({ allowHalfOpen: true })
    a.close(3001, 'done')
    await wait(40)
    half.push(`states ${a.readyState} ${b.readyState}`)
    half.push(`send ${t(() => b.send('late'))}`)
    b.close(3002, 'too')
    await wait(40)
    half.push(`states ${a.readyState} ${b.readyState}`)
  }
  r.half = half
  const bare = []
  {
    const [a, b] = pair()
    watch(a, bare, 'a')
    watch(b, bare, 'b')
    a.accept()
    b.accept()
    a.close()
    await wait(40)
    bare.push(`states ${a.readyState} ${b.readyState}`)
  }
  r.bare = bare
  const both = []
  {
    const [a, b] = pair()
    watch(a, both, 'a')
    watch(b, both, 'b')
    a.accept()
    b.accept()
    a.close(3001, 'a')
    b.close(3002, 'b')
    await wait(40)
    both.push(`states ${a.readyState} ${b.readyState}`)
  }
  r.both = both
  const handlers = []
  {
    const [a, b] = pair()
    a.accept()
    b.accept()
    b.onmessage = (e) => handlers.push(`on ${e.data} ${e.type} ${e.target === b} ${e.constructor.name}`)
    b.addEventListener('message', { handleEvent: (e) => handlers.push(`object ${e.data}`) })
    b.addEventListener('message', (e) => handlers.push(`once ${e.data}`), { once: true })
    b.onclose = (e) => handlers.push(`on close ${e.code} ${e.constructor.name}`)
    const removed = () => handlers.push('removed')
    b.addEventListener('message', removed)
    b.removeEventListener('message', removed)
    a.send('1')
    a.send('2')
    a.close(1000)
    await wait(40)
    b.onmessage = null
    handlers.push(String(b.onmessage))
  }
  r.handlers = handlers
  const throwing = []
  {
    const [a, b] = pair()
    watch(a, throwing, 'a')
    a.accept()
    b.accept()
    b.addEventListener('message', () => {
      throw new Error('listener')
    })
    b.addEventListener('message', (e) => throwing.push(`second ${e.data}`))
    b.addEventListener('error', (e) => throwing.push(`error ${e.message}`))
    a.send('x')
    await wait(40)
    a.send('y')
    await wait(40)
    throwing.push(`states ${a.readyState} ${b.readyState}`)
  }
  r.throwing = throwing
  return r
}

async function remote(env, kind) {
  const r = {}
  const open = async (name, more = '') => {
    const response = await env.S.getByName(`${kind}-${name}`).fetch(`http://x/?kind=${kind}${more}`, upgrade)
    return response.webSocket
  }
  {
    const response = await env.S.getByName(`${kind}-head`).fetch(`http://x/?kind=${kind}`, {
      headers: { Upgrade: 'websocket', 'sec-websocket-protocol': 'chat', 'x-other': 'y' },
    })
    r.head = [response.status, response.statusText, response.headers.get('sec-websocket-protocol'), response.headers.get('x-other'), String(response.body), response.webSocket === response.webSocket, response.webSocket.readyState]
  }
  const run = async (name, act, more) => {
    const log = []
    const ws = await open(name, more)
    watch(ws, log, 'c')
    ws.accept()
    await act(ws, log)
    await wait(120)
    log.push(`state=${ws.readyState}`)
    r[name] = { client: log, object: await ta(() => env.S.getByName(`${kind}-${name}`).logged()), sockets: await ta(() => env.S.getByName(`${kind}-${name}`).sockets()) }
  }
  await run('echo', async (ws) => {
    ws.send('text')
    ws.send(new Uint8Array(3))
    ws.send('')
  })
  await run('close', async (ws) => ws.send('close'))
  await run('closeBare', async (ws) => ws.send('close bare'))
  await run('twice', async (ws) => ws.send('twice'))
  await run('clientCloses', async (ws) => ws.close(3001, 'mine'))
  await run('clientClosesBare', async (ws) => ws.close())
  await run('clientClosesReply', async (ws) => {
    await env.S.getByName(`${kind}-clientClosesReply`).setReply()
    ws.close(3001, 'mine')
  }, '&reply=1')
  await run('sendAfterPeerClosed', async (ws, log) => {
    ws.send('close')
    await wait(80)
    log.push(t(() => ws.send('after')), t(() => ws.close(3002, 'x')))
  })
  await run('abort', async (ws) => ws.send('abort'))
  return r
}

async function auto(env) {
  const r = {}
  const s = env.S.getByName('auto')
  await s.auto('ping', 'pong')
  const ws = (await s.fetch('http://x/?kind=hibernate', upgrade)).webSocket
  const log = []
  watch(ws, log, 'c')
  ws.accept()
  r.before = await s.stamps()
  ws.send('ping')
  ws.send('pinG')
  ws.send(new TextEncoder().encode('ping'))
  await wait(120)
  r.log = log.slice()
  r.after = await s.stamps()
  await s.auto()
  ws.send('ping')
  await wait(80)
  r.unset = log.slice(log.length - 1)
  r.object = await s.logged()
  r.same = await env.S.getByName('same').same()
  return r
}

// Drops an object's instance or resets it, by `act`, while `client` is connected.
async function lose(env, name, act) {
  const s = env.S.getByName(name)
  const ws = (await s.fetch('http://x/?kind=hibernate&tag=t', upgrade)).webSocket
  const log = []
  watch(ws, log, 'c')
  ws.accept()
  const made = await s.made()
  const result = await ta(() => act(s))
  await wait(80)
  const after = env.S.getByName(name)
  const stub = await ta(async () => (await s.made()) === made)
  return { result, log, stub, isNew: (await after.made()) !== made, sockets: await after.sockets() }
}

async function gone(env) {
  const r = {}
  r.hibernate = await lose(env, 'gone1', (s) => unsafe.evict(s, { webSockets: 'hibernate' }))
  r.byDefault = await lose(env, 'gone2', (s) => unsafe.evict(s))
  r.close = await lose(env, 'gone3', (s) => unsafe.evict(s, { webSockets: 'close' }))
  r.bad = await ta(() => unsafe.evict(env.S.getByName('gone1'), { webSockets: 'x' }))
  r.noStub = await ta(() => unsafe.evict({}))
  r.keys = Object.keys(unsafe)
  return r
}

async function api(env) {
  const r = {}
  const s = env.S.getByName('api')
  r.badTags = await s.badTags()
  r.badValues = await s.badValues()
  r.late = await env.S.getByName('late').late()
  r.noUpgrade = await ta(() => s.fetch('http://x/?kind=hibernate'))
  r.sections = await env.S.getByName('sections').sections()
  return r
}

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname
    if (path === '/surface') return Response.json(await surface())
    if (path === '/states') return Response.json(await states())
    if (path === '/local') return Response.json(await local())
    if (path === '/plain') return Response.json(await remote(env, 'plain'))
    if (path === '/hibernate') return Response.json(await remote(env, 'hibernate'))
    if (path === '/auto') return Response.json(await auto(env))
    if (path === '/gone') return Response.json(await gone(env))
    if (path === '/api') return Response.json(await api(env))
    return new Response('not found', { status: 404 })
  },
}

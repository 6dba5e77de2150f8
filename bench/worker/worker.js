// The same bytes run on Sluice and on workerd: GET /<method>/<object>.
import { DurableObject } from 'cloudflare:workers'

export class Bench extends DurableObject {
  fetch(request) {
    const [client, server] = Object.values(new WebSocketPair())
    if (request.url.includes('/hibernate/')) this.ctx.acceptWebSocket(server)
    else {
      server.accept()
      server.addEventListener('message', (event) => server.send(event.data))
    }
    return new Response(null, { status: 101, webSocket: client })
  }

  webSocketMessage(socket, message) {
    socket.send(message)
  }

  async plain() {
    return 1
  }

  async add() {
    const count = ((await this.ctx.storage.get('count')) ?? 0) + 1
    await this.ctx.storage.put('count', count)
    return count
  }

  async read() {
    return (await this.ctx.storage.get('count')) ?? 0
  }
}

export class Rows extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env)
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT)')
  }

  insert() {
    this.ctx.storage.sql.exec(
      'INSERT INTO rows (text) VALUES (?)',
      'thirty-two bytes of ordinary text',
    )
    return 1
  }

  count() {
    return this.ctx.storage.sql.exec('SELECT count(*) AS n FROM rows').one().n
  }
}

export default {
  async fetch(request, env) {
    const [, method, name] = new URL(request.url).pathname.split('/')
    if (method === 'insert') return new Response(`${await env.ROWS.getByName(name).insert()}`)
    if (method === 'count') return new Response(`${await env.ROWS.getByName(name).count()}`)
    const object = env.BENCH.getByName(name)
    switch (method) {
      case 'plain':
        return new Response(`${await object.plain()}`)
      case 'add':
        return new Response(`${await object.add()}`)
      case 'read':
        return new Response(`${await object.read()}`)
      case 'accept':
      case 'hibernate':
        return object.fetch(request)
      default:
        return new Response('not found', { status: 404 })
    }
  },
}

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

export default {
  async fetch(request, env) {
    const [, method, name] = new URL(request.url).pathname.split('/')
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

// A chat whose rooms are durable objects. This worker serves the page and shows visitors their room.

import { script } from './client.ts'
import { page } from './page.ts'
import { type Env, parseRoom } from './protocol.ts'
import { style } from './style.ts'

export { Directory } from './directory.ts'
export { Room } from './room.ts'

const roomsListedMax = 100

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method !== 'GET') return refuse(405, 'this chat is read with GET')
    const { pathname } = new URL(request.url)
    switch (pathname) {
      case '/':
        return serve('text/html', page)
      case '/chat.css':
        return serve('text/css', style)
      case '/chat.js':
        return serve('text/javascript', script)
      case '/api/rooms':
        return Response.json(await env.DIRECTORY.getByName('all').rooms(roomsListedMax))
    }
    const [, segment, isSocket] = /^\/r\/([^/]+)(\/socket)?$/.exec(pathname) ?? []
    const room = segment === undefined ? undefined : parseRoom(segment)
    if (room === undefined) return refuse(404, `there is no ${pathname}`)
    if (isSocket === undefined) return serve('text/html', page)
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
      return refuse(426, 'this is for WebSockets')
    }
    return env.ROOM.getByName(room).fetch(request)
  },
}

function serve(type: string, text: string): Response {
  return new Response(text, {
    headers: {
      'content-type': `${type}; charset=utf-8`,
      'cache-control': 'no-cache',
      // The page shows what people write as text only. Should it ever fail to, nothing of it runs.
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:",
      'x-content-type-options': 'nosniff',
    },
  })
}

function refuse(status: number, reason: string): Response {
  return new Response(`${reason}\n`, { status })
}

// WebSockets that hibernate.

import { DurableObject } from 'cloudflare:workers'
import type { Env } from './index.ts'

export class Room extends DurableObject<Env> {
  override async fetch(): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server, ['guest'])
    server.serializeAttachment({ seen: 0 })
    this.ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'))
    return new Response(null, { status: 101, webSocket: client })
  }

  override async webSocketMessage(
    webSocket: WebSocket,
    message: string | ArrayBuffer,
  ): Promise<void> {
    const { seen } = webSocket.deserializeAttachment() as { seen: number }
    webSocket.serializeAttachment({ seen: seen + 1 })
    const tags: string[] = this.ctx.getTags(webSocket)
    const answered: Date | null = this.ctx.getWebSocketAutoResponseTimestamp(webSocket)
    for (const other of this.ctx.getWebSockets('guest')) {
      other.send(JSON.stringify([message, seen + 1, tags, answered === null]))
    }
  }

  override webSocketClose(
    webSocket: WebSocket,
    code: number,
    reason: string,
    _wasClean: boolean,
  ): void {
    webSocket.close(code, reason)
  }

  override webSocketError(_webSocket: WebSocket, error: unknown): void {
    console.error(error)
  }
}

// Sockets across the wall between a shard and its front (see channel.ts).

import { DurableError } from '../base/index.ts'
import type { ResponseMessage } from '../globals/index.ts'
import { listenAsHost, type SocketData, SocketEnd } from '../sockets/index.ts'

type SocketMessage =
  | { readonly kind: 'socket-message'; readonly socket: number; readonly data: SocketData }
  | {
      readonly kind: 'socket-closed'
      readonly socket: number
      readonly code: number
      readonly reason: string
    }
  | { readonly kind: 'socket-lost'; readonly socket: number; readonly error: Error | undefined }

/** A response whose socket stays on the sender's side. */
export type WithSocketNumber<T> = Omit<T, 'webSocket'> & { readonly webSocketNumber?: number }

/** The sockets of one connection between shard and front; each side has the same. */
export class SocketChannel {
  readonly #send: (message: SocketMessage) => void
  readonly #ends = new Map<number, SocketEnd>()
  #lastNumber = 0

  constructor(send: (message: object) => void) {
    this.#send = send
  }

  /** Keeps the socket of `response` here, and says under which number the other side finds it. */
  send<T extends { readonly webSocket?: SocketEnd }>(response: T): WithSocketNumber<T> {
    const { webSocket, ...rest } = response
    if (webSocket === undefined) return rest
    this.#lastNumber += 1
    this.#forward(this.#lastNumber, webSocket)
    return { ...rest, webSocketNumber: this.#lastNumber }
  }

  /** Gives a response its socket back. */
  receive(response: WithSocketNumber<ResponseMessage>): ResponseMessage {
    const { webSocketNumber, ...rest } = response
    if (webSocketNumber === undefined) return rest
    const [mine, theirs] = SocketEnd.pair()
    this.#forward(webSocketNumber, mine)
    return { ...rest, webSocket: theirs }
  }

  /** @returns whether the message was about a socket */
  onMessage(received: { readonly kind: string }): boolean {
    const message = received as SocketMessage
    const isSocket = message.kind.startsWith('socket-')
    const end = isSocket ? this.#ends.get(message.socket) : undefined
    if (end === undefined) return isSocket
    switch (message.kind) {
      case 'socket-message':
        end.send({ kind: 'message', data: message.data })
        break
      case 'socket-closed':
        end.send({ kind: 'closed', code: message.code, reason: message.reason })
        if (end.isOver) this.#ends.delete(message.socket)
        break
      case 'socket-lost':
        this.#ends.delete(message.socket)
        end.disconnect(message.error)
    }
    return true
  }

  /** The other side is gone. */
  lost(): void {
    for (const end of this.#ends.values()) end.disconnect()
    this.#ends.clear()
  }

  #forward(socket: number, end: SocketEnd): void {
    this.#ends.set(socket, end)
    listenAsHost(end, (events) => {
      for (const event of events) {
        if (event.kind === 'message') this.#send({ ...event, kind: 'socket-message', socket })
        else if (event.kind === 'closed') {
          this.#send({ ...event, kind: 'socket-closed', socket })
          if (end.isOver) this.#ends.delete(socket)
        } else {
          this.#ends.delete(socket)
          // Structured clone keeps class and message; there is nothing else on these.
          const error =
            event.error === undefined ? undefined : new DurableError(event.error.message)
          this.#send({ kind: 'socket-lost', socket, error })
        }
      }
    })
  }
}

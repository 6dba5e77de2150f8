import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { ResponseMessage } from '../globals/index.ts'
import type { SocketEnd } from '../sockets/index.ts'
import { ClientSocket } from './client-socket.ts'

/** As the reference allows. */
const messageBytesMax = 32 * 1024 * 1024

type Handshake = ResponseMessage & { readonly webSocket: SocketEnd }

/** The WebSocket connections of one HTTP server. */
export class Upgrades {
  readonly #server = new WebSocketServer({
    noServer: true,
    WebSocket: ClientSocket,
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    handleProtocols: (_offered, incoming) =>
      headerOf(this.#handshakes.get(incoming), 'sec-websocket-protocol') ?? false,
  })
  // The answers whose handshake is being written.
  readonly #handshakes = new WeakMap<IncomingMessage, Handshake>()
  #isClosing = false

  constructor() {
    this.#server.on('headers', (lines, incoming) => {
      const handshake = this.#handshakes.get(incoming)
      for (const [name, value] of handshake?.headers ?? []) {
        const isOwn = ownHeaders.has(name) && !isUnaskedProtocol(name, incoming)
        if (!isOwn) lines.push(`${name}: ${value}`)
      }
    })
  }

  /** Switches protocols and joins the client to the response's socket. */
  accept(incoming: IncomingMessage, stream: Duplex, head: Buffer, handshake: Handshake): void {
    const end = handshake.webSocket
    if (stream.destroyed || this.#isClosing) {
      stream.destroy()
      end.disconnect()
      return
    }
    this.#handshakes.set(incoming, handshake)
    this.#server.handleUpgrade(incoming, stream, head, (client) => client.join(end, stream))
  }

  /** Says goodbye to every client; the connections end soon after. */
  close(): void {
    this.#isClosing = true
    for (const client of this.#server.clients) client.goAway()
  }
}

// What `ws` writes itself.
const ownHeaders: ReadonlySet<string> = new Set([
  'connection',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'upgrade',
])

// `ws` writes the protocol only for a client that has offered some.
function isUnaskedProtocol(name: string, incoming: IncomingMessage): boolean {
  return (
    name === 'sec-websocket-protocol' && incoming.headers['sec-websocket-protocol'] === undefined
  )
}

function headerOf(message: ResponseMessage | undefined, name: string): string | undefined {
  return message?.headers.find(([key]) => key === name)?.[1]
}

const keyPattern = /^[+/0-9A-Za-z]{22}==$/

/** Why the handshake cannot be: an HTTP answer for the client; undefined when it can. */
export function refuseHandshake({
  headers,
}: IncomingMessage): { status: number; text: string } | undefined {
  if (headers['sec-websocket-version'] !== '13') {
    return { status: 426, text: 'ERROR: The requested WebSocket version is not supported.' }
  }
  if (!keyPattern.test(headers['sec-websocket-key'] ?? '')) {
    return { status: 400, text: 'ERROR: Missing Sec-WebSocket-Key' }
  }
  return undefined
}

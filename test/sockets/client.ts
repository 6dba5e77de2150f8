// A real WebSocket client that keeps what it gets until somebody asks.

import { type ClientOptions, WebSocket } from 'ws'

export interface Closed {
  readonly code: number
  readonly reason: string
}

export class Client {
  readonly socket: WebSocket
  readonly closed: Promise<Closed>
  readonly #received: (string | Buffer)[] = []
  readonly #waiting: ((message: string | Buffer) => void)[] = []

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer, isBinary) => {
      const message = isBinary ? data : data.toString()
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#received.push(message)
      else waiting(message)
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
    socket.on('error', () => {
      // A close event follows.
    })
  }

  /** What came and was not asked for. */
  get received(): readonly (string | Buffer)[] {
    return this.#received
  }

  send(message: string | Uint8Array): void {
    this.socket.send(message)
  }

  /** The next message, in the order of arrival. */
  next(): Promise<string | Buffer> {
    const message = this.#received.shift()
    if (message !== undefined) return Promise.resolve(message)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async ask(message: string): Promise<string> {
    this.send(message)
    return String(await this.next())
  }
}

/** @throws Error naming the status when the server does not upgrade */
export function openClient(
  url: string,
  protocols: string[] = [],
  options: ClientOptions = {},
): Promise<Client> {
  const socket = new WebSocket(url.replace('http:', 'ws:'), protocols, options)
  const client = new Client(socket)
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(client))
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => reject(new Error(`${response.statusCode} ${text}`)))
    })
  })
}

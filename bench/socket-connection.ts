// One WebSocket that sends a text, waits for its echo, and sends the next. As small as
// keep-alive-connection.ts, for the same reason.

import { connect, type Socket } from 'node:net'

const headEnd = '\r\n\r\n'
const text = Buffer.from('thirty-two bytes of ordinary text')
// A masked text frame with the mask 0, which leaves the payload as it is.
const frame = Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text])
const echoLength = 2 + text.length

export class SocketConnection {
  readonly #socket: Socket
  #isOpen = false
  #receivedBytes = 0
  #head = ''
  #resolve: (() => void) | undefined
  #reject: ((error: Error) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', (error) => this.#reject?.(error))
    socket.on('close', () => this.#reject?.(new Error('Cannot read the echo: it was cut off')))
  }

  static async open(port: number, path: string): Promise<SocketConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const connection = new SocketConnection(socket)
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    )
    await connection.#answer()
    return connection
  }

  /** Sends the text and resolves with its echo. */
  echo(): Promise<void> {
    this.#socket.write(frame)
    return this.#answer()
  }

  close(): void {
    this.#reject = undefined
    this.#socket.destroy()
  }

  #answer(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  #take(chunk: Buffer): void {
    if (!this.#isOpen) {
      this.#head += chunk.toString('latin1')
      if (!this.#head.endsWith(headEnd)) return
      if (this.#head.startsWith('HTTP/1.1 101 ')) this.#isOpen = true
      else this.#reject?.(new Error(`Cannot open a WebSocket: ${this.#head.split('\r\n')[0]}`))
    } else {
      this.#receivedBytes += chunk.length
      if (this.#receivedBytes < echoLength) return
      if (this.#receivedBytes > echoLength) throw new Error('more came back than was sent')
      this.#receivedBytes = 0
    }
    this.#resolve?.()
  }
}

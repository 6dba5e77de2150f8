// One HTTP/1.1 connection that sends a request, waits for the whole answer, and sends the next.
// Small on purpose: the load must not cost more than the server under it.

import { connect, type Socket } from 'node:net'

const headEnd = Buffer.from('\r\n\r\n')
const chunksEnd = Buffer.from('0\r\n\r\n')

export class KeepAliveConnection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #resolve: ((body: string) => void) | undefined
  #reject: ((error: Error) => void) | undefined
  #failure: Error | undefined

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', (chunk) => this.#take(chunk))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('Cannot read the answer: it was cut off')))
  }

  /** Sends one request and resolves with the body; rejects unless the status is 200. */
  get(path: string): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#resolve !== undefined) {
      return Promise.reject(new Error(`Cannot get '${path}': an answer is awaited already`))
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const headLength = this.#received.indexOf(headEnd)
    if (headLength === -1) return
    const head = this.#received.toString('latin1', 0, headLength)
    const bodyStart = headLength + headEnd.length
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    let bodyEnd: number
    if (length !== undefined) {
      bodyEnd = bodyStart + Number(length)
      if (this.#received.length < bodyEnd) return
    } else {
      const end = this.#received.indexOf(chunksEnd, bodyStart)
      if (end === -1) return
      bodyEnd = end + chunksEnd.length
    }
    const body = this.#received.toString('latin1', bodyStart, bodyEnd)
    this.#received = this.#received.subarray(bodyEnd)
    const [resolve, reject] = [this.#resolve, this.#reject]
    this.#resolve = this.#reject = undefined
    if (head.startsWith('HTTP/1.1 200 ')) resolve?.(body)
    else reject?.(new Error(`Cannot use the answer: it is '${head.split('\r\n')[0]}' ${body}`))
  }

  #fail(error: Error): void {
    this.#failure ??= error
    const reject = this.#reject
    this.#resolve = this.#reject = undefined
    reject?.(error)
  }
}

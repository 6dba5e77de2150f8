import {
  createServer,
  type IncomingMessage,
  ServerResponse,
  STATUS_CODES,
  validateHeaderValue,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import {
  type BodyMessage,
  type ByteSource,
  connectionLost,
  lengthOf,
  type Piece,
  type RequestMessage,
  type ResponseMessage,
} from '../globals/index.ts'
import { refuseHandshake, Upgrades } from './upgrades.ts'

/** What answers requests: a shard. */
export interface RequestHandler {
  handle(
    message: RequestMessage,
    reply: (response: ResponseMessage) => void,
    fail: (error: Error) => void,
  ): void
}

export interface HttpServer {
  readonly host: string
  readonly port: number
  /**
   * Accepts no more connections, lets answers under way finish (10 s at most; then they are cut off),
   * and resolves when all are closed.
   */
  close(): Promise<void>
}

/**
 * Serves `handler` on a real port.
 *
 * @param options.port 0 chooses a free one
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function serveHttp(
  handler: RequestHandler,
  options: { readonly host: string; readonly port: number; readonly drainMs?: number },
): Promise<HttpServer> {
  const { drainMs = 10_000 } = options
  const upgrades = new Upgrades()
  const server = createServer({ shouldUpgradeCallback: isWebSocket }, (incoming, outgoing) =>
    serve(handler, incoming, outgoing),
  )
  server.on('upgrade', (incoming, stream, head) => {
    const outgoing = answerTo(incoming, stream as Socket)
    // Node before 24.9 brings every wish for an upgrade here.
    const refusal = isWebSocket(incoming) ? refuseHandshake(incoming) : undefined
    if (refusal !== undefined) {
      outgoing.setHeader('sec-websocket-version', '13')
      sendText(outgoing, refusal.status, refusal.text)
      return
    }
    serve(handler, incoming, outgoing, (response) => {
      const { webSocket } = response
      if (webSocket === undefined) return false
      for (const [name, value] of response.headers) validateHeaderValue(name, value)
      outgoing.detachSocket(stream as Socket)
      upgrades.accept(incoming, stream, head, { ...response, webSocket })
      return true
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { address, port } = server.address() as AddressInfo
  return {
    host: address,
    port,
    close: () =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => server.closeAllConnections(), drainMs)
        server.close((error) => {
          clearTimeout(timer)
          if (error === undefined) resolve()
          else reject(error)
        })
        server.closeIdleConnections()
        upgrades.close()
      }),
  }
}

function isWebSocket({ headers, method }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

// Node hands over the bare connection of a request that asks for an upgrade. It may well get an
// ordinary answer, and the connection ends with that.
function answerTo(incoming: IncomingMessage, stream: Socket): ServerResponse {
  const outgoing = new ServerResponse(incoming)
  outgoing.shouldKeepAlive = false
  outgoing.assignSocket(stream)
  outgoing.on('finish', () => {
    outgoing.detachSocket(stream)
    stream.end()
  })
  stream.on('error', () => stream.destroy())
  return outgoing
}

/** @param upgrade switches protocols instead of answering, when the response asks for that */
function serve(
  handler: RequestHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  upgrade: (response: ResponseMessage) => boolean = () => false,
): void {
  let message: RequestMessage
  try {
    message = messageOf(incoming)
  } catch (error) {
    sendText(outgoing, 400, (error as Error).message)
    return
  }
  const fail = (error: unknown): void => {
    // The program's error is for its author; the client learns only that it failed.
    console.error(`sluice: uncaught error in the worker (${message.method} ${message.url}):`, error)
    if (outgoing.headersSent) outgoing.destroy()
    else sendText(outgoing, 500, 'Internal Server Error')
  }
  if (message.body.kind === 'source') outgoing.once('finish', () => discardRest(incoming))
  const answer = (response: ResponseMessage): void => {
    try {
      if (upgrade(response)) return
      if (response.webSocket !== undefined) {
        throw new TypeError('A WebSocket was returned to a request that cannot be upgraded')
      }
      send(outgoing, response, incoming.method === 'HEAD')
    } catch (error) {
      // A head that HTTP cannot carry, such as control characters in a header.
      response.webSocket?.disconnect()
      if (response.body.kind === 'source') response.body.source.cancel(error)
      fail(error)
    }
  }
  handler.handle(message, (response) => sendTogether(() => answer(response)), fail)
}

let answers: (() => void)[] = []

// Answers of one loop of events are written one right after the other. Where turns run in between,
// each write finds its reader asleep, and to wake it costs more than the write.
function sendTogether(answer: () => void): void {
  if (answers.length === 0) {
    setImmediate(() => {
      const batch = answers
      answers = []
      for (const send of batch) send()
    })
  }
  answers.push(answer)
}

const lingerMs = 1000

// [SM8] What the handler has not read of a body is thrown away, so that the connection can be used
// again; but a client with much more to send is cut off. Not at once: a connection closed over
// unread bytes may lose the answer that is on its way.
function discardRest(incoming: IncomingMessage): void {
  incoming.removeAllListeners('readable')
  incoming.resume()
  if (incoming.complete) return
  const { socket } = incoming
  const timer = setTimeout(() => {
    if (!incoming.complete) socket.destroy()
  }, lingerMs)
  incoming.once('close', () => clearTimeout(timer))
}

function messageOf(incoming: IncomingMessage): RequestMessage {
  // Not `incoming.headers`, which Node would make of them for this alone.
  const headers: [string, string][] = []
  const raw = incoming.rawHeaders
  let host: string | undefined
  let length: string | undefined
  let isChunked = false
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]?.toLowerCase() ?? ''
    const value = raw[i + 1] ?? ''
    headers.push([name, value])
    if (name === 'host') host ??= value
    else if (name === 'content-length') length = value
    else if (name === 'transfer-encoding') isChunked = true
  }
  return {
    url: urlOf(incoming, host),
    method: incoming.method ?? 'GET',
    headers,
    body: isChunked || (length ?? '0') !== '0' ? bodyOf(incoming, length) : { kind: 'none' },
    redirect: 'manual',
  }
}

const plainPath = /^\/[\w\-.~/?=&:@,+;]*$/
const plainHost = /^[a-z0-9\-._]+(:\d+)?$/

function urlOf(incoming: IncomingMessage, givenHost: string | undefined): string {
  const host = givenHost ?? `${incoming.socket.localAddress}:${incoming.socket.localPort}`
  const target = incoming.url ?? '/'
  const text = target.startsWith('/') ? `http://${host}${target}` : target
  // What needs no normalizing need not be parsed; a path with dots or a default port does.
  if (
    plainHost.test(host) &&
    !host.endsWith(':80') &&
    plainPath.test(target) &&
    !target.includes('/.')
  ) {
    return text
  }
  if (!URL.canParse(text)) throw new Error('Bad Request')
  return new URL(text).href
}

function bodyOf(incoming: IncomingMessage, length: string | undefined): BodyMessage {
  return {
    kind: 'source',
    source: sourceOf(incoming),
    length: length === undefined ? undefined : Number(length),
  }
}

// Nothing is read from the socket before somebody asks: a slow reader slows the client down. [SM6]
// Listens from the first read on: a body that nobody reads must stay Node's to throw away.
function sourceOf(incoming: IncomingMessage): ByteSource {
  let waiting: ((piece: Piece) => void) | undefined
  let ended: Piece | undefined
  let isListening = false
  const answer = (): void => {
    if (waiting === undefined) return
    const chunk = ended === undefined ? (incoming.read() as Buffer | null) : null
    const piece: Piece | undefined =
      chunk === null ? ended : { kind: 'chunk', bytes: new Uint8Array(chunk) }
    if (piece === undefined) return
    const callback = waiting
    waiting = undefined
    callback(piece)
  }
  const end = (piece: Piece): void => {
    ended ??= piece
    answer()
  }
  const onEnd = (): void => end({ kind: 'end' })
  const onLost = (): void => end({ kind: 'error', error: connectionLost() })
  const listen = (): void => {
    isListening = true
    incoming.on('readable', answer).on('end', onEnd).on('error', onLost).on('close', onLost)
    if (incoming.destroyed) onLost()
  }
  return {
    read(callback) {
      waiting = callback
      if (!isListening) listen()
      answer()
    },
    // The client has to wait with the rest until there is an answer; see `discardRest`.
    cancel: onEnd,
  }
}

function send(outgoing: ServerResponse, response: ResponseMessage, isHead: boolean): void {
  const { body } = response
  const mayHaveBody = response.status !== 204 && response.status !== 304 && !isHead
  const headers = headersOf(response, body.kind === 'none' && !mayHaveBody)
  outgoing.writeHead(response.status, response.statusText || undefined, headers)
  if (body.kind === 'source' && mayHaveBody) sendPieces(outgoing, body.source, body.length)
  // A text goes out in one write with the head; bytes would be a second one.
  else if (body.kind === 'text' && mayHaveBody) outgoing.end(body.text)
  else if (body.kind === 'bytes' && mayHaveBody) outgoing.end(body.bytes)
  else {
    if (body.kind === 'source') body.source.cancel(undefined)
    outgoing.end()
  }
}

// [SM10] The length is that of the body. What the program says of it counts only where it has none,
// as in the answer to a HEAD request.
function headersOf({ headers, body, status }: ResponseMessage, keepsLength: boolean): string[] {
  const all: string[] = []
  let hasLength = false
  for (const [name, value] of headers) {
    if (name === 'content-length') {
      if (!keepsLength) continue
      hasLength = true
    }
    all.push(name, value)
  }
  const length = body.kind === 'none' ? 0 : lengthOf(body)
  if (length !== undefined && !hasLength && status !== 204 && status !== 304) {
    all.push('content-length', String(length))
  }
  return all
}

// The next piece is asked for when the socket has taken the last one. A stream that fails, or does
// not give as many bytes as its head said, destroys the connection: it must not look complete. [EG10]
function sendPieces(
  outgoing: ServerResponse,
  source: ByteSource,
  length: number | undefined,
): void {
  let remaining = length ?? Number.POSITIVE_INFINITY
  let isOver = false
  const lost = (): void => {
    if (isOver) return
    isOver = true
    source.cancel(undefined)
  }
  const fail = (): void => {
    isOver = true
    // Where the end of the connection is the end of the body, only a reset is an error.
    if (outgoing.chunkedEncoding || length !== undefined) outgoing.destroy()
    else outgoing.socket?.resetAndDestroy()
  }
  const next = (): void => {
    if (!isOver) source.read(onPiece)
  }
  const onPiece = (piece: Piece): void => {
    if (isOver) return
    switch (piece.kind) {
      case 'chunk':
        remaining -= piece.bytes.byteLength
        if (remaining < 0) {
          source.cancel(new TypeError('A body gave more bytes than its length'))
          fail()
        } else if (outgoing.write(piece.bytes)) next()
        else outgoing.once('drain', next)
        return
      case 'end':
        if (length !== undefined && remaining > 0) {
          fail()
          return
        }
        isOver = true
        outgoing.end()
        return
      case 'error':
        fail()
    }
  }
  outgoing.on('close', lost)
  if (outgoing.destroyed) {
    lost()
    return
  }
  outgoing.flushHeaders()
  next()
}

function sendText(outgoing: ServerResponse, status: number, text: string): void {
  // With its reason phrase: an earlier one, refused, would be kept otherwise.
  outgoing.writeHead(status, STATUS_CODES[status], { 'content-type': 'text/plain;charset=UTF-8' })
  outgoing.end(`${text}\n`)
}

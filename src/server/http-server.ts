import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ByteSource, Piece, RequestMessage, ResponseMessage } from '../globals/index.ts'

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
  /** Accepts no more connections, lets answers under way finish, and resolves when all are closed. */
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
  options: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const server = createServer((incoming, outgoing) => serve(handler, incoming, outgoing))
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
        server.close((error) => (error === undefined ? resolve() : reject(error)))
        server.closeIdleConnections()
      }),
  }
}

function serve(handler: RequestHandler, incoming: IncomingMessage, outgoing: ServerResponse): void {
  let message: RequestMessage
  try {
    message = messageOf(incoming)
  } catch (error) {
    sendText(outgoing, 400, (error as Error).message)
    return
  }
  const { body } = message
  // Read in part or not at all: the rest is thrown away, so that the connection can be used again.
  if (body.kind === 'source') outgoing.on('finish', () => body.source.cancel(undefined))
  const fail = (error: unknown): void => {
    // The program's error is for its author; the client learns only that it failed.
    console.error(`sluice: uncaught error in the worker (${message.method} ${message.url}):`, error)
    if (outgoing.headersSent) outgoing.destroy()
    else sendText(outgoing, 500, 'Internal Server Error')
  }
  handler.handle(
    message,
    (response) => {
      try {
        send(outgoing, response, incoming.method === 'HEAD')
      } catch (error) {
        // A head that HTTP cannot carry, such as control characters in a header.
        if (response.body.kind === 'source') response.body.source.cancel(error)
        fail(error)
      }
    },
    fail,
  )
}

function messageOf(incoming: IncomingMessage): RequestMessage {
  const headers: [string, string][] = []
  const raw = incoming.rawHeaders
  for (let i = 0; i + 1 < raw.length; i += 2) {
    headers.push([raw[i]?.toLowerCase() ?? '', raw[i + 1] ?? ''])
  }
  const hasBody =
    incoming.headers['content-length'] !== undefined
      ? incoming.headers['content-length'] !== '0'
      : incoming.headers['transfer-encoding'] !== undefined
  return {
    url: urlOf(incoming),
    method: incoming.method ?? 'GET',
    headers,
    body: hasBody ? { kind: 'source', source: sourceOf(incoming) } : { kind: 'none' },
    redirect: 'manual',
  }
}

const plainPath = /^\/[\w\-.~/?=&:@,+;]*$/
const plainHost = /^[a-z0-9\-._]+(:\d+)?$/

function urlOf(incoming: IncomingMessage): string {
  const host =
    incoming.headers.host ?? `${incoming.socket.localAddress}:${incoming.socket.localPort}`
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

// Listens from the first read on: a body that nobody reads must stay Node's to throw away.
function sourceOf(incoming: IncomingMessage): ByteSource {
  let waiting: ((piece: Piece) => void) | undefined
  let ended: Piece | undefined
  let isListening = false
  const answer = (): void => {
    if (waiting === undefined) return
    const chunk = ended?.kind === 'error' ? null : (incoming.read() as Buffer | null)
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
  const onError = (error: Error): void => end({ kind: 'error', error })
  const onClose = (): void =>
    onError(new TypeError('The client closed the connection before the end of the request body'))
  const listen = (): void => {
    isListening = true
    incoming.on('readable', answer).on('end', onEnd).on('error', onError).on('close', onClose)
    if (incoming.destroyed) onClose()
  }
  const discard = (): void => {
    incoming.off('readable', answer)
    incoming.resume()
  }
  return {
    read(callback) {
      waiting = callback
      if (!isListening) listen()
      answer()
    },
    cancel: discard,
  }
}

function send(outgoing: ServerResponse, response: ResponseMessage, isHead: boolean): void {
  const headers: Record<string, string | string[]> = {}
  const cookies: string[] = []
  for (const [name, value] of response.headers) {
    if (name === 'set-cookie') cookies.push(value)
    else headers[name] = value
  }
  if (cookies.length > 0) headers['set-cookie'] = cookies
  const { body } = response
  if (body.kind === 'source') {
    outgoing.writeHead(response.status, response.statusText || undefined, headers)
    if (isHead) {
      body.source.cancel(undefined)
      outgoing.end()
    } else sendPieces(outgoing, body.source)
    return
  }
  // A text goes out in one write with the head; bytes would be a second one.
  const content = body.kind === 'text' ? body.text : body.kind === 'bytes' ? body.bytes : ''
  const mayHaveBody = response.status !== 204 && response.status !== 304
  if (mayHaveBody) headers['content-length'] = String(Buffer.byteLength(content))
  outgoing.writeHead(response.status, response.statusText || undefined, headers)
  if (isHead || content.length === 0) outgoing.end()
  else outgoing.end(content)
}

// The next piece is asked for when the socket has taken the last one. A stream that fails destroys
// the connection: it must not look complete. [EG10]
function sendPieces(outgoing: ServerResponse, source: ByteSource): void {
  outgoing.flushHeaders()
  let isOver = false
  outgoing.on('close', () => {
    if (isOver) return
    isOver = true
    source.cancel(new TypeError('The client closed the connection'))
  })
  const next = (): void => {
    if (!isOver) source.read(onPiece)
  }
  const onPiece = (piece: Piece): void => {
    if (isOver) return
    switch (piece.kind) {
      case 'chunk':
        if (piece.bytes.byteLength === 0 || outgoing.write(piece.bytes)) next()
        else outgoing.once('drain', next)
        return
      case 'end':
        isOver = true
        outgoing.end()
        return
      case 'error':
        isOver = true
        outgoing.destroy()
    }
  }
  next()
}

function sendText(outgoing: ServerResponse, status: number, text: string): void {
  // With its reason phrase: an earlier one, refused, would be kept otherwise.
  outgoing.writeHead(status, STATUS_CODES[status], { 'content-type': 'text/plain;charset=UTF-8' })
  outgoing.end(`${text}\n`)
}

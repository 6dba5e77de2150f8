// The wall between a shard and its front when they are not on one thread: requests, responses and
// their bodies as messages. Works over anything that sends structured-cloneable values in order.

import { assert, DurableError } from '../base/index.ts'
import {
  type BodyMessage,
  type ByteSource,
  connectionLost,
  type Piece,
  type RequestMessage,
  type ResponseMessage,
} from '../globals/index.ts'
import { copyError } from '../rpc/index.ts'
import { SocketChannel, type WithSocketNumber } from './socket-channel.ts'

/** One end of a connection between a front and a shard. */
export interface Port {
  send(message: unknown): void
  onMessage(listener: (message: unknown) => void): void
}

/** What a front can ask of a shard that runs elsewhere. */
export interface ShardLink {
  fetch(message: RequestMessage): Promise<ResponseMessage>
  listen(options: ListenOptions): Promise<ListenAddress>
  /** Drains and closes; resolves when everything is on disk. */
  stop(): Promise<void>
  /** The other end is gone: everything under way fails. */
  lost(error: Error): void
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** The shard side: what the front's requests are answered by. */
export interface ShardService {
  fetch(message: RequestMessage): Promise<ResponseMessage>
  listen(options: ListenOptions): Promise<ListenAddress>
  stop(): Promise<void>
}

type WireBody =
  | Exclude<BodyMessage, { kind: 'source' }>
  | { readonly kind: 'remote'; readonly id: number; readonly length: number | undefined }
type Wire<T> = Omit<T, 'body'> & { readonly body: WireBody }

type WireResponse = WithSocketNumber<Wire<ResponseMessage>>

type Message =
  | { readonly kind: 'fetch'; readonly id: number; readonly request: Wire<RequestMessage> }
  | { readonly kind: 'listen'; readonly id: number; readonly options: ListenOptions }
  | { readonly kind: 'stop'; readonly id: number }
  | { readonly kind: 'response'; readonly id: number; readonly response: WireResponse }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: WireError }
  | { readonly kind: 'read'; readonly source: number }
  | { readonly kind: 'piece'; readonly source: number; readonly piece: WirePiece }
  | { readonly kind: 'cancel'; readonly source: number; readonly reason: WireError | undefined }

type WirePiece = Exclude<Piece, { kind: 'error' }> | { kind: 'failed'; error: WireError }

// Structured clone drops an error's own properties, which callers look at.
interface WireError {
  readonly error: Error
  readonly properties: Readonly<Record<string, unknown>>
}

/** The front's end. */
export function linkShard(port: Port): ShardLink {
  const bodies = new Bodies(port)
  const sockets = new SocketChannel((message) => port.send(message))
  const pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>()
  let lastId = 0
  let lostWith: Error | undefined
  const ask = <T>(make: (id: number) => Message): Promise<T> => {
    if (lostWith !== undefined) return Promise.reject(lostWith)
    lastId += 1
    const id = lastId
    return new Promise<T>((resolve, reject) => {
      pending.set(id, { resolve, reject })
      port.send(make(id))
    })
  }
  const take = (id: number): { resolve(value: never): void; reject(error: Error): void } => {
    const request = pending.get(id)
    assert(request !== undefined, 'a shard answers a request that was not made')
    pending.delete(id)
    return request
  }
  port.onMessage((received) => {
    const message = received as Message
    if (bodies.onMessage(message) || sockets.onMessage(message)) return
    if (message.kind === 'response') {
      const response = sockets.receive(bodies.receive(message.response))
      take(message.id).resolve(response as never)
    } else if (message.kind === 'done') take(message.id).resolve(message.value as never)
    else if (message.kind === 'failed') take(message.id).reject(receiveError(message.error))
  })
  return {
    fetch: (request) => ask((id) => ({ kind: 'fetch', id, request: bodies.send(request) })),
    listen: (options) => ask((id) => ({ kind: 'listen', id, options })),
    stop: () => ask((id) => ({ kind: 'stop', id })),
    lost(error) {
      lostWith = error
      for (const { reject } of pending.values()) reject(error)
      pending.clear()
      bodies.lost(error)
      sockets.lost()
    },
  }
}

/** The shard's end. */
export function serveShard(port: Port, service: ShardService): void {
  const bodies = new Bodies(port)
  const sockets = new SocketChannel((message) => port.send(message))
  port.onMessage((received) => {
    const message = received as Message
    if (bodies.onMessage(message) || sockets.onMessage(message)) return
    const answer = async (): Promise<void> => {
      if (message.kind === 'fetch') {
        const response = await service.fetch(bodies.receive(message.request))
        const wire = sockets.send(bodies.send(response))
        port.send({ kind: 'response', id: message.id, response: wire })
      } else if (message.kind === 'listen') {
        const value = await service.listen(message.options)
        port.send({ kind: 'done', id: message.id, value })
      } else if (message.kind === 'stop') {
        await service.stop()
        port.send({ kind: 'done', id: message.id, value: undefined })
      }
    }
    answer().catch((error: unknown) => {
      const { id } = message as { id: number }
      port.send({ kind: 'failed', id, error: sendError(error) })
    })
  })
}

/** Bodies under way in both directions, pulled piece by piece. */
class Bodies {
  readonly #port: Port
  readonly #local = new Map<number, ByteSource>()
  readonly #reads = new Map<number, (piece: Piece) => void>()
  // A body that whoever had it has dropped is cancelled. [SM8]
  readonly #dropped = new FinalizationRegistry<number>((id) => this.#cancel(id, connectionLost()))
  #lastId = 0
  #lostWith: Error | undefined

  constructor(port: Port) {
    this.#port = port
  }

  send<T extends { readonly body: BodyMessage }>(message: T): Wire<T> {
    const { body } = message
    if (body.kind !== 'source') return { ...message, body }
    this.#lastId += 1
    this.#local.set(this.#lastId, body.source)
    return { ...message, body: { kind: 'remote', id: this.#lastId, length: body.length } }
  }

  receive<T extends { readonly body: BodyMessage }>(message: Wire<T>): T {
    const body: WireBody = message.body
    if (body.kind !== 'remote') return message as unknown as T
    const { id, length } = body
    return {
      ...message,
      body: { kind: 'source', source: this.#remote(id), length },
    } as unknown as T
  }

  /** @returns whether the message was about a body */
  onMessage(message: Message): boolean {
    if (message.kind === 'piece') {
      const read = this.#reads.get(message.source)
      this.#reads.delete(message.source)
      const { piece } = message
      if (piece.kind === 'failed') read?.({ kind: 'error', error: receiveError(piece.error) })
      else read?.(piece)
    } else if (message.kind === 'read') this.#read(message.source)
    else if (message.kind === 'cancel') {
      const { source, reason } = message
      this.#local.get(source)?.cancel(reason === undefined ? undefined : receiveError(reason))
      this.#local.delete(source)
    } else return false
    return true
  }

  lost(error: Error): void {
    this.#lostWith = error
    for (const source of this.#local.values()) source.cancel(error)
    this.#local.clear()
    const reads = [...this.#reads.values()]
    this.#reads.clear()
    for (const read of reads) read({ kind: 'error', error })
  }

  #read(id: number): void {
    this.#local.get(id)?.read((piece) => {
      if (piece.kind !== 'chunk') this.#local.delete(id)
      const wire: WirePiece =
        piece.kind === 'error' ? { kind: 'failed', error: sendError(piece.error) } : piece
      this.#port.send({ kind: 'piece', source: id, piece: wire } satisfies Message)
    })
  }

  #cancel(id: number, reason: unknown): void {
    const read = this.#reads.get(id)
    this.#reads.delete(id)
    const wire = reason === undefined ? undefined : sendError(reason)
    this.#port.send({ kind: 'cancel', source: id, reason: wire } satisfies Message)
    read?.({ kind: 'end' })
  }

  #remote(id: number): ByteSource {
    const source: ByteSource = {
      read: (callback) => {
        const lost = this.#lostWith
        if (lost !== undefined) {
          callback({ kind: 'error', error: lost })
          return
        }
        this.#reads.set(id, (piece) => {
          if (piece.kind !== 'chunk') this.#dropped.unregister(source)
          callback(piece)
        })
        this.#port.send({ kind: 'read', source: id } satisfies Message)
      },
      cancel: (reason) => this.#cancel(id, reason),
    }
    this.#dropped.register(source, id, source)
    return source
  }
}

function sendError(thrown: unknown): WireError {
  const error = copyError(thrown)
  return { error, properties: Object.fromEntries(Object.entries(error)) }
}

function receiveError({ error, properties }: WireError): Error {
  if (!(error instanceof Error)) return new DurableError('Network connection lost.')
  return Object.assign(error, properties)
}

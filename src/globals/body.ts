import { registerPlatformClass } from '../base/index.ts'
import type { Owner } from '../turns/index.ts'
import {
  type ByteSource,
  concatenate,
  connectionLost,
  readAll,
  sourceOfHostStream,
} from './byte-source.ts'
import { bytesOfChunk } from './chunk.ts'
import { gated, ownerHere } from './gated.ts'
import { native } from './native.ts'
import { OwnerSource, RelayedSource } from './owner-source.ts'
import { isStreamUsed, knownLength, setKnownLength, streamOf, takeSource } from './user-readable.ts'

/** A body between two owners, or between an owner and the host. */
export type BodyMessage =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | BodySource

/** Bytes that are still to be read. */
export interface BodySource {
  readonly kind: 'source'
  readonly source: ByteSource
  /** How many bytes there will be, where that is known. */
  readonly length?: number | undefined
}

/** A body inside its object: also a stream that user code made or asked for. */
export type Content = BodyMessage | { readonly kind: 'stream'; readonly stream: ReadableStream }

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const none: BodyMessage = { kind: 'none' }

/**
 * The common part of Request and Response. A body made from text or bytes never becomes a stream
 * unless somebody asks for `body`; a body from outside arrives as delivered events. [GL4]
 */
export abstract class Body {
  #content: Content
  // The body was consumed by one of the readers here, or handed on.
  #isTaken = false

  abstract readonly headers: Headers

  constructor(content: Content) {
    this.#content = content
  }

  get body(): ReadableStream<Uint8Array> | null {
    const content = this.#content
    if (content.kind === 'none') return null
    if (content.kind === 'stream') return content.stream
    const stream = this.#isTaken ? usedStream() : streamOfContent(content)
    this.#content = { kind: 'stream', stream }
    return stream
  }

  get bodyUsed(): boolean {
    if (this.#content.kind === 'none') return false
    return this.#isTaken || (this.#content.kind === 'stream' && isStreamUsed(this.#content.stream))
  }

  async text(): Promise<string> {
    const content = this.#take()
    return content.kind === 'text' ? content.text : decoder.decode(await bytesOf(content))
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async bytes(): Promise<Uint8Array> {
    const content = this.#take()
    const bytes = await bytesOf(content)
    return content.kind === 'bytes' ? bytes.slice() : bytes
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return toArrayBuffer(await this.bytes())
  }

  async blob(): Promise<Blob> {
    const type = this.headers.get('content-type') ?? ''
    return new Blob([toArrayBuffer(await this.bytes())], { type })
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get('content-type') ?? ''
    const body = toArrayBuffer(await this.bytes())
    const parse = (): Promise<FormData> =>
      new native.Response(body, { headers: { 'content-type': type } }).formData()
    const owner = ownerHere()
    return owner === undefined ? parse() : gated(owner, parse)
  }

  /**
   * Hands the body on, for sending: the content of this object is used up.
   *
   * @param owner whose user code made this body
   * @throws TypeError when it was read or locked before
   */
  takeBody(owner: Owner | undefined): BodyMessage {
    const content = this.#take()
    switch (content.kind) {
      case 'stream': {
        const { stream } = content
        const length = knownLength(stream)
        return { kind: 'source', source: sourceOfStream(owner, stream), length }
      }
      case 'source':
        if (owner === undefined) return content
        return { ...content, source: new RelayedSource(owner, content.source) }
      default:
        return content
    }
  }

  /** Content for a second object that can be read independently of this one. */
  protected forkContent(): Content {
    if (this.bodyUsed) {
      throw new TypeError('This ReadableStream is currently locked to a reader,')
    }
    this.#requireUnused()
    const content = this.#content
    if (content.kind === 'none' || content.kind === 'text' || content.kind === 'bytes') {
      return content
    }
    const stream = content.kind === 'stream' ? content.stream : streamOfContent(content)
    const [mine, other] = stream.tee()
    this.#content = { kind: 'stream', stream: mine }
    return { kind: 'stream', stream: other }
  }

  /** Moves the content into another object of the same owner; this one counts as used. */
  moveContent(): Content {
    return this.#take()
  }

  #take(): Content {
    this.#requireUnused()
    if (this.#content.kind !== 'none') this.#isTaken = true
    return this.#content
  }

  #requireUnused(): void {
    if (this.bodyUsed) {
      throw new TypeError(
        'Body has already been used. It can only be used once. Use tee() first if you need to read it twice.',
      )
    }
    if (this.#content.kind === 'stream' && this.#content.stream.locked) {
      throw new TypeError('This ReadableStream is currently locked to a reader.')
    }
  }
}

/** Content made by the runtime, given to a constructor that user code calls with plain bodies. */
export class GivenContent {
  readonly content: Content

  constructor(content: Content) {
    this.content = content
  }
}

/** What `new Response(body)` and `new Request(url, { body })` accept, and the type it implies. */
export function extractContent(body: unknown): { content: Content; contentType: string | null } {
  if (body === null || body === undefined) return { content: none, contentType: null }
  if (body instanceof GivenContent) return { content: body.content, contentType: null }
  if (typeof body === 'string') {
    return { content: { kind: 'text', text: body }, contentType: 'text/plain;charset=UTF-8' }
  }
  if (body instanceof URLSearchParams) {
    const contentType = 'application/x-www-form-urlencoded;charset=UTF-8'
    return { content: { kind: 'text', text: body.toString() }, contentType }
  }
  if (body instanceof ArrayBuffer) {
    return {
      content: { kind: 'bytes', bytes: new Uint8Array(body.slice(0)) },
      contentType: null,
    }
  }
  if (ArrayBuffer.isView(body)) {
    const view = new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
    return { content: { kind: 'bytes', bytes: view.slice() }, contentType: null }
  }
  if (body instanceof native.ReadableStream) {
    if (body.locked || isStreamUsed(body)) {
      throw new TypeError(
        'This ReadableStream is disturbed (has already been read from), and cannot be used as a body.',
      )
    }
    return { content: { kind: 'stream', stream: body }, contentType: null }
  }
  if (body instanceof Blob || body instanceof FormData) {
    const host = new native.Response(body)
    const stream = host.body
    if (stream === null) return { content: none, contentType: null }
    const length = body instanceof Blob ? body.size : undefined
    return {
      content: { kind: 'source', source: sourceOfHostStream(stream), length },
      contentType: host.headers.get('content-type'),
    }
  }
  return extractContent(String(body))
}

async function bytesOf(content: Content): Promise<Uint8Array> {
  switch (content.kind) {
    case 'none':
      return new Uint8Array()
    case 'text':
      return encoder.encode(content.text)
    case 'bytes':
      return content.bytes
    case 'source': {
      const owner = ownerHere()
      const read = (): Promise<Uint8Array> => readAll(content.source)
      if (owner === undefined) return read()
      const stopListening = owner.onBroken(() => content.source.cancel(connectionLost()))
      return gated(owner, read).finally(stopListening)
    }
    case 'stream':
      return readStream(content.stream)
  }
}

// Runs in the turns of the stream's owner: its chunks are produced there.
async function readStream(stream: ReadableStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concatenate(chunks)
    const bytes = typeof value === 'string' ? undefined : bytesOfChunk(value)
    if (bytes === undefined) {
      throw new TypeError('This ReadableStream did not return bytes.')
    }
    chunks.push(bytes)
  }
}

// [SM3] What nobody has read from does not run through the owner's turns.
function sourceOfStream(owner: Owner | undefined, stream: ReadableStream): ByteSource {
  const source = takeSource(stream)
  if (owner === undefined) return source ?? sourceOfHostStream(stream)
  return source === undefined ? new OwnerSource(owner, stream) : new RelayedSource(owner, source)
}

function streamOfContent(
  content: Exclude<BodyMessage, { kind: 'none' }>,
): ReadableStream<Uint8Array> {
  if (content.kind === 'source') return streamOf(content.source, content.length)
  const bytes = content.kind === 'text' ? encoder.encode(content.text) : content.bytes.slice()
  const stream = new native.ReadableStream({
    type: 'bytes',
    start(controller: ReadableByteStreamController) {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
  setKnownLength(stream, bytes.byteLength)
  return stream
}

function usedStream(): ReadableStream<Uint8Array> {
  const stream = new native.ReadableStream<Uint8Array>()
  // Locked for ever and disturbed, as the body of a consumed message is.
  void stream.getReader().cancel()
  return stream
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) {
    return buffer
  }
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}

registerPlatformClass(Body)

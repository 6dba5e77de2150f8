import { enqueuePiece, type Piece } from './byte-source.ts'
import { requireWrittenBytes } from './chunk.ts'
import { native } from './native.ts'
import { setKnownLength } from './user-readable.ts'

interface Strategy {
  readonly highWaterMark?: number
}

/**
 * A pipe of bytes without a buffer: a write is over when a read has taken it. As on the reference,
 * `close()` waits for nobody.
 */
export class IdentityTransformStream {
  readonly #readable: ReadableStream<Uint8Array>
  readonly #writable: WritableStream

  constructor(strategy: Strategy = {}, length?: number) {
    const pipe = new Pipe(length)
    this.#readable = pipe.readable
    const { highWaterMark } = strategy
    this.#writable =
      highWaterMark === undefined
        ? new native.WritableStream(pipe)
        : new native.WritableStream(pipe, {
            highWaterMark,
            size: (chunk: { byteLength?: number } | undefined) => chunk?.byteLength ?? 1,
          })
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable
  }

  get writable(): WritableStream {
    return this.#writable
  }

  get [Symbol.toStringTag](): string {
    return 'IdentityTransformStream'
  }
}

/** An identity stream of a known length, which becomes the `content-length` of a body. [SM10] */
export class FixedLengthStream extends IdentityTransformStream {
  // As rest parameters, they do not count in `FixedLengthStream.length`, as on the reference.
  constructor(...[length, strategy]: [length?: unknown, strategy?: Strategy]) {
    const expected = requireLength(length)
    super(strategy, expected)
    setKnownLength(this.readable, expected)
  }

  override get [Symbol.toStringTag](): string {
    return 'FixedLengthStream'
  }
}

// The underlying sink of the writable side, and what feeds the readable one.
class Pipe {
  readonly readable: ReadableStream<Uint8Array>
  // At most one is set: a write that no read has taken, or a read that waits for a write.
  #written: { readonly bytes: Uint8Array; readonly taken: PromiseWithResolvers<void> } | undefined
  #wanted: (() => void) | undefined
  #source: ReadableByteStreamController | undefined
  #sink: WritableStreamDefaultController | undefined
  #remaining: number | undefined

  constructor(length: number | undefined) {
    this.#remaining = length
    this.readable = new native.ReadableStream(
      {
        type: 'bytes',
        start: (controller: ReadableByteStreamController) => {
          this.#source = controller
        },
        pull: () => this.#pull(),
        cancel: (reason) => this.#cancel(reason),
      },
      { highWaterMark: 0 },
    )
  }

  start(controller: WritableStreamDefaultController): void {
    this.#sink = controller
    // `abort()` is called only when the write under way is over, which here is waiting for a read.
    // Node has the signal, its type package does not.
    const { signal } = controller as unknown as { readonly signal: AbortSignal }
    signal.addEventListener('abort', () => this.#fail(signal.reason))
  }

  write(chunk: unknown): Promise<void> | undefined {
    const bytes = requireWrittenBytes(chunk)
    if (bytes.byteLength === 0) return undefined
    if (this.#remaining !== undefined) {
      if (bytes.byteLength > this.#remaining) {
        const text = 'Attempt to write too many bytes through a FixedLengthStream.'
        const error = new TypeError(text)
        this.#put({ kind: 'error', error })
        throw error
      }
      this.#remaining -= bytes.byteLength
    }
    if (this.#wanted !== undefined) {
      this.#put({ kind: 'chunk', bytes })
      return undefined
    }
    this.#written = { bytes, taken: Promise.withResolvers() }
    return this.#written.taken.promise
  }

  close(): void {
    if (this.#remaining === undefined || this.#remaining === 0) this.#put({ kind: 'end' })
    else {
      const text = 'FixedLengthStream did not see all expected bytes before close().'
      this.#put({ kind: 'error', error: new TypeError(text) })
    }
  }

  #pull(): Promise<void> | undefined {
    const written = this.#written
    if (written === undefined) {
      return new Promise((resolve) => {
        this.#wanted = resolve
      })
    }
    this.#written = undefined
    this.#put({ kind: 'chunk', bytes: written.bytes })
    written.taken.resolve()
    return undefined
  }

  #put(piece: Piece): void {
    if (this.#source !== undefined) enqueuePiece(this.#source, piece)
    this.#wanted?.()
    this.#wanted = undefined
  }

  #cancel(reason: unknown): void {
    const text = reason === undefined ? 'Stream was cancelled.' : String(reason)
    const error = reason instanceof Error ? reason : new Error(text)
    this.#sink?.error(error)
    this.#written?.taken.reject(error)
    this.#written = undefined
    this.#wanted = undefined
  }

  #fail(error: unknown): void {
    this.#written?.taken.reject(error as Error)
    this.#written = undefined
    this.#put({ kind: 'error', error })
  }
}

function requireLength(length: unknown): number {
  const number = Math.trunc(Number(length))
  if (!Number.isFinite(number)) {
    throw new TypeError('The value cannot be converted because it is not an integer.')
  }
  if (number < 0) {
    throw new TypeError(
      'The value cannot be converted because it is negative and this API expects a positive bigint.',
    )
  }
  if (number >= 2 ** 53) {
    throw new TypeError('FixedLengthStream requires an integer expected length less than 2^53.')
  }
  return number
}

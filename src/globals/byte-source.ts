import { DurableError } from '../base/index.ts'
import { type Owner, rootContext, runAsHost } from '../turns/index.ts'
import { native } from './native.ts'

/** What a read gives: bytes (never none), the end, or the error that ended the bytes too early. */
export type Piece =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown }

/**
 * The bytes of a stream on their way between two owners, or between an owner and the host. Pulled
 * one piece at a time, so a slow reader slows the writer down. [SM6]
 */
export interface ByteSource {
  /**
   * Asks for the next piece; at most one read is under way. `callback` is called once, by host code,
   * also when the source is cancelled or its owner breaks meanwhile. After `end` or `error` there is
   * nothing more to read.
   */
  read(callback: (piece: Piece) => void): void
  /** Nobody will read on. A read under way is answered. Does nothing after the end. */
  cancel(reason: unknown): void
}

/** The other side of a stream is gone: it was dropped, or its process ended. */
export function connectionLost(): Error {
  return new DurableError('Network connection lost.', { retryable: true })
}

/** The bytes of a stream that the host made (undici, Blob, the embedding program). */
export function sourceOfHostStream(stream: ReadableStream<Uint8Array>): ByteSource {
  const reader = rootContext(() => stream.getReader())
  const read = (callback: (piece: Piece) => void): void => {
    reader.read().then(
      ({ done, value }) => {
        if (done) callback({ kind: 'end' })
        else if (value.byteLength === 0) read(callback)
        else callback({ kind: 'chunk', bytes: value })
      },
      (error: unknown) => callback({ kind: 'error', error }),
    )
  }
  return {
    read: (callback) => runAsHost(() => read(callback)),
    cancel: (reason) =>
      runAsHost(() => {
        reader.cancel(reason).catch(() => {
          // A stream that already failed cannot be cancelled; its error went to the last read.
        })
      }),
  }
}

/** A stream for host code. */
export function hostStreamOf(source: ByteSource): ReadableStream<Uint8Array> {
  return rootContext(() => {
    let isOver = false
    const pull = (controller: ReadableByteStreamController): Promise<void> =>
      new Promise((resolve) => {
        source.read((piece) => {
          if (!isOver) enqueuePiece(controller, piece)
          resolve()
        })
      })
    const cancel = (reason: unknown): void => {
      isOver = true
      source.cancel(reason)
    }
    return new native.ReadableStream({ type: 'bytes', pull, cancel }, { highWaterMark: 0 })
  })
}

/** Gives a piece to a byte stream that asked for one. */
export function enqueuePiece(controller: ReadableByteStreamController, piece: Piece): void {
  switch (piece.kind) {
    case 'chunk':
      controller.enqueue(piece.bytes)
      return
    case 'end':
      controller.close()
      controller.byobRequest?.respond(0)
      return
    case 'error':
      controller.error(piece.error)
  }
}

/** Reads `source` to its end, in host code; the caller delivers the outcome. */
export function readAll(source: ByteSource): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    const next = (piece: Piece): void => {
      if (piece.kind === 'chunk') {
        chunks.push(piece.bytes)
        source.read(next)
      } else if (piece.kind === 'end') resolve(concatenate(chunks))
      else reject(piece.error as Error)
    }
    source.read(next)
  })
}

export function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array
  return new Uint8Array(Buffer.concat(chunks))
}

/** A source that can be cut off from this side too: what is read afterwards is the error. */
export class CutSource implements ByteSource {
  readonly #source: ByteSource
  readonly #ended: (() => void) | undefined
  #waiting: ((piece: Piece) => void) | undefined
  #over: Piece | undefined

  /** @param ended called once, when nothing more can be read for whatever reason */
  constructor(source: ByteSource, ended?: () => void) {
    this.#source = source
    this.#ended = ended
  }

  read(callback: (piece: Piece) => void): void {
    const over = this.#over
    if (over !== undefined) {
      runAsHost(() => callback(over))
      return
    }
    this.#waiting = callback
    this.#source.read((piece) => {
      if (this.#over !== undefined) return
      if (piece.kind === 'chunk') this.#answer(piece)
      else this.#end(piece)
    })
  }

  cancel(reason: unknown): void {
    this.cut({ kind: 'end' }, reason)
  }

  /**
   * Answers a read under way, and all later ones, with `piece`; cancels what is behind.
   *
   * @param owner whose gate the cancel waits at; it is sent at once when absent
   */
  cut(piece: Piece, reason: unknown, owner?: Owner): void {
    if (this.#over !== undefined) return
    this.#end(piece)
    const cancel = (): void => this.#source.cancel(reason)
    if (owner === undefined) cancel()
    else owner.egress({ released: cancel, dropped: cancel })
  }

  #end(piece: Piece): void {
    this.#over = piece
    this.#answer(piece)
    this.#ended?.()
  }

  #answer(piece: Piece): void {
    const callback = this.#waiting
    this.#waiting = undefined
    if (callback !== undefined) runAsHost(() => callback(piece))
  }
}

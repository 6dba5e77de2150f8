import * as nodeStream from 'node:stream'
import { type Entry, type Owner, rootContext, runAsHost } from '../turns/index.ts'
import { native } from './native.ts'

/** What a read gives: bytes, the end, or the error that ended the bytes too early. */
export type Piece =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown }

/**
 * The bytes of a body on their way between two owners, or between an owner and the host. Pulled one
 * piece at a time, so a slow reader slows the writer down.
 */
export interface ByteSource {
  /**
   * Asks for the next piece; at most one read is under way. `callback` is called once, by host code.
   * After `end` or `error` there is nothing more to read.
   */
  read(callback: (piece: Piece) => void): void
  /** Nobody will read on. */
  cancel(reason: unknown): void
}

/**
 * The bytes of a stream made by user code. Each read enters the owner as an event, and each chunk,
 * the end and an error leave through its output gate. [EG9]
 */
export class OwnerSource implements ByteSource {
  readonly #owner: Owner
  readonly #entry: Entry
  readonly #reader: ReadableStreamDefaultReader<unknown>

  constructor(owner: Owner, stream: ReadableStream) {
    this.#owner = owner
    this.#entry = owner.entry()
    this.#reader = stream.getReader()
  }

  read(callback: (piece: Piece) => void): void {
    let isDone = false
    const finish = (piece: Piece): void => {
      if (isDone) return
      isDone = true
      stopListening()
      runAsHost(() => callback(piece))
    }
    const stopListening = this.#owner.onBroken((error) => finish({ kind: 'error', error }))
    if (isDone) return
    this.#owner.waitStarted()
    const leave = (piece: Piece): void => {
      this.#owner.waitEnded()
      this.#owner.egress({
        released: () => finish(piece),
        dropped: (error) => finish({ kind: 'error', error }),
      })
    }
    this.#entry.deliver(() => {
      this.#reader.read().then(
        ({ done, value }) => leave(done ? { kind: 'end' } : chunkOf(value)),
        (error: unknown) => leave({ kind: 'error', error }),
      )
    })
  }

  cancel(reason: unknown): void {
    this.#entry.deliver(() => {
      this.#reader.cancel(reason).catch(() => {
        // The user's cancel() failed after nobody was interested any more; nobody to tell.
      })
    })
  }
}

// The chunk is copied: user code may write to the buffer it enqueued while the bytes wait.
function chunkOf(value: unknown): Piece {
  if (value instanceof ArrayBuffer) {
    return { kind: 'chunk', bytes: new Uint8Array(value.slice(0)) }
  }
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return { kind: 'chunk', bytes: bytes.slice() }
  }
  return {
    kind: 'error',
    error: new TypeError(
      `Cannot send a chunk of a body: it is of type ${value === null ? 'null' : typeof value}, bytes (ArrayBuffer or view) were wanted`,
    ),
  }
}

/** A stream for user code whose chunks arrive as delivered events. [GL4] */
export function streamForOwner(owner: Owner, source: ByteSource): ReadableStream<Uint8Array> {
  const entry = owner.entry()
  const pull = (controller: ReadableByteStreamController): Promise<void> =>
    new Promise((resolve) => {
      owner.waitStarted()
      source.read((piece) => {
        entry.deliver(() => {
          owner.waitEnded()
          enqueue(controller, piece)
          resolve()
        })
      })
    })
  const cancel = (reason: unknown): void => {
    owner.egress({ released: () => source.cancel(reason), dropped: () => source.cancel(reason) })
  }
  return new native.ReadableStream({ type: 'bytes', pull, cancel }, { highWaterMark: 0 })
}

function enqueue(controller: ReadableByteStreamController, piece: Piece): void {
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

/** The bytes of a stream that the host made (undici, Blob, the embedding program). */
export function sourceOfHostStream(stream: ReadableStream<Uint8Array>): ByteSource {
  const reader = rootContext(() => stream.getReader())
  return {
    read: (callback) =>
      runAsHost(() => {
        reader.read().then(
          ({ done, value }) => callback(done ? { kind: 'end' } : { kind: 'chunk', bytes: value }),
          (error: unknown) => callback({ kind: 'error', error }),
        )
      }),
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
  return rootContext(
    () =>
      new native.ReadableStream(
        {
          type: 'bytes',
          pull: (controller: ReadableByteStreamController) =>
            new Promise<void>((resolve) => {
              source.read((piece) => {
                enqueue(controller, piece)
                resolve()
              })
            }),
          cancel: (reason) => source.cancel(reason),
        },
        { highWaterMark: 0 },
      ),
  )
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

// Node documents it, its type package does not know it.
const { isDisturbed } = nodeStream as unknown as { isDisturbed(stream: ReadableStream): boolean }

/** Whether somebody has read from `stream` or cancelled it. */
export function isStreamUsed(stream: ReadableStream): boolean {
  return isDisturbed(stream)
}

// Readable streams as user code sees them: those it makes itself, and those that bring bytes from
// outside.

import * as nodeStream from 'node:stream'
import { copyError } from '../rpc/index.ts'
import { type ByteSource, connectionLost, enqueuePiece } from './byte-source.ts'
import { ownerHere } from './gated.ts'
import { native } from './native.ts'

// Raised while the runtime itself takes a chunk out of a user's stream.
let isTaking = false

/**
 * Reads a chunk that is about to leave its owner. A stream with a queue calls `pull()` for the chunk
 * after the next while it hands out the next one; what `pull()` writes must not hold the chunk that
 * was there before. So that call comes a little later. [SM2]
 */
export function takeChunk(
  reader: ReadableStreamDefaultReader<unknown>,
): ReturnType<ReadableStreamDefaultReader<unknown>['read']> {
  isTaking = true
  try {
    return reader.read()
  } finally {
    isTaking = false
  }
}

/** `ReadableStream` of user code: Node's own, with `pull()` as {@link takeChunk} says. */
export const UserReadableStream: typeof ReadableStream = new Proxy(native.ReadableStream, {
  construct(target, [source, ...rest], newTarget) {
    return Reflect.construct(target, [withLatePull(source), ...rest], newTarget) as object
  },
})

function withLatePull(source: unknown): unknown {
  if (typeof source !== 'object' || source === null) return source
  const { start, pull, cancel, type, autoAllocateChunkSize } = source as Record<string, unknown>
  if (typeof pull !== 'function') return source
  const call = (controller: unknown): unknown => Reflect.apply(pull, source, [controller])
  const bind = (method: unknown): unknown =>
    typeof method === 'function' ? method.bind(source) : method
  return {
    start: bind(start),
    cancel: bind(cancel),
    type,
    autoAllocateChunkSize,
    pull: (controller: unknown): unknown => {
      if (!isTaking) return call(controller)
      // The chunk's own promise settles after one step, and then the chunk has been issued.
      return Promise.resolve()
        .then(() => {})
        .then(() => call(controller))
    },
  }
}

interface Origin {
  readonly source: ByteSource
  /** Closes the stream without telling the source. */
  detach(): void
}

const origins = new WeakMap<ReadableStream, Origin>()
const lengths = new WeakMap<ReadableStream, number>()

/**
 * A stream for user code of whichever owner reads it: chunks arrive as delivered events, pulled one
 * at a time, in the critical section in which they were asked for. [GL4, SM5]
 */
export function streamOf(source: ByteSource, length?: number): ReadableStream<Uint8Array> {
  let isOver = false
  const pull = (controller: ReadableByteStreamController): Promise<void> =>
    new Promise((resolve) => {
      const deliver = deliveryHere(() => source.cancel(connectionLost()))
      source.read((piece) =>
        deliver(() => {
          if (!isOver) enqueuePiece(controller, piece)
          resolve()
        }),
      )
    })
  const cancel = (reason: unknown): void => {
    if (isOver) return
    isOver = true
    const send = (): void => source.cancel(reason === undefined ? undefined : copyError(reason))
    const owner = ownerHere()
    // A broken owner tells no more than that it reads no more.
    if (owner === undefined) send()
    else owner.egress({ released: send, dropped: () => source.cancel(connectionLost()) })
  }
  const stream = new native.ReadableStream({ type: 'bytes', pull, cancel }, { highWaterMark: 0 })
  origins.set(stream, {
    source,
    detach: () => {
      isOver = true
    },
  })
  if (length !== undefined) setKnownLength(stream, length)
  return stream
}

// How what host code has read comes to the code that asks now.
function deliveryHere(lost: () => void): (run: () => void) => void {
  const owner = ownerHere()
  if (owner === undefined) return (run) => run()
  const entry = owner.entry()
  owner.waitStarted()
  const stopListening = owner.onBroken(lost)
  return (run) => {
    stopListening()
    entry.deliver(() => {
      owner.waitEnded()
      run()
    })
  }
}

/**
 * What is behind a stream made by {@link streamOf} that nobody has read from; the stream counts as
 * used then. Undefined for any other stream: its chunks must be read from itself.
 */
export function takeSource(stream: ReadableStream): ByteSource | undefined {
  const origin = origins.get(stream)
  if (origin === undefined || stream.locked || isStreamUsed(stream)) return undefined
  origin.detach()
  void stream.getReader().cancel()
  return origin.source
}

/** How many bytes a stream that nobody has read from will give, where that is known. */
export function knownLength(stream: ReadableStream): number | undefined {
  return lengths.get(stream)
}

export function setKnownLength(stream: ReadableStream, length: number): void {
  lengths.set(stream, length)
}

// Node documents it, its type package does not know it.
const { isDisturbed } = nodeStream as unknown as { isDisturbed(stream: ReadableStream): boolean }

/** Whether somebody has read from `stream` or cancelled it. */
export function isStreamUsed(stream: ReadableStream): boolean {
  return isDisturbed(stream)
}

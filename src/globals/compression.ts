import { rootContext } from '../turns/index.ts'
import { sourceOfHostStream } from './byte-source.ts'
import { requireWrittenBytes } from './chunk.ts'
import { gated, ownerHere } from './gated.ts'
import { native } from './native.ts'
import { streamOf } from './user-readable.ts'

type Format = ConstructorParameters<typeof CompressionStream>[0]

const formats: ReadonlySet<unknown> = new Set(['deflate', 'deflate-raw', 'gzip'])

// Node compresses on its own threads: what comes back is a delivered event. [GL1]
abstract class GatedPair {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream

  constructor(pair: { readable: ReadableStream; writable: WritableStream }, problem: string) {
    const source = sourceOfHostStream(pair.readable)
    this.readable = streamOf({
      read: (callback) =>
        source.read((piece) => {
          if (piece.kind !== 'error') callback(piece)
          else callback({ kind: 'error', error: new TypeError(problem, { cause: piece.error }) })
        }),
      cancel: (reason) => source.cancel(reason),
    })
    const writer = rootContext(() => pair.writable.getWriter())
    this.writable = new native.WritableStream({
      write: (chunk) => {
        const bytes = requireWrittenBytes(chunk)
        return inHost(() => writer.write(bytes))
      },
      close: () => inHost(() => writer.close()),
      abort: (reason) => inHost(() => writer.abort(reason)),
    })
  }
}

/** `CompressionStream` of user code. */
export class UserCompressionStream extends GatedPair {
  constructor(format: Format) {
    requireFormat(format)
    super(
      rootContext(() => new native.CompressionStream(format)),
      'Compression failed.',
    )
  }
}

/** `DecompressionStream` of user code. */
export class UserDecompressionStream extends GatedPair {
  constructor(format: Format) {
    requireFormat(format)
    super(
      rootContext(() => new native.DecompressionStream(format)),
      'Decompression failed.',
    )
  }
}

function inHost(start: () => Promise<void>): Promise<void> {
  const owner = ownerHere()
  return owner === undefined ? start() : gated(owner, start)
}

function requireFormat(format: unknown): void {
  if (!formats.has(format)) {
    throw new TypeError("The compression format must be either 'deflate', 'deflate-raw' or 'gzip'.")
  }
}

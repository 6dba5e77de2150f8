import { copyError } from '../rpc/index.ts'
import { type Entry, type Owner, runAsHost } from '../turns/index.ts'
import { type ByteSource, connectionLost, type Piece } from './byte-source.ts'
import { bytesOfChunk } from './chunk.ts'
import { takeChunk } from './user-readable.ts'

/**
 * The bytes of a stream made by user code. Each read enters the owner as an event, and each chunk,
 * the end and an error leave through its output gate. [SM1]
 *
 * The owner counts as busy until the last piece has left or somebody cancels. When whoever had this
 * source drops it, that is noticed too, if late, and is a cancel. [SM8]
 */
export class OwnerSource implements ByteSource {
  readonly #reading: Reading

  /** Locks `stream`; throws when it is locked. */
  constructor(owner: Owner, stream: ReadableStream) {
    this.#reading = new Reading(owner, stream.getReader())
    dropped.register(this, this.#reading)
  }

  read(callback: (piece: Piece) => void): void {
    this.#reading.read(callback)
  }

  cancel(reason: unknown): void {
    this.#reading.cancel(reason)
  }
}

// What the owner and its promises hold on to; it must not hold on to the source.
const dropped = new FinalizationRegistry<Reading>((reading) => reading.cancel(connectionLost()))

class Reading {
  readonly #owner: Owner
  readonly #entry: Entry
  readonly #reader: ReadableStreamDefaultReader<unknown>
  #stopListening: () => void = () => {}
  #callback: ((piece: Piece) => void) | undefined
  #over: Piece | undefined
  // The first chunk is taken before anybody asks: what is written until then must not hold it. [SM2]
  #isTaking = true
  #first: Piece | undefined

  constructor(owner: Owner, reader: ReadableStreamDefaultReader<unknown>) {
    this.#owner = owner
    this.#entry = owner.entry()
    this.#reader = reader
    owner.waitStarted()
    this.#stopListening = owner.onBroken((error) => this.#finish(resetPiece(error)))
    // Not in this turn: what its pull() writes need not hold the message that brings the stream.
    this.#entry.deliverLater(() => this.#take())
  }

  read(callback: (piece: Piece) => void): void {
    this.#callback = callback
    const ready = this.#first ?? this.#over
    this.#first = undefined
    if (ready !== undefined) this.#answer(ready)
    else if (!this.#isTaking) {
      this.#isTaking = true
      this.#entry.deliver(() => this.#take())
    }
  }

  cancel(reason: unknown): void {
    if (this.#over !== undefined) return
    this.#first = undefined
    this.#finish({ kind: 'end' })
    this.#cancelStream(reason)
  }

  #cancelStream(reason: unknown): void {
    this.#entry.deliver(() => {
      this.#reader.cancel(reason).catch(() => {
        // The user's cancel() failed after nobody was interested any more; nobody to tell.
      })
    })
  }

  // Inside a turn of the owner, as are the callbacks.
  #take(): void {
    if (this.#over !== undefined) return
    takeChunk(this.#reader).then(
      ({ done, value }) => {
        if (done) this.#leave({ kind: 'end' })
        else this.#leaveChunk(value)
      },
      (error: unknown) => this.#leave({ kind: 'error', error: copyError(error, { remote: true }) }),
    )
  }

  #leaveChunk(value: unknown): void {
    const bytes = bytesOfChunk(value)
    if (bytes === undefined) {
      const text = 'Draining read encountered a value that cannot be converted to bytes'
      this.#leave({ kind: 'error', error: copyError(new TypeError(text), { remote: true }) })
      this.#cancelStream(new TypeError(text))
    } else if (bytes.byteLength === 0) this.#take()
    // Copied: user code may write to the buffer it enqueued while the bytes wait.
    else this.#leave({ kind: 'chunk', bytes: typeof value === 'string' ? bytes : bytes.slice() })
  }

  #leave(piece: Piece): void {
    this.#owner.egress({
      released: () => this.#finish(piece),
      dropped: (error) => this.#finish(resetPiece(error)),
    })
  }

  #finish(piece: Piece): void {
    if (this.#over !== undefined) return
    this.#isTaking = false
    if (piece.kind === 'chunk') {
      if (this.#callback === undefined) this.#first = piece
    } else {
      this.#over = piece
      this.#owner.waitEnded()
      this.#stopListening()
    }
    this.#answer(piece)
  }

  #answer(piece: Piece): void {
    const callback = this.#callback
    this.#callback = undefined
    if (callback !== undefined) runAsHost(() => callback(piece))
  }
}

function resetPiece(error: unknown): Piece {
  return { kind: 'error', error: copyError(error, { remote: true, durableObjectReset: true }) }
}

/**
 * Bytes from elsewhere that an owner hands on without having looked at them: they run through none
 * of its turns, but leave through its output gate, and end when it breaks. [SM3]
 */
export class RelayedSource implements ByteSource {
  readonly #owner: Owner
  readonly #source: ByteSource

  constructor(owner: Owner, source: ByteSource) {
    this.#owner = owner
    this.#source = source
  }

  read(callback: (piece: Piece) => void): void {
    let isDone = false
    let stopListening = (): void => {}
    const finish = (piece: Piece): void => {
      if (isDone) return
      isDone = true
      stopListening()
      runAsHost(() => callback(piece))
    }
    const reset = (error: unknown): void => {
      finish(resetPiece(error))
      this.#source.cancel(connectionLost())
    }
    stopListening = this.#owner.onBroken(reset)
    if (isDone) return
    this.#source.read((piece) =>
      this.#owner.egress({ released: () => finish(piece), dropped: reset }),
    )
  }

  cancel(reason: unknown): void {
    this.#source.cancel(reason)
  }
}

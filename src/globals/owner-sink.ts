import { DurableError } from '../base/index.ts'
import { copyError } from '../rpc/index.ts'
import { type Entry, type Owner, runAsHost } from '../turns/index.ts'
import { requireWrittenBytes } from './chunk.ts'
import { gatedPromise, ownerHere } from './gated.ts'
import { native } from './native.ts'

/** Called once, by host code: what was asked for is done, or why it is not. */
export type Done = (failure?: { readonly error: unknown }) => void

/** The way into a writable stream that lives elsewhere; at most one call is under way. */
export interface ByteSink {
  write(bytes: Uint8Array, done: Done): void
  close(done: Done): void
  /** Nobody will write on, and what was written is not complete. */
  abort(reason: unknown): void
}

/**
 * The way into a writable stream of user code. Each write, the close and an abort enter its owner as
 * events, and their outcome leaves through its output gate. [SM4]
 *
 * Keeps its owner busy as `OwnerSource` does, and dropping it is an abort.
 */
export class OwnerSink implements ByteSink {
  readonly #writing: Writing

  /** Locks `stream`; throws when it is locked. */
  constructor(owner: Owner, stream: WritableStream) {
    this.#writing = new Writing(owner, stream.getWriter())
    dropped.register(this, this.#writing)
  }

  write(bytes: Uint8Array, done: Done): void {
    this.#writing.ask(
      (writer) => writer.write(bytes),
      (failure) => {
        // The writer's stream has failed with it: it will not even abort.
        if (failure !== undefined) this.#writing.end()
        done(failure)
      },
    )
  }

  close(done: Done): void {
    this.#writing.ask(
      (writer) => writer.close(),
      (failure) => {
        this.#writing.end()
        done(failure)
      },
    )
  }

  abort(reason: unknown): void {
    this.#writing.abort(reason)
  }
}

const dropped = new FinalizationRegistry<Writing>((writing) =>
  writing.abort(
    new DurableError(
      'WritableStream received over RPC was disconnected because the remote execution context has ended.',
      { retryable: true },
    ),
  ),
)

class Writing {
  readonly #owner: Owner
  readonly #entry: Entry
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  #stopListening: () => void = () => {}
  #done: Done | undefined
  #isOver = false

  constructor(owner: Owner, writer: WritableStreamDefaultWriter<Uint8Array>) {
    this.#owner = owner
    this.#entry = owner.entry()
    this.#writer = writer
    owner.waitStarted()
    this.#stopListening = owner.onBroken((error) => {
      this.end()
      this.#answer({ error: copyError(error, { durableObjectReset: true }) })
    })
  }

  ask(
    operation: (writer: WritableStreamDefaultWriter<Uint8Array>) => Promise<void>,
    done: Done,
  ): void {
    this.#done = done
    const { broken } = this.#owner
    if (broken !== undefined) {
      this.#answer({ error: copyError(broken.error, { durableObjectReset: true }) })
      return
    }
    const leave = (failure?: { readonly error: unknown }): void =>
      this.#owner.egress({
        released: () => this.#answer(failure),
        dropped: (error) => this.#answer({ error: copyError(error, { durableObjectReset: true }) }),
      })
    this.#entry.deliver(() => {
      operation(this.#writer).then(
        () => leave(),
        (error: unknown) => leave({ error: copyError(error) }),
      )
    })
  }

  abort(reason: unknown): void {
    if (this.#isOver) return
    this.end()
    this.#entry.deliver(() => {
      this.#writer.abort(reason).catch(() => {
        // The user's abort() failed, or the stream had: the one who gave up has left.
      })
    })
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#owner.waitEnded()
    this.#stopListening()
  }

  #answer(failure?: { readonly error: unknown }): void {
    const done = this.#done
    this.#done = undefined
    if (done !== undefined) runAsHost(() => done(failure))
  }
}

/**
 * A writable stream for user code of whichever owner writes to it: each chunk, the close and an
 * abort leave through the writer's output gate, and a write is over when the other side has taken
 * it. [SM4, SM6]
 */
export function writableOf(sink: ByteSink): WritableStream {
  return new native.WritableStream({
    write: (chunk) => {
      const bytes = requireWrittenBytes(chunk)
      return bytes.byteLength === 0 ? undefined : send((done) => sink.write(bytes, done))
    },
    close: () => send((done) => sink.close(done)),
    abort: (reason) => {
      const copy = copyError(reason)
      const abort = (): void => sink.abort(copy)
      const owner = ownerHere()
      if (owner === undefined) abort()
      else owner.egress({ released: abort, dropped: abort })
    },
  })
}

function send(start: (done: Done) => void): Promise<void> {
  const owner = ownerHere()
  if (owner === undefined) {
    return new Promise((resolve, reject) => {
      start((failure) => (failure === undefined ? resolve() : reject(failure.error as Error)))
    })
  }
  const { promise, resolve, reject } = gatedPromise<void>(owner)
  const done: Done = (failure) =>
    failure === undefined ? resolve(() => {}) : reject(failure.error)
  owner.egress({ released: () => start(done), dropped: reject })
  return promise
}

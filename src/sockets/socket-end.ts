/** The payload of one frame. Whoever gets an ArrayBuffer owns it. */
export type SocketData = string | ArrayBuffer

/** What one end of a socket hears, in order. */
export type SocketEvent =
  | { readonly kind: 'message'; readonly data: SocketData }
  /** The other end's Close frame; 1005 when it carried no code. */
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }
  /** The connection is gone without a Close frame. With an error, it broke the protocol. */
  | { readonly kind: 'lost'; readonly error: Error | undefined }

/**
 * Who uses an end. Called in any turn or in none, so it hands the event over (to its owner's gate,
 * to {@link runAsHost}) and returns.
 */
export type SocketListener = (event: SocketEvent) => void

/** What may wait for an end that nobody listens to yet; beyond, the connection is lost. [WS14] */
const earlyBytesMax = 16 * 1024 * 1024
/** From here on whoever sends from the network should pause, and may resume below a half. [WS15] */
const behindBytes = 1024 * 1024
/** What a message costs beside its payload. */
const messageBytes = 64

/**
 * One end of a socket, wherever it is used: by an object, by the worker, by the front door, by the
 * embedding program. What one end sends the other hears, in order, at once and without a copy.
 *
 * Knows no gates: whoever sends for user code asks the owner's gate first (see `Outbox`).
 */
export class SocketEnd {
  // Undefined once the connection is over.
  #peer: SocketEnd | undefined
  #listener: SocketListener | undefined
  readonly #early: SocketEvent[] = []
  #isTaken = false
  #hasClosed = false
  // Payload heard here and not yet taken.
  #waitingBytes = 0
  #caughtUp: (() => void) | undefined

  static pair(): readonly [SocketEnd, SocketEnd] {
    const ends = [new SocketEnd(), new SocketEnd()] as const
    ends[0].#peer = ends[1]
    ends[1].#peer = ends[0]
    return ends
  }

  /** Marks this end as accepted, or as passed on in a response. */
  take(): void {
    this.#isTaken = true
  }

  get peerIsTaken(): boolean {
    return this.#peer === undefined || this.#peer.#isTaken
  }

  /** Nothing can be sent nor heard any more. */
  get isOver(): boolean {
    return this.#peer === undefined
  }

  /** Hears everything from now on, and first what came before. Called once. */
  listen(listener: SocketListener): void {
    this.#listener = listener
    for (const event of this.#early.splice(0)) listener(event)
  }

  /** Passes a message or a Close frame to the other end. After a Close frame nothing is passed. */
  send(event: Exclude<SocketEvent, { kind: 'lost' }>): void {
    const peer = this.#peer
    if (peer === undefined || this.#hasClosed) return
    if (event.kind === 'message') peer.#waitingBytes += costOf(event.data)
    else {
      this.#hasClosed = true
      if (peer.#hasClosed) this.#end()
    }
    peer.#hear(event)
  }

  /**
   * Ends the connection without a Close frame. The other end is told, unless it was closed properly
   * before.
   */
  disconnect(error?: Error): void {
    const peer = this.#peer
    if (peer === undefined) return
    this.#end()
    if (!this.#hasClosed) peer.#hear({ kind: 'lost', error })
  }

  /** Whoever listens here has begun to handle `data`. */
  taken(data: SocketData): void {
    this.#waitingBytes -= costOf(data)
    if (this.#caughtUp === undefined || this.#waitingBytes > behindBytes / 2) return
    const caughtUp = this.#caughtUp
    this.#caughtUp = undefined
    caughtUp()
  }

  /** The other end has much to handle: a source that can should pause. */
  get peerIsBehind(): boolean {
    return this.#peer !== undefined && this.#peer.#waitingBytes > behindBytes
  }

  /** Calls `resume` once when the other end is no longer behind. */
  whenPeerCaughtUp(resume: () => void): void {
    if (this.#peer !== undefined) this.#peer.#caughtUp = resume
  }

  #hear(event: SocketEvent): void {
    if (this.#listener !== undefined) this.#listener(event)
    else if (this.#waitingBytes > earlyBytesMax) this.disconnect()
    else this.#early.push(event)
  }

  #end(): void {
    if (this.#peer !== undefined) this.#peer.#peer = undefined
    this.#peer = undefined
  }
}

function costOf(data: SocketData): number {
  return messageBytes + (typeof data === 'string' ? data.length : data.byteLength)
}

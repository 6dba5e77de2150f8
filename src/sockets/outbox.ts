import type { Outgoing, Owner } from '../turns/index.ts'
import type { SocketEnd, SocketEvent } from './socket-end.ts'

type Frame = Exclude<SocketEvent, { kind: 'lost' }>

/**
 * What leaves by one socket. Each frame waits at its owner's output gate, with the holds present when
 * it was sent, and frames of one socket never overtake each other. When the gate breaks, what it held
 * is dropped and the connection is lost. [WS1, WS2, WS3]
 */
export class Outbox {
  readonly #end: SocketEnd
  // In the order sent; those released stay until all before them are.
  #frames: HeldFrame[] = []

  constructor(end: SocketEnd) {
    this.#end = end
  }

  /** @param owner whose code sends; undefined for host code, which no gate holds */
  send(owner: Owner | undefined, frame: Frame): void {
    if (owner === undefined) {
      this.sendUngated(frame)
      return
    }
    const held = new HeldFrame(this, frame)
    owner.egress(held)
    if (held.isReleased && this.#frames.length === 0) this.#end.send(frame)
    else this.#queue(held)
  }

  /** Waits for no gate, only behind frames of this socket that do. */
  sendUngated(frame: Frame): void {
    if (this.#frames.length === 0) this.#end.send(frame)
    else {
      const held = new HeldFrame(this, frame)
      held.isReleased = true
      this.#queue(held)
    }
  }

  /** @internal A frame that is queued was released. */
  flush(): void {
    let count = 0
    while (this.#frames[count]?.isReleased === true) count += 1
    for (const { frame } of this.#frames.splice(0, count)) this.#end.send(frame)
  }

  /** @internal The gate broke. */
  drop(): void {
    this.#frames = []
    this.#end.disconnect()
  }

  #queue(held: HeldFrame): void {
    held.isQueued = true
    this.#frames.push(held)
  }
}

class HeldFrame implements Outgoing {
  readonly frame: Frame
  readonly #outbox: Outbox
  isReleased = false
  isQueued = false

  constructor(outbox: Outbox, frame: Frame) {
    this.#outbox = outbox
    this.frame = frame
  }

  released(): void {
    this.isReleased = true
    if (this.isQueued) this.#outbox.flush()
  }

  dropped(): void {
    this.#outbox.drop()
  }
}

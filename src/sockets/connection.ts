import { Outbox } from './outbox.ts'
import type { SocketEnd, SocketEvent } from './socket-end.ts'

/** How user code uses its end of a socket. */
export type SocketUse = 'new' | 'accepted' | 'hibernatable' | 'passed-on'

/**
 * What there is to one end of a socket beside the JavaScript object that user code holds: it outlives
 * that object when its owner hibernates.
 */
export class Connection {
  readonly end: SocketEnd
  readonly outbox: Outbox
  use: SocketUse = 'new'
  /** The peer's Close frame has arrived (or never will). */
  closedIncoming = false
  /** Ours is on its way. */
  closedOutgoing = false
  /** Nothing that is sent arrives any more. */
  isLost = false
  hasFailed = false
  attachment: Uint8Array | undefined
  /** What the client and the object agreed on; known at the client's side of a response. */
  protocol = ''
  extensions = ''

  constructor(end: SocketEnd) {
    this.end = end
    this.outbox = new Outbox(end)
  }

  get readyState(): 1 | 2 | 3 {
    if (this.hasFailed || (this.closedIncoming && this.closedOutgoing)) return 3
    return this.closedIncoming || this.closedOutgoing ? 2 : 1
  }

  /** Takes note of what `event` says about the connection, before user code hears of it. */
  note(event: SocketEvent): void {
    if (event.kind === 'message') return
    this.closedIncoming = true
    if (event.kind === 'lost') {
      this.isLost = true
      if (event.error !== undefined) this.hasFailed = true
    }
  }
}

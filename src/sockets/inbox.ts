import type { SocketEnd, SocketEvent } from './socket-end.ts'

/**
 * What has arrived at one end and waits for user code. At most one event of a socket waits at its
 * owner's gate at a time, so a flooding peer does not keep the other sockets of an object waiting.
 * [WS10]
 */
export class Inbox {
  readonly #end: SocketEnd
  readonly #start: (event: SocketEvent) => boolean
  readonly #waiting: SocketEvent[] = []
  #current: SocketEvent | undefined

  /**
   * @param start has the event delivered, in whose turn `take` is called first; or handles it at
   *   once, and returns false
   */
  constructor(end: SocketEnd, start: (event: SocketEvent) => boolean) {
    this.#end = end
    this.#start = start
  }

  readonly hear = (event: SocketEvent): void => {
    if (this.#current !== undefined) this.#waiting.push(event)
    else this.#begin(event)
  }

  /** The turn of the event has begun: the next one may queue up behind others. */
  take(): SocketEvent {
    const event = this.#current as SocketEvent
    this.#current = undefined
    this.#count(event)
    for (;;) {
      const next = this.#waiting.shift()
      if (next === undefined || this.#begin(next)) return event
    }
  }

  #begin(event: SocketEvent): boolean {
    this.#current = event
    if (this.#start(event)) return true
    this.#current = undefined
    this.#count(event)
    return false
  }

  #count(event: SocketEvent): void {
    if (event.kind === 'message') this.#end.taken(event.data)
  }
}

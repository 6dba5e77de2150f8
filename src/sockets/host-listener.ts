import { runAsHost } from '../turns/index.ts'
import type { SocketEnd, SocketEvent } from './socket-end.ts'

/**
 * Listens at `end` for host code (a network socket, a message port): what is said during a turn
 * arrives after it, in order and at one go.
 */
export function listenAsHost(
  end: SocketEnd,
  deliver: (events: readonly SocketEvent[]) => void,
): void {
  let events: SocketEvent[] = []
  const flush = (): void => {
    const said = events
    events = []
    for (const event of said) if (event.kind === 'message') end.taken(event.data)
    deliver(said)
  }
  end.listen((event) => {
    events.push(event)
    if (events.length === 1) runAsHost(flush)
  })
}

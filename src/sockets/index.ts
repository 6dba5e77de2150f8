// sockets: WebSockets between owners, and between an owner and the host. A socket is two `SocketEnd`s:
// what one sends the other hears. User code holds a `UserWebSocket` on one of them; the front door,
// a message port or the embedding program may hold the other.
//
// Knows owners and turns (frames leave through the owner's output gate and arrive as its events),
// nothing of networks, objects or storage. Rules: docs/spec/sockets.md.

export { WebSocketRequestResponsePair, requireAutoResponseSize } from './auto-response.ts'
export { Connection } from './connection.ts'
export { Inbox } from './inbox.ts'
export { listenAsHost } from './host-listener.ts'
export { type SocketData, SocketEnd, type SocketEvent, type SocketListener } from './socket-end.ts'
export {
  connectionOf,
  hibernateWebSocket,
  lostReason,
  passOnWebSocket,
  receiveWebSocket,
  UserWebSocket,
  WebSocketPair,
} from './user-web-socket.ts'

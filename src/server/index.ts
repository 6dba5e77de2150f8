// server: the HTTP front door of a shard. Turns requests of node:http into messages, and messages
// into responses. Knows nothing of objects or gates: what it gets from the shard may leave.

export { type HttpServer, type RequestHandler, serveHttp } from './http-server.ts'

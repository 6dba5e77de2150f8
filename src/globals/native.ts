// Node's own versions of what `install.ts` patches, captured before that.

type Captured =
  | 'clearImmediate'
  | 'clearInterval'
  | 'clearTimeout'
  | 'CompressionStream'
  | 'DecompressionStream'
  | 'fetch'
  | 'Headers'
  | 'queueMicrotask'
  | 'ReadableStream'
  | 'Request'
  | 'Response'
  | 'setImmediate'
  | 'setInterval'
  | 'setTimeout'
  | 'TransformStream'
  | 'WritableStream'
  | 'WebSocket'

export const native: Readonly<Pick<typeof globalThis, Captured>> = {
  clearImmediate: globalThis.clearImmediate,
  clearInterval: globalThis.clearInterval,
  clearTimeout: globalThis.clearTimeout,
  CompressionStream: globalThis.CompressionStream,
  DecompressionStream: globalThis.DecompressionStream,
  fetch: globalThis.fetch,
  Headers: globalThis.Headers,
  queueMicrotask: globalThis.queueMicrotask,
  ReadableStream: globalThis.ReadableStream,
  Request: globalThis.Request,
  Response: globalThis.Response,
  setImmediate: globalThis.setImmediate,
  setInterval: globalThis.setInterval,
  setTimeout: globalThis.setTimeout,
  TransformStream: globalThis.TransformStream,
  WritableStream: globalThis.WritableStream,
  WebSocket: globalThis.WebSocket,
}

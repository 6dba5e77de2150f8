// Responses that carry a WebSocket, where the types of `Response` come from @types/node.

import type {} from 'undici-types/fetch.js'

declare module 'undici-types/fetch.js' {
  interface ResponseInit {
    webSocket?: WebSocket | null
  }
}

import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { listenAsHost, type SocketEnd, type SocketEvent } from '../sockets/index.ts'

/** What may wait for a slow client; the next frame then ends the connection. [WS16] */
const unsentBytesMax = 16 * 1024 * 1024
/** A client that has not answered the Close frame of a stopping server by then is cut off. */
const closeMsMax = 2000
const noCode = 1005
const goingAway = 1001
const reasonBytesMax = 123

/**
 * The server's side of one client's WebSocket. Unlike `ws` by itself it does not answer a Close frame:
 * the end behind it does, or does not.
 */
export class ClientSocket extends WebSocket {
  #end: SocketEnd | undefined
  #stream: Duplex | undefined
  #protocolErrorCode = 0

  /** Joins the client to `end`: each hears what the other says, from now on. */
  join(end: SocketEnd, stream: Duplex): void {
    this.#end = end
    this.#stream = stream
    this.on('message', (data: Buffer, isBinary: boolean) => {
      end.send({ kind: 'message', data: isBinary ? bytesOf(data) : data.toString() })
      if (end.peerIsBehind) this.#pause(end)
    })
    // Only protocol errors; a network that fails is a close without Close frame.
    this.on('error', (error) => end.disconnect(protocolError(this.#protocolErrorCode, error)))
    // After Close frames in both directions nobody is told.
    this.on('close', () => end.disconnect())
    listenAsHost(end, (events) => this.#write(events))
  }

  /**
   * Called by `ws` when a Close frame has come (without values, or with code and reason), and with a
   * code alone when the client broke the protocol. [WS12]
   */
  override close(code?: number, reason?: string | Buffer): void {
    if (code !== undefined && reason === undefined) {
      this.#protocolErrorCode = code
      super.close(code)
      return
    }
    const end = this.#end
    if (end === undefined) {
      super.close()
      return
    }
    end.send({ kind: 'closed', code: code ?? noCode, reason: String(reason ?? '') })
    // With our own Close frame sent before, the connection is over.
    if (this.readyState === WebSocket.CLOSING) super.close()
  }

  /** The server stops. */
  goAway(): void {
    this.#reply(goingAway, '')
    const timer = setTimeout(() => this.terminate(), closeMsMax)
    this.once('close', () => clearTimeout(timer))
  }

  #write(events: readonly SocketEvent[]): void {
    if (events.length > 1) this.#stream?.cork()
    for (const event of events) {
      if (event.kind === 'message') this.#send(event.data)
      else if (event.kind === 'closed') this.#reply(event.code, event.reason)
      else this.terminate()
    }
    if (events.length > 1) this.#stream?.uncork()
  }

  #send(data: string | ArrayBuffer): void {
    if (this.readyState !== WebSocket.OPEN) return
    if (this.bufferedAmount > unsentBytesMax) this.terminate()
    else this.send(data)
  }

  #reply(code: number, reason: string): void {
    if (code === noCode) super.close()
    // No frame can carry it; the client is to notice that, as the reference's does. [WS23]
    else if (Buffer.byteLength(reason) > reasonBytesMax) this.terminate()
    else super.close(code, reason)
  }

  #pause(end: SocketEnd): void {
    if (this.isPaused) return
    this.pause()
    end.whenPeerCaughtUp(() => this.resume())
  }
}

// The reference's words.
function protocolError(code: number, { message }: Error): Error {
  return new Error(
    `WebSocket protocol error; protocolError.statusCode = ${code}; protocolError.description = ${message}`,
  )
}

// The chunk may be a part of a buffer that others read from.
function bytesOf(data: Buffer): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = data
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}

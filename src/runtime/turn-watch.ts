// A turn that never ends is seen from outside of its thread only. The shard writes into shared memory
// who runs and since when; somebody on another thread looks at it now and then.

import { pump } from '../turns/index.ts'

const labelBytesMax = 1000
const startBytes = 8
const lengthBytes = 4
// A turn that is only a little too long resets its own object, when it ends.
const graceMs = 1000

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Shared memory for one shard. */
export class TurnWatch {
  readonly buffer: SharedArrayBuffer
  // When the turn began; 0 between turns. In milliseconds since 1970, which all threads agree about.
  readonly #startedAt: Float64Array
  readonly #length: Int32Array
  readonly #label: Uint8Array

  constructor(
    buffer: SharedArrayBuffer = new SharedArrayBuffer(startBytes + lengthBytes + labelBytesMax),
  ) {
    this.buffer = buffer
    this.#startedAt = new Float64Array(buffer, 0, 1)
    this.#length = new Int32Array(buffer, startBytes, 1)
    this.#label = new Uint8Array(buffer, startBytes + lengthBytes)
  }

  /** Tells of the turns of this thread. @returns how to stop that */
  tell(): () => void {
    let last = ''
    return pump.watchTurns({
      started: (label) => {
        if (label !== last) {
          last = label
          this.#length[0] = encoder.encodeInto(label, this.#label).written
        }
        this.#startedAt[0] = now()
      },
      ended: () => {
        this.#startedAt[0] = 0
      },
    })
  }

  /**
   * Looks at the turns of another thread.
   *
   * @param stuck called once, when a turn has run for longer than `limitMs` and a second
   * @returns how to stop that
   */
  look(limitMs: number, stuck: (label: string, runsForMs: number) => void): () => void {
    const timer = setInterval(
      () => {
        const startedAt = this.#startedAt[0] ?? 0
        const runsForMs = now() - startedAt
        if (startedAt === 0 || runsForMs <= limitMs + graceMs) return
        clearInterval(timer)
        const bytes = this.#label.slice(0, this.#length[0])
        stuck(decoder.decode(bytes), Math.round(runsForMs))
      },
      Math.min(limitMs / 4, 1000),
    )
    timer.unref()
    return () => clearInterval(timer)
  }
}

/** What is logged when a shard is ended for a turn. */
export function stuckText(label: string, runsForMs: number, limitMs: number): string {
  return `Cannot go on: code of ${label} has run for ${runsForMs} ms without an end, ${limitMs} ms are allowed; its shard is ended, and all objects on it with their shard`
}

function now(): number {
  return performance.timeOrigin + performance.now()
}

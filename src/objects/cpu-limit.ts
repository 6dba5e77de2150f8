import { DurableError } from '../base/index.ts'

/**
 * What one object may compute: each event that comes to it gives it the whole time again, as where the
 * reference is hosted. Counted is the time of its turns, which nothing interrupts. [LM4]
 */
export class CpuLimit {
  readonly #limitMs: number
  #usedMs = 0
  #startedAt: number | undefined

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  eventCame(): void {
    this.#usedMs = 0
  }

  turnStarted(): void {
    this.#startedAt ??= performance.now()
  }

  /** @returns why the object is to be reset, if it is */
  turnEnded(): DurableError | undefined {
    if (this.#startedAt === undefined) return undefined
    this.#usedMs += performance.now() - this.#startedAt
    this.#startedAt = undefined
    if (this.#usedMs <= this.#limitMs) return undefined
    return new DurableError('Durable Object exceeded its CPU time limit and was reset.', {
      overloaded: true,
    })
  }
}

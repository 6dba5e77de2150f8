import type { Timers } from '../base/index.ts'
import { rangeOf } from './key-order.ts'
import type { KvAnswer, KvEntry, KvFlush, KvListRange, KvStore } from './kv-store.ts'
import type { ObjectStore } from './object-store.ts'

/**
 * An object's database as a store that takes time: each call is carried out `delayMs` later. For
 * feeling what remote storage feels like; what is answered as durable is in the commit log.
 *
 * Calls are carried out in their order, so that a cache that replaces a broken one sees what that one
 * had sent.
 */
export class DelayedKvStore implements KvStore {
  readonly #store: ObjectStore
  readonly #delayMs: number
  readonly #timers: Timers
  readonly #flushLog: () => void

  /** @param options.flushLog makes the commit log take what was written */
  constructor(options: {
    readonly store: ObjectStore
    readonly delayMs: number
    readonly timers: Timers
    readonly flushLog: () => void
  }) {
    this.#store = options.store
    this.#delayMs = options.delayMs
    this.#timers = options.timers
    this.#flushLog = options.flushLog
  }

  get(keys: readonly string[], answer: KvAnswer<readonly (Uint8Array | undefined)[]>): void {
    this.#later(
      () => this.#store.readKeys((stored) => keys.map((key) => stored.get(key))),
      answer,
      (values) => answer.succeeded(values),
    )
  }

  list(asked: KvListRange, answer: KvAnswer<readonly KvEntry[]>): void {
    const { begin, end, isReverse, limit } = asked
    const range = rangeOf({ start: begin, end, reverse: isReverse, limit })
    this.#later(
      () => this.#store.readKeys((stored) => [...stored.bytesIn(range)]),
      answer,
      (entries) => answer.succeeded(entries.map(([key, value]) => ({ key, value }))),
    )
  }

  flush(flush: KvFlush, answer: KvAnswer<void>): void {
    this.#later(
      () => this.#write(flush),
      answer,
      () => {
        this.#store.turnEnded()
        this.#store.whenConfirmed((error) => {
          if (error === undefined) answer.succeeded()
          else answer.failed(error)
        })
        this.#flushLog()
      },
    )
  }

  #write({ isDeleteAll, operations, alarmAt }: KvFlush): void {
    this.#store.writeKeys((stored) => {
      if (isDeleteAll) this.#store.deleteAll({ keepAlarm: true })
      for (const { key, value } of operations) stored.set(key, value ?? 'deleted')
      if (alarmAt !== undefined) stored.setAlarm(alarmAt)
    })
  }

  #later<T>(act: () => T, answer: { failed(error: Error): void }, then: (value: T) => void): void {
    this.#timers.after(this.#delayMs, () => {
      let value: T
      try {
        value = act()
      } catch (error) {
        answer.failed(error as Error)
        return
      }
      then(value)
    })
  }
}

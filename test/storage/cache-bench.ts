// What the tests of the cache share.

import assert from 'node:assert/strict'
import {
  type Answer,
  type CacheLimits,
  cacheLimits,
  CacheMemory,
  KvCache,
  type KvFlush,
  type KvListRange,
  type ScriptedCall,
  ScriptedStore,
} from '../../src/storage/index.ts'

export const everything = { begin: '', end: undefined, isReverse: false, limit: undefined }

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : new TextDecoder().decode(value)
}

/** A cache over a scripted store, and what its listener heard. */
export class Bench {
  readonly store = new ScriptedStore()
  readonly heard: string[] = []
  readonly memory: CacheMemory
  readonly cache: KvCache
  nowMs = 0

  constructor(content: Record<string, string> = {}, limits: Partial<CacheLimits> = {}) {
    for (const [key, value] of Object.entries(content)) this.store.content.set(key, bytes(value))
    this.memory = new CacheMemory(
      { unixMs: () => this.nowMs, monotonicMs: () => this.nowMs },
      { ...cacheLimits, ...limits },
    )
    this.cache = this.open()
  }

  open(): KvCache {
    const cache = new KvCache({
      store: this.store,
      memory: this.memory,
      alarmAt: null,
      newReference: () => 'r1',
    })
    cache.setListener({
      holdOutput: () => {
        this.heard.push('hold')
        return {
          release: () => this.heard.push('release'),
          fail: (error) => this.heard.push(`fail: ${(error as Error).message}`),
        }
      },
      broke: (error) => this.heard.push(`broke: ${error.message}`),
    })
    return cache
  }

  turn(act: () => void): void {
    act()
    this.cache.turnEnded()
  }

  put(key: string, value: string): void {
    this.turn(() => this.cache.put(key, bytes(value)))
  }

  /** Asks in a turn of its own. */
  get(key: string): Answer<Uint8Array | undefined> {
    const answer = this.cache.get(key)
    this.cache.turnEnded()
    return answer
  }

  list(range: Partial<KvListRange> = {}): Answer<string[]> {
    const answer = this.cache.list({ ...everything, ...range })
    this.cache.turnEnded()
    return answer.map((entries) => entries.map(({ key, value }) => `${key}=${text(value)}`))
  }

  /** The only call that waits for an answer. */
  call(kind: ScriptedCall['kind']): ScriptedCall {
    const [call, ...others] = this.store.calls
    assert.ok(call !== undefined, `the store was not asked to ${kind}`)
    assert.equal(call.kind, kind)
    assert.equal(others.length, 0)
    return call
  }

  /** Answers everything, until nothing is asked any more. */
  settle(): void {
    for (let call; (call = this.store.calls[0]) !== undefined; ) call.succeed()
  }

  assertQuiet(): void {
    assert.deepEqual(
      this.store.calls.map(({ kind }) => kind),
      [],
    )
  }

  take(): string[] {
    return this.heard.splice(0)
  }
}

/** What an answer holds; fails when it is not there. */
export function now<T>(answer: Answer<T>): T {
  let result: { value: T } | undefined
  answer.whenSettled(
    (value) => (result = { value }),
    (error) => assert.fail(error),
  )
  assert.ok(result !== undefined, 'the answer is not there')
  return result.value
}

export function errorOf(answer: Answer<unknown>): string | undefined {
  let message: string | undefined
  answer.whenSettled(
    () => {},
    (error) => (message = error.message),
  )
  return message
}

export function operations(call: ScriptedCall): string[] {
  return (call.asked as KvFlush).operations.map(({ key, value }) => `${key}=${text(value)}`)
}

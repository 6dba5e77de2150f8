import { assert } from '../base/index.ts'
import { isBefore } from './key-span.ts'
import type { KvAnswer, KvEntry, KvFlush, KvListRange, KvStore } from './kv-store.ts'
import { type SortedMap, sortedMap } from './sorted-map.ts'

/** A call that waits for the test. */
export class ScriptedCall {
  readonly kind: 'get' | 'list' | 'flush'
  /** What was asked, for assertions. */
  readonly asked: readonly string[] | KvListRange | KvFlush
  readonly #act: () => unknown
  readonly #answer: KvAnswer<never>
  readonly #over: () => void
  #state: 'waiting' | 'carried-out' | 'over' = 'waiting'
  #value: unknown

  /** @internal Made by {@link ScriptedStore}. */
  constructor(
    kind: ScriptedCall['kind'],
    asked: ScriptedCall['asked'],
    parts: { act(): unknown; answer: KvAnswer<never>; over(call: ScriptedCall): void },
  ) {
    this.kind = kind
    this.asked = asked
    this.#act = () => parts.act()
    this.#answer = parts.answer
    this.#over = () => parts.over(this)
  }

  get isCarriedOut(): boolean {
    return this.#state !== 'waiting'
  }

  /** Reads or changes the content now; the answer may follow much later. */
  carryOut(): void {
    assert(this.#state === 'waiting', 'a scripted call is carried out twice')
    this.#state = 'carried-out'
    this.#value = this.#act()
  }

  /** Answers, after having carried it out. */
  succeed(): void {
    if (this.#state === 'waiting') this.carryOut()
    this.#end()
    this.#answer.succeeded(this.#value as never)
  }

  /** Fails. What was carried out before stays so, as after a lost connection. */
  fail(error: Error): void {
    this.#end()
    this.#answer.failed(error)
  }

  #end(): void {
    assert(this.#state !== 'over', 'a scripted call is answered twice')
    this.#state = 'over'
    this.#over()
  }
}

/** A store for tests: the test carries out and answers each call, in any order. */
export class ScriptedStore implements KvStore {
  readonly content: SortedMap<Uint8Array> = sortedMap()
  alarmAt: number | null = null
  /** Not answered yet, oldest first. */
  readonly calls: ScriptedCall[] = []

  get(keys: readonly string[], answer: KvAnswer<readonly (Uint8Array | undefined)[]>): void {
    this.#add('get', keys, answer, () => keys.map((key) => this.content.get(key)))
  }

  list(range: KvListRange, answer: KvAnswer<readonly KvEntry[]>): void {
    this.#add('list', range, answer, () => {
      const entries: KvEntry[] = []
      for (const [key, value] of this.content.entries(range.begin)) {
        if (isBefore(key, range.end)) entries.push({ key, value })
      }
      if (range.isReverse) entries.reverse()
      return entries.slice(0, range.limit)
    })
  }

  flush(flush: KvFlush, answer: KvAnswer<void>): void {
    this.#add('flush', flush, answer, () => {
      if (flush.isDeleteAll) this.content.clear()
      for (const { key, value } of flush.operations) {
        if (value === undefined) this.content.delete(key)
        else this.content.set(key, value)
      }
      if (flush.alarmAt !== undefined) this.alarmAt = flush.alarmAt
    })
  }

  #add(
    kind: ScriptedCall['kind'],
    asked: ScriptedCall['asked'],
    answer: KvAnswer<never>,
    act: () => unknown,
  ): void {
    const over = (call: ScriptedCall): void => void this.calls.splice(this.calls.indexOf(call), 1)
    this.calls.push(new ScriptedCall(kind, asked, { act, answer, over }))
  }
}

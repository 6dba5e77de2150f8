// One object over a scripted store, running a random program under a random schedule. Everything that
// the gates and the cache promise is checked as it happens; the first violation is thrown.

import { setImmediate as immediate } from 'node:timers/promises'
import type { Clock, Timers } from '../../src/base/index.ts'
import { DurableError, newestCompatibility } from '../../src/base/index.ts'
import {
  DurableObjectStorage,
  type DurableObjectTransaction,
  Incarnation,
  type IncarnationOptions,
} from '../../src/objects/index.ts'
import {
  CachedStore,
  type CacheLimits,
  CacheMemory,
  KvCache,
  type KvCacheOptions,
  type KvStore,
  type ScriptedCall,
  ScriptedStore,
} from '../../src/storage/index.ts'
import { decodeValue, encodeValue } from '../../src/storage/values.ts'
import { currentTurn } from '../../src/turns/index.ts'
import { noSockets } from './no-sockets.ts'
import { type ListOptions, Model, type Need, textOf } from './model.ts'

export interface OpOptions {
  readonly allowConcurrency?: boolean
  readonly allowUnconfirmed?: boolean
  readonly noCache?: boolean
}

export type Op = { readonly isAwaited: boolean } & (
  | { readonly kind: 'get'; readonly key: string; readonly options: OpOptions }
  | { readonly kind: 'getMany'; readonly keys: readonly string[]; readonly options: OpOptions }
  | { readonly kind: 'list'; readonly range: ListOptions; readonly options: OpOptions }
  | {
      readonly kind: 'put'
      readonly key: string
      readonly value: number
      readonly options: OpOptions
    }
  | {
      readonly kind: 'putMany'
      readonly entries: readonly (readonly [string, number])[]
      readonly options: OpOptions
    }
  | { readonly kind: 'delete'; readonly key: string; readonly options: OpOptions }
  | { readonly kind: 'deleteMany'; readonly keys: readonly string[]; readonly options: OpOptions }
  | { readonly kind: 'transaction'; readonly body: readonly Op[]; readonly end: TransactionEnd }
  | { readonly kind: 'deleteAll' | 'sync' | 'outside' | 'send' | 'abort' }
)

export type TransactionEnd = 'commit' | 'throw' | 'roll back'

export interface Program {
  /** What the store has at the start. */
  readonly initial: readonly (readonly [string, number])[]
  /** What each event does. */
  readonly events: readonly (readonly Op[])[]
  readonly limits: CacheLimits
  /** Chooses what happens next, outside of the object. */
  readonly schedule: number
}

/** What a faulty implementation replaces. */
export interface Parts {
  readonly cache?: (options: KvCacheOptions) => KvCache
  readonly store?: (store: ScriptedStore) => KvStore
  readonly incarnation?: (options: IncarnationOptions) => Incarnation
}

/** How often things happened, so that a run can prove that it ran. */
export interface Counts {
  reads: number
  flushes: number
  retries: number
  waits: number
  released: number
  breaks: number
}

/** Something was promised and not kept. */
export class Violation extends Error {}

const thrown = new Error('thrown by the program')
const connectionLost = new DurableError('connection lost', { retryable: true })
const refused = new Error('refused by the store')

const neverFires: Timers = { after: () => ({ cancel: () => {} }) }

export class World {
  readonly counts: Counts = { reads: 0, flushes: 0, retries: 0, waits: 0, released: 0, breaks: 0 }
  readonly #program: Program
  readonly #random: () => number
  readonly #store = new ScriptedStore()
  readonly #model: Model
  readonly #incarnation: Incarnation
  readonly #storage: DurableObjectStorage
  readonly #cached: CachedStore
  readonly #memory: CacheMemory
  #nowMs = 0

  // The store's content is this state of the model, or a later one that is the same.
  #stored = 0
  // Operations of each event that hold its lock.
  readonly #locked: number[]
  // The event in whose transaction everything happens.
  #section: number | undefined
  #undelivered: number
  #unfinished: number
  // Answers of the world outside that wait to be sent.
  readonly #outside: (() => void)[] = []
  #violation: Error | undefined

  constructor(program: Program, parts: Parts = {}) {
    this.#program = program
    this.#random = randomFrom(program.schedule)
    this.#model = new Model(new Map(program.initial))
    for (const [key, value] of program.initial) this.#store.content.set(key, encodeValue(value))
    const clock: Clock = { unixMs: () => this.#nowMs, monotonicMs: () => this.#nowMs }
    this.#memory = new CacheMemory(clock, program.limits)
    const cacheOptions: KvCacheOptions = {
      store: parts.store?.(this.#store) ?? this.#store,
      memory: this.#memory,
      alarmAt: null,
      newReference: () => 'r',
    }
    const makeCache = parts.cache ?? ((options): KvCache => new KvCache(options))
    this.#cached = new CachedStore(cacheOptions, makeCache(cacheOptions))
    this.#locked = program.events.map(() => 0)
    this.#undelivered = program.events.length
    this.#unfinished = program.events.length
    const makeIncarnation =
      parts.incarnation ?? ((options): Incarnation => new Incarnation(options))
    this.#incarnation = makeIncarnation({
      label: 'Object "o"',
      objectId: '0',
      store: this.#watched(this.#cached),
      clock,
      timers: neverFires,
      compatibility: newestCompatibility,
      sockets: noSockets(),
      isFacet: false,
      deleteFacets: () => {},
      construct: () => ({}),
      ended: () => {},
      report: (_message, error) => this.#violated(error as Error),
    })
    this.#storage = DurableObjectStorage.create(this.#incarnation, {
      deleteAllDeletesAlarm: true,
      hasSql: true,
    })
  }

  /** @throws the first violation */
  async run(): Promise<Counts> {
    for (;;) {
      await immediate()
      this.#requireKept()
      let actions = this.#actions()
      if (actions.length === 0) {
        await immediate()
        actions = this.#actions()
        if (actions.length === 0) break
      }
      actions[Math.floor(this.#random() * actions.length)]?.()
    }
    this.#checkEnd()
    this.#requireKept()
    return this.counts
  }

  #requireKept(): void {
    if (this.#violation !== undefined) throw this.#violation
  }

  // The model hears of the end of a turn before the cache starts a flush.
  #watched(store: CachedStore): CachedStore {
    const turnEnded = store.turnEnded.bind(store)
    store.turnEnded = () => {
      this.#model.turnEnded()
      turnEnded()
    }
    return store
  }

  // ---- the world outside

  #actions(): (() => void)[] {
    const actions: (() => void)[] = []
    const chance = (one: number): boolean => this.#random() * one < 1
    if (this.#undelivered > 0) actions.push(() => this.#deliverNext())
    for (const call of this.#store.calls) {
      actions.push(() => this.#succeed(call))
      if (!call.isCarriedOut) actions.push(() => this.#carryOut(call))
      if (chance(8)) actions.push(() => this.#disconnect(call))
      if (chance(150)) actions.push(() => this.#fail(call))
    }
    for (const answer of this.#outside) {
      actions.push(() => {
        this.#outside.splice(this.#outside.indexOf(answer), 1)
        answer()
      })
    }
    if (actions.length > 0 && chance(10)) {
      actions.push(() => {
        this.#nowMs += 20_000
        this.#memory.evictStale()
      })
    }
    return actions
  }

  #succeed(call: ScriptedCall): void {
    if (!call.isCarriedOut) this.#carryOut(call)
    if (call.kind === 'flush') this.counts.flushes += 1
    else this.counts.reads += 1
    call.succeed()
  }

  #carryOut(call: ScriptedCall): void {
    call.carryOut()
    if (call.kind === 'flush') this.#flushed()
  }

  #disconnect(call: ScriptedCall): void {
    this.counts.retries += 1
    call.fail(connectionLost)
  }

  #fail(call: ScriptedCall): void {
    call.fail(refused)
  }

  /** A flush must leave a state between two turns, never an older one than before. [KC5] */
  #flushed(): void {
    const content = this.#content()
    const state = this.#model.states.findIndex((text, i) => i >= this.#stored && text === content)
    // A flush whose answer was lost is carried out again.
    if (state === -1) {
      this.#violated(
        new Violation(`the store has ${content}, after ${this.#model.states[this.#stored]}`),
      )
    } else this.#stored = state
  }

  #content(): string {
    const values = [...this.#store.content.entries()]
    return textOf(new Map(values.map(([key, value]) => [key, decode(value)])))
  }

  // ---- the object

  get #isBroken(): boolean {
    return this.#incarnation.broken !== undefined
  }

  #deliverNext(): void {
    const event = this.#program.events.length - this.#undelivered
    this.#undelivered -= 1
    const finished = (): void => {
      this.#unfinished -= 1
    }
    this.#incarnation.deliver({
      kind: 'rpc',
      invoke: async () => {
        this.#enter(event)
        await this.#runOps(event, this.#program.events[event] ?? [], undefined)
      },
      pack: () => undefined,
      reply: finished,
      fail: (error) => {
        finished()
        if (!this.#isBroken) this.#violated(error as Error)
      },
    })
  }

  // Called first whenever code of an event starts to run in a turn. [KC18]
  #enter(event: number): void {
    if (this.#section !== undefined && this.#section !== event) {
      this.#violated(
        new Violation(`event ${event} runs inside the transaction of ${this.#section}`),
      )
    }
    const holder = this.#locked.findIndex((count, other) => other !== event && count > 0)
    if (holder !== -1)
      this.#violated(new Violation(`event ${event} runs while ${holder} holds a lock`))
  }

  async #runOps(
    event: number,
    ops: readonly Op[],
    txn: DurableObjectTransaction | undefined,
  ): Promise<void> {
    const open: Promise<void>[] = []
    for (const op of ops) {
      if (this.#isBroken) return
      const done = this.#runOp(event, op, txn)
      if (op.isAwaited) await done
      else open.push(done)
    }
    await Promise.all(open)
  }

  #runOp(event: number, op: Op, txn: DurableObjectTransaction | undefined): Promise<void> {
    const model = this.#model
    const target = txn ?? this.#storage
    switch (op.kind) {
      case 'get': {
        const expected = model.get(op.key)
        return this.#expect(event, op, target.get(op.key, op.options), expected)
      }
      case 'getMany': {
        const expected = model.getMany(op.keys)
        return this.#expect(event, op, target.get([...op.keys], op.options), expected)
      }
      case 'list': {
        const expected = model.list(op.range)
        return this.#expect(event, op, target.list({ ...op.range, ...op.options }), expected)
      }
      case 'put': {
        const done = target.put(op.key, op.value, op.options)
        model.write(op.key, op.value, op.options.allowUnconfirmed !== true)
        return this.#expect(event, op, done, undefined)
      }
      case 'putMany': {
        const done = target.put(Object.fromEntries(op.entries), op.options)
        for (const [key, value] of op.entries) {
          model.write(key, value, op.options.allowUnconfirmed !== true)
        }
        return this.#expect(event, op, done, undefined)
      }
      case 'delete': {
        const expected = model.get(op.key) !== undefined
        const done = target.delete(op.key, op.options)
        model.write(op.key, undefined, op.options.allowUnconfirmed !== true)
        return this.#expect(event, op, done, expected)
      }
      case 'deleteMany': {
        const expected = model.getMany(op.keys).length
        const done = target.delete([...op.keys], op.options)
        for (const key of op.keys) {
          model.write(key, undefined, op.options.allowUnconfirmed !== true)
        }
        return this.#expect(event, op, done, expected)
      }
      case 'deleteAll': {
        // Not allowed in a transaction.
        if (this.#section !== undefined) return Promise.resolve()
        const done = this.#storage.deleteAll()
        model.deleteAll()
        return this.#expect(event, { ...op, options: {} }, done, undefined)
      }
      case 'transaction':
        return this.#transact(event, op.body, op.end)
      case 'sync':
        return this.#sync(event)
      case 'outside':
        return this.#goOutside(event)
      case 'send':
        this.#send(model.needs)
        return Promise.resolve()
      case 'abort':
        this.#incarnation.break(new Error('abort'))
        return Promise.resolve()
    }
  }

  async #expect(
    event: number,
    op: { readonly kind: string; readonly options: OpOptions },
    actual: Promise<unknown>,
    expected: unknown,
  ): Promise<void> {
    const turn = currentTurn()
    const holdsLock = op.options.allowConcurrency !== true
    if (holdsLock) this.#locked[event] = (this.#locked[event] ?? 0) + 1
    const continued = (): void => {
      if (holdsLock) this.#locked[event] = (this.#locked[event] ?? 0) - 1
      if (currentTurn() === turn) return
      this.counts.waits += 1
      this.#enter(event)
      if (!holdsLock) this.#requireUnlocked(event, op.kind)
    }
    let value: unknown
    try {
      value = await actual
      continued()
    } catch (error) {
      continued()
      // The store may refuse a read; nothing else goes wrong while the object lives.
      const isOfStore = error === connectionLost || error === refused
      if (!isOfStore && !this.#isBroken) this.#violated(error as Error)
      return
    }
    const seen = JSON.stringify(value instanceof Map ? [...value] : value)
    const wanted = JSON.stringify(expected)
    if (seen !== wanted) {
      this.#violated(new Violation(`${JSON.stringify(op)} gave ${seen}, not ${wanted}`))
    }
  }

  #requireUnlocked(event: number, what: string): void {
    if (this.#locked.some((count) => count > 0)) {
      this.#violated(new Violation(`${what} of event ${event} goes on while a lock is held`))
    }
  }

  async #transact(event: number, body: readonly Op[], end: TransactionEnd): Promise<void> {
    const outer = this.#section
    try {
      await this.#storage.transaction(async (txn) => {
        this.#enter(event)
        this.#requireUnlocked(event, 'a transaction')
        this.#section = event
        this.#model.begin()
        await this.#runOps(event, body, txn)
        // Broken meanwhile: storage has undone everything already.
        if (this.#isBroken) return
        if (end === 'commit') this.#model.commit()
        else this.#model.rollBack()
        if (end === 'roll back') txn.rollback()
        this.#section = outer
        if (end === 'throw') throw thrown
      })
    } catch (error) {
      if (error !== thrown) throw error
    }
    this.#enter(event)
  }

  async #sync(event: number): Promise<void> {
    const needs = this.#section === undefined ? this.#model.needs : []
    await this.#storage.sync()
    this.#enter(event)
    this.#requireUnlocked(event, 'sync()')
    this.#check(needs, 'sync() resolved')
  }

  async #goOutside(event: number): Promise<void> {
    const entry = this.#incarnation.entry()
    await new Promise<void>((resolve) => {
      this.#outside.push(() => entry.deliver(resolve))
    })
    this.#enter(event)
    this.#requireUnlocked(event, 'an answer from outside')
  }

  #send(needs: readonly Need[]): void {
    this.#incarnation.egress({
      released: () => {
        this.counts.released += 1
        this.#check(needs, 'a message left')
      },
      dropped: () => {},
    })
  }

  /** Whatever was told must be in the store. [KC17] */
  #check(needs: readonly Need[], what: string): void {
    const stored = this.#model.states.lastIndexOf(this.#content())
    for (const { key, value, place } of needs) {
      if (place.state === 'undone') continue
      if (place.state !== 'open' && place.state <= stored) continue
      const bytes = this.#store.content.get(key)
      // A write that changes nothing needs no flush. [KC7]
      if ((bytes === undefined ? undefined : decode(bytes)) === value) continue
      this.#violated(
        new Violation(
          `${what} that tells of ${key} = ${value}, state ${place.state}, not ${stored}`,
        ),
      )
    }
  }

  #checkEnd(): void {
    const content = this.#content()
    if (this.#isBroken) {
      this.counts.breaks += 1
      // What the store has is one of the states, and checked at each flush.
      return
    }
    if (this.#unfinished > 0)
      this.#violated(new Violation(`${this.#unfinished} events never ended`))
    else if (this.#cached.hasUnconfirmed) this.#violated(new Violation('writes were never flushed'))
    else if (content !== this.#model.last) {
      this.#violated(new Violation(`at the end the store has ${content}, not ${this.#model.last}`))
    }
  }

  #violated(error: Error): void {
    this.#violation ??= error
  }
}

function decode(bytes: Uint8Array): number {
  return decodeValue(bytes) as number
}

/** Mulberry32: small, seeded, good enough to choose. */
function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

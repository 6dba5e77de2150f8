import { assert, DurableError } from '../base/index.ts'
import { Answer } from './answer.ts'
import type { CacheMemory } from './cache-memory.ts'
import { compareKeys } from './key-order.ts'
import { KnownKeys, type UnknownRange, type KnownKey } from './known-keys.ts'
import { KeyRead, ListRead, overlay, type StoreRead } from './kv-read.ts'
import type { KvEntry, KvListRange, KvStore } from './kv-store.ts'
import type { StoreListener, StoreTransaction } from './store-types.ts'
import { Scope } from './transaction-scope.ts'
import { type Write, WriteSet } from './write-set.ts'

export interface KvCacheOptions {
  readonly store: KvStore
  /** Shared by the caches of a shard. */
  readonly memory: CacheMemory
  /** The alarm that the store has. */
  readonly alarmAt: number | null
  /**
   * A cache before this one broke. What it had sent may still reach the store, so this one begins with
   * an empty flush, and has something unconfirmed until that is confirmed. [KC12]
   */
  readonly followsBroken?: boolean
  /** Names a failure, so that a person finds in a log what a caller was told of. */
  readonly newReference: () => string
}

export interface CacheReadOptions {
  /** The answer does not stay in the cache. */
  readonly noCache?: boolean | undefined
}

export interface CacheWriteOptions extends CacheReadOptions {
  readonly allowUnconfirmed?: boolean | undefined
}

/** Who hears of what the cache does. */
export type CacheListener = Pick<StoreListener, 'holdOutput' | 'broke'>

/** What the cache writes to the store, once, as one transaction. [KC5] */
interface Flush {
  readonly writes: WriteSet
  /** Reads of what was there before: the flush starts when they are answered. [KC1] */
  readonly waitsFor: Set<StoreRead>
  tries: number
}

const readTriesMax = 2
const flushTriesMax = 5

/**
 * An ordered write-back cache of one object over a store that takes time. Pure: calls back, makes no
 * promise and starts no timer.
 *
 * A read sees exactly the writes made before it, whatever the store does meanwhile [KC1]. Writes are
 * layers, each over the one before: what is known of the store, the flush under way, what the next flush
 * takes, the turn that runs now, the transactions that are open. A turn's writes join the next flush
 * when the turn is over, those of a transaction when it commits; so each flush is the state between two
 * turns. [KC5, KC9]
 */
export class KvCache {
  readonly #options: KvCacheOptions
  readonly #memory: CacheMemory
  readonly #known: KnownKeys
  readonly #unregister: () => void
  #listener: CacheListener | undefined
  #broken: Error | undefined
  #isClosed = false
  #alarmAt: number | null

  #flush: Flush | undefined
  #dirty = new WriteSet()
  #turn = new WriteSet()
  // Innermost last.
  readonly #transactions: { readonly scope: Scope; readonly writes: WriteSet }[] = []
  #chargedBytes = 0

  // Not answered yet; of the keys, those not asked for yet as well.
  readonly #reads = new Set<StoreRead>()
  readonly #keyReads = new Map<string, KeyRead>()
  #unsent: KeyRead[] = []
  // Who waits for back-pressure to end.
  #pressed: (() => void)[] = []

  constructor(options: KvCacheOptions) {
    this.#options = options
    this.#memory = options.memory
    this.#known = this.makeKnownKeys(options.memory)
    this.#alarmAt = options.alarmAt
    this.#unregister = options.memory.register(this)
    if (options.followsBroken === true) this.#beginFlush(new WriteSet())
  }

  /** Set for ever once the cache broke. */
  get broken(): Error | undefined {
    return this.#broken
  }

  /** Whether there is anything that the store has not confirmed. */
  get hasUnconfirmed(): boolean {
    if (this.#broken !== undefined) return false
    return this.#flush !== undefined || this.#layers().some((writes) => !writes.isEmpty)
  }

  /** More is waiting to be flushed than is good: events wait. [KC16] */
  get isPressed(): boolean {
    const waiting = [this.#flush?.writes, this.#dirty, this.#turn]
    const bytes = waiting.reduce((sum, writes) => sum + (writes?.bytes ?? 0), 0)
    return this.#broken === undefined && bytes > this.#memory.limits.unflushedBytes
  }

  setListener(listener: CacheListener | undefined): void {
    this.#listener = listener
  }

  /** The value of a key, undefined when there is none; at once when it is known. [KC2] */
  get(key: string, options: CacheReadOptions = {}): Answer<Uint8Array | undefined> {
    this.#requireUsable()
    const known = this.#lookUp(key)
    if (known !== 'unknown') return Answer.of(known)
    return this.#readKey(key, options).answer
  }

  /** The keys that exist, in order. */
  getMany(
    keys: readonly string[],
    options: CacheReadOptions = {},
  ): Answer<Map<string, Uint8Array>> {
    this.#requireUsable()
    const unique = [...new Set(keys)].sort(compareKeys)
    return all(unique.map((key) => this.get(key, options))).map((values) => {
      const found = unique.map((key, i) => [key, values[i]] as const)
      return new Map(found.filter((pair): pair is [string, Uint8Array] => pair[1] !== undefined))
    })
  }

  list(range: KvListRange, options: CacheReadOptions = {}): Answer<KvEntry[]> {
    this.#requireUsable()
    // `limit: 0.5` is positive, and asks for nothing.
    if (range.limit === 0) return Answer.of([])
    const read = new ListRead(range, this.#partsOf(range))
    if (read.missing === undefined) return Answer.of(read.merge([]))
    this.#reads.add(read)
    this.#tryRead<readonly KvEntry[]>({
      ask: (answer) => this.#options.store.list(read.missing as KvListRange, answer),
      succeeded: (entries) => this.#listed(read, entries, options),
      failed: (error) => {
        this.#answered(read)
        read.answer.failed(error)
      },
    })
    return read.answer
  }

  /** @returns when the writer may go on: at once, unless too much is unflushed [KC16] */
  put(key: string, value: Uint8Array, options: CacheWriteOptions = {}): Answer<void> {
    this.#requireUsable()
    // Neither the store nor anybody outside would notice. [KC7]
    const isSame = this.#pendingOf(key) === undefined && isEqual(this.#known.get(key), value)
    if (!isSame) this.#write(key, value, options)
    return this.#whenRelieved()
  }

  /** @returns whether the key existed; asks the store when that is not known [KC8] */
  delete(key: string, options: CacheWriteOptions = {}): Answer<boolean> {
    this.#requireUsable()
    const known = this.#lookUp(key)
    if (known === undefined && !this.#isPending(key)) return Answer.of(false)
    // Asked before the key is gone, so the flush waits for the answer.
    const before =
      known === 'unknown' ? this.#readKey(key, { noCache: true }).answer : Answer.of(known)
    this.#write(key, undefined, options)
    return before.map((value) => value !== undefined)
  }

  /** @returns how many of the keys existed */
  deleteMany(keys: readonly string[], options: CacheWriteOptions = {}): Answer<number> {
    const deleted = all(keys.map((key) => this.delete(key, options)))
    return deleted.map((existed) => existed.filter(Boolean).length)
  }

  /** Deletes everything, in order with other writes. Always confirmed. [KC10] */
  deleteAll(options: { readonly keepAlarm: boolean }): void {
    this.#requireUsable()
    assert(this.#transactions.length === 0, 'everything is deleted within a transaction')
    this.#turn.deleteAll()
    if (!options.keepAlarm) this.#turn.alarmAt = null
    this.#hold(this.#turn)
    this.#account()
  }

  getAlarm(): number | null {
    this.#requireUsable()
    for (const { alarmAt } of this.#layers().reverse()) if (alarmAt !== undefined) return alarmAt
    return this.#alarmAt
  }

  /** @param atMs wall-clock milliseconds; null removes the alarm */
  setAlarm(atMs: number | null, options: CacheWriteOptions = {}): void {
    if (this.getAlarm() === atMs && !this.hasUnconfirmed) return
    const writes = this.#top()
    writes.alarmAt = atMs
    if (options.allowUnconfirmed !== true) this.#hold(writes)
  }

  /**
   * Starts a transaction, or one inside of the innermost. From now on everything written belongs to
   * it, and none of it is flushed before the outermost commits. [KC9]
   */
  begin(): StoreTransaction {
    this.#requireUsable()
    this.#endTurn()
    const depth = this.#transactions.length + 1
    const writes = new WriteSet()
    const scope = new Scope(depth, undefined, (state) => {
      if (state === 'committed') this.#commit(depth)
      else this.#rollBack(depth)
    })
    this.#transactions.push({ scope, writes })
    return scope
  }

  /** The turn is over: what it wrote will be flushed, what it asked for is asked of the store. */
  turnEnded(): void {
    if (this.#broken !== undefined) return
    this.#endTurn()
    this.#sendReads()
    this.#startFlush()
  }

  /** The turn was aborted: what it wrote is undone. What it asked for, nobody waits for. */
  turnAborted(): void {
    if (this.#broken !== undefined) return
    const writes = this.#turn
    this.#turn = new WriteSet()
    this.#drop(writes)
    this.#sendReads()
    this.#startFlush()
  }

  /**
   * Calls back when everything written so far is durable, at once when it is; with the error when it
   * never will be. Writes of open transactions are not waited for.
   */
  whenConfirmed(callback: (error: Error | undefined) => void): void {
    const newest = [this.#turn, this.#dirty].find((writes) => !writes.isEmpty)
    const last = newest ?? this.#flush?.writes
    if (this.#broken !== undefined) callback(this.#broken)
    else if (last === undefined) callback(undefined)
    else last.whenDurable(callback)
  }

  /** Calls back when events may be delivered: at once, unless too much is unflushed. [KC16] */
  whenRelieved(callback: () => void): void {
    if (this.isPressed) this.#pressed.push(callback)
    else callback()
  }

  /** Breaks the cache for ever: what is not flushed is lost, and nobody was told of it. [KC12] */
  break(error: Error): void {
    if (this.#broken !== undefined) return
    this.#broken = error
    const layers = this.#layers()
    const reads = [...this.#reads]
    this.#letGo()
    for (const writes of layers) writes.settle(error)
    for (const { answer } of reads as (KeyRead | ListRead)[]) answer.failed(error)
    this.#relieve()
    this.#listener?.broke(error)
  }

  /** Ends the cache. Nothing may be unconfirmed. */
  close(): void {
    assert(!this.hasUnconfirmed, 'a storage cache is closed with unconfirmed writes')
    this.#isClosed = true
    this.#letGo()
  }

  /** @internal Tests put a faulty one here. */
  protected makeKnownKeys(memory: CacheMemory): KnownKeys {
    return new KnownKeys(memory)
  }

  /** @internal Whether `read` must be answered before `writes` are flushed. Tests answer wrongly. */
  protected mustPrecede(read: StoreRead, writes: WriteSet): boolean {
    return read.conflictsWith(writes)
  }

  // ---- reading

  // Oldest first.
  #layers(): WriteSet[] {
    const older = this.#flush === undefined ? [] : [this.#flush.writes]
    const open = this.#transactions.map(({ writes }) => writes)
    return [...older, this.#dirty, this.#turn, ...open]
  }

  #pendingOf(key: string): Write | undefined {
    for (let i = this.#transactions.length - 1; i >= 0; i -= 1) {
      const write = this.#transactions[i]?.writes.get(key)
      if (write !== undefined) return write
    }
    return this.#turn.get(key) ?? this.#dirty.get(key) ?? this.#flush?.writes.get(key)
  }

  #isPending(key: string): boolean {
    return this.#pendingOf(key) !== undefined
  }

  #lookUp(key: string): Uint8Array | undefined | 'unknown' {
    const write = this.#pendingOf(key)
    return write === undefined ? this.#known.get(key) : write.value
  }

  *#partsOf(range: KvListRange): IterableIterator<KnownKey | UnknownRange> {
    const layers = this.#layers()
    const lastEmpty = layers.findLastIndex(({ isDeleteAll }) => isDeleteAll)
    const pending = new Map<string, Uint8Array | undefined>()
    for (const writes of layers.slice(Math.max(0, lastEmpty))) {
      for (const [key, { value }] of writes.entriesIn(range)) pending.set(key, value)
    }
    const direction = range.isReverse ? -1 : 1
    const sorted = [...pending].sort(([a], [b]) => direction * compareKeys(a, b))
    const below = lastEmpty === -1 ? this.#known.walk(range, range.isReverse) : []
    yield* overlay(below, sorted, range.isReverse)
  }

  // Asked for at the end of the turn, together with others; once for everybody who wants the key. [KC3]
  #readKey(key: string, { noCache }: CacheReadOptions): KeyRead {
    let read = this.#keyReads.get(key)
    if (read === undefined) {
      read = new KeyRead(key)
      this.#keyReads.set(key, read)
      this.#reads.add(read)
      this.#unsent.push(read)
    }
    if (noCache !== true) read.isCached = true
    return read
  }

  #sendReads(): void {
    const unsent = this.#unsent
    this.#unsent = []
    for (let at = 0; at < unsent.length; at += this.#memory.limits.keysPerRead) {
      this.#sendBatch(unsent.slice(at, at + this.#memory.limits.keysPerRead))
    }
  }

  #sendBatch(batch: readonly KeyRead[]): void {
    const keys = batch.map(({ key }) => key)
    this.#tryRead<readonly (Uint8Array | undefined)[]>({
      ask: (answer) => this.#options.store.get(keys, answer),
      succeeded: (values) => {
        for (const [i, read] of batch.entries()) {
          if (read.isCached) this.#known.set(read.key, values[i])
          this.#keyReads.delete(read.key)
          this.#answered(read)
        }
        this.#memory.settle(sizeOf(values))
        for (const [i, read] of batch.entries()) {
          if (read.answer.isPending) read.answer.succeeded(values[i])
        }
      },
      failed: (error) => {
        for (const read of batch) {
          this.#keyReads.delete(read.key)
          this.#answered(read)
          read.answer.failed(error)
        }
      },
    })
  }

  #listed(read: ListRead, entries: readonly KvEntry[], options: CacheReadOptions): void {
    const covered = read.covered(entries)
    if (options.noCache !== true && covered !== undefined) {
      this.#known.learn(covered, entries, read.overtaken)
    }
    this.#answered(read)
    const answer = read.merge(entries)
    this.#memory.settle(options.noCache === true ? sizeOf(entries.map(({ value }) => value)) : 0)
    if (read.answer.isPending) read.answer.succeeded(answer)
  }

  // A read whose connection was lost is tried once more. [KC11]
  #tryRead<T>(read: {
    ask(answer: { succeeded(value: T): void; failed(error: Error): void }): void
    succeeded(value: T): void
    failed(error: Error): void
  }): void {
    let tries = 0
    const attempt = (): void => {
      tries += 1
      read.ask({
        succeeded: (value) => {
          if (this.#isUsable) read.succeeded(value)
        },
        failed: (error) => {
          if (!this.#isUsable) return
          if (isDisconnected(error) && tries < readTriesMax) attempt()
          else read.failed(error)
        },
      })
    }
    attempt()
  }

  #answered(read: StoreRead): void {
    this.#reads.delete(read)
    const flush = this.#flush
    if (flush?.waitsFor.delete(read) === true && flush.waitsFor.size === 0) this.#sendFlush(flush)
  }

  // ---- writing

  #top(): WriteSet {
    return this.#transactions.at(-1)?.writes ?? this.#turn
  }

  #write(key: string, value: Uint8Array | undefined, options: CacheWriteOptions): void {
    const writes = this.#top()
    writes.put(key, { value, isCached: options.noCache !== true })
    if (options.allowUnconfirmed !== true) this.#hold(writes)
    this.#account()
  }

  // From the first confirmed write on, nothing leaves before the flush that has it. [KC17]
  #hold(writes: WriteSet): void {
    if (writes.isHeld) return
    const hold = this.#listener?.holdOutput()
    if (hold !== undefined) writes.hold(hold)
  }

  #endTurn(): void {
    const writes = this.#turn
    if (writes.isEmpty) return
    this.#turn = new WriteSet()
    this.#dirty.absorb(writes)
  }

  #commit(depth: number): void {
    this.#requireUsable()
    assert(this.#transactions.length === depth, 'a transaction commits before one inside it')
    const writes = this.#transactions.pop()?.writes
    const below = this.#transactions.at(-1)?.writes ?? this.#dirty
    if (writes !== undefined) below.absorb(writes)
    this.#account()
  }

  // Together with what is open inside of it.
  #rollBack(depth: number): void {
    for (const { scope, writes } of this.#transactions.splice(depth - 1)) {
      scope.abandon()
      this.#drop(writes)
    }
  }

  // What was written is undone: whoever waits for it waits for what was written before.
  #drop(writes: WriteSet): void {
    this.#account()
    this.whenConfirmed((error) => writes.settle(error))
  }

  #account(): void {
    const bytes = this.#layers().reduce((sum, writes) => sum + writes.bytes, 0)
    this.#memory.charge(bytes - this.#chargedBytes)
    this.#chargedBytes = bytes
    this.#memory.settle()
  }

  #whenRelieved(): Answer<void> {
    if (!this.isPressed) return Answer.of(undefined)
    const answer = new Answer<void>()
    this.whenRelieved(() => {
      if (this.#broken === undefined) answer.succeeded()
      else answer.failed(this.#broken)
    })
    return answer
  }

  #relieve(): void {
    if (this.isPressed) return
    for (const callback of this.#pressed.splice(0)) callback()
  }

  // ---- flushing

  // One at a time; everything written until now goes along, and nothing that is written later. [KC5]
  #startFlush(): void {
    if (this.#flush !== undefined || this.#dirty.isEmpty) return
    const writes = this.#dirty
    this.#dirty = new WriteSet()
    this.#beginFlush(writes)
  }

  #beginFlush(writes: WriteSet): void {
    const waitsFor = [...this.#reads].filter((read) => this.mustPrecede(read, writes))
    this.#flush = { writes, waitsFor: new Set(waitsFor), tries: 0 }
    if (waitsFor.length === 0) this.#sendFlush(this.#flush)
  }

  // The same writes at each try, since one that was lost may have been carried out. [KC11]
  #sendFlush(flush: Flush): void {
    flush.tries += 1
    this.#options.store.flush(flush.writes.toFlush(), {
      succeeded: () => {
        if (this.#isUsable) this.#flushed(flush.writes)
      },
      failed: (error) => {
        if (!this.#isUsable) return
        if (isDisconnected(error) && flush.tries < flushTriesMax) this.#sendFlush(flush)
        else this.break(this.#describe(error, flush.writes))
      },
    })
  }

  #flushed(writes: WriteSet): void {
    this.#flush = undefined
    if (writes.isDeleteAll) this.#known.emptied()
    for (const [key, { value, isCached }] of writes.values.entries()) {
      if (isCached) this.#known.set(key, value)
      else this.#known.forget(key)
    }
    if (writes.alarmAt !== undefined) this.#alarmAt = writes.alarmAt
    for (const read of this.#reads) read.overtakenBy(writes)
    this.#account()
    this.#startFlush()
    writes.settle(undefined)
    this.#relieve()
  }

  #describe(error: Error, writes: WriteSet): Error {
    const what = writes.isDeleteAll ? 'deleteAll()' : 'write'
    return new DurableError(
      `Internal error in Durable Object storage ${what} caused object to be reset; reference = ${this.#options.newReference()}`,
      { cause: error },
    )
  }

  get #isUsable(): boolean {
    return this.#broken === undefined && !this.#isClosed
  }

  #requireUsable(): void {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#isClosed) throw new Error('Durable Object storage is no longer accessible.')
  }

  #letGo(): void {
    this.#flush = undefined
    this.#dirty = new WriteSet()
    this.#turn = new WriteSet()
    for (const { scope } of this.#transactions.splice(0)) scope.abandon()
    this.#reads.clear()
    this.#keyReads.clear()
    this.#unsent = []
    this.#known.clear()
    this.#memory.charge(-this.#chargedBytes)
    this.#chargedBytes = 0
    this.#unregister()
  }
}

function isDisconnected(error: Error): boolean {
  return 'retryable' in error && error.retryable === true
}

function isEqual(known: Uint8Array | undefined | 'unknown', value: Uint8Array): boolean {
  if (known === undefined || known === 'unknown') return false
  return known.byteLength === value.byteLength && known.every((byte, i) => byte === value[i])
}

function sizeOf(values: readonly (Uint8Array | undefined)[]): number {
  return values.reduce((sum, value) => sum + (value?.byteLength ?? 0), 0)
}

/** There when all are; fails with the first that fails. */
function all<T>(answers: readonly Answer<T>[]): Answer<T[]> {
  const values: T[] = []
  let left = answers.length
  if (left === 0) return Answer.of(values)
  const together = new Answer<T[]>()
  for (const [i, answer] of answers.entries()) {
    answer.whenSettled(
      (value) => {
        values[i] = value
        left -= 1
        if (left === 0) together.succeeded(values)
      },
      (error) => {
        if (together.isPending) together.failed(error)
      },
    )
  }
  return together
}

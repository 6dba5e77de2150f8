import { compareKeys, rangeOf } from './key-order.ts'
import type { KvListOptions } from './kv-table.ts'
import type { KvView } from './kv-view.ts'
import { requireKey, requirePairs, requireRow, requireValue, type StorageLimits } from './limits.ts'
import type { Overlay } from './overlay.ts'
import type { WriteOptions } from './store-types.ts'
import { decodeValue, encodeValue, type ErrorFormat } from './values.ts'

/** How the store lets its parts read and write. */
export interface StoreAccess {
  requireUsable(): void
  read<T>(act: () => T): T
  write<T>(options: WriteOptions | undefined, act: () => T): T
  /** Bytes of the database with everything in it that was written so far, or more. */
  bytesAtMost(): number
  /** As {@link bytesAtMost}, counted. */
  bytes(): number
}

/** The operations of a store on its keys. */
export class KvPart {
  readonly #store: StoreAccess
  readonly #keys: KvView
  readonly #overlay: Overlay
  readonly #errorFormat: ErrorFormat
  readonly #limits: StorageLimits
  #iteration: KvIteration | undefined

  constructor(
    store: StoreAccess,
    keys: KvView,
    overlay: Overlay,
    how: { readonly errorFormat: ErrorFormat; readonly limits: StorageLimits },
  ) {
    this.#store = store
    this.#keys = keys
    this.#overlay = overlay
    this.#errorFormat = how.errorFormat
    this.#limits = how.limits
  }

  get(key: string): unknown {
    requireKey(key, this.#limits)
    return this.#store.read(() => {
      const bytes = this.#keys.get(key)
      return bytes === undefined ? undefined : decodeValue(bytes)
    })
  }

  /** The keys that exist, in order. */
  getMany(keys: readonly string[]): Map<string, unknown> {
    this.#requireKeys(keys)
    return this.#store.read(() => {
      const found = new Map<string, unknown>()
      for (const key of [...new Set(keys)].toSorted(compareKeys)) {
        const bytes = this.#keys.get(key)
        if (bytes !== undefined) found.set(key, decodeValue(bytes))
      }
      return found
    })
  }

  /** All of them are encoded before the first is written: what cannot be copied writes nothing. */
  putMany(entries: readonly (readonly [string, unknown])[], options?: WriteOptions): void {
    requirePairs(entries.length, this.#limits)
    const encoded = entries.map(([key, value]) => [key, this.#encode(key, value)] as const)
    if (encoded.length === 0) return
    this.#requireSpace(encoded)
    this.#store.write(options, () => {
      for (const [key, bytes] of encoded) this.#overlay.set(key, bytes)
    })
  }

  /** @returns how many of the keys existed */
  deleteMany(keys: readonly string[], options?: WriteOptions): number {
    this.#requireKeys(keys)
    if (keys.length === 0) return 0
    return this.#store.write(options, () => {
      const present = [...new Set(keys)].filter((key) => this.#keys.get(key) !== undefined)
      for (const key of present) this.#overlay.set(key, 'deleted')
      return present.length
    })
  }

  /** Ends an iteration under way, as {@link iterate} does. */
  list(options: KvListOptions): Map<string, unknown> {
    const range = rangeOf(options)
    this.endIteration(new Error(invalidated))
    return this.#store.read(() => new Map(this.#keys.entries(range)))
  }

  /**
   * One at a time: this call ends the one before. [ST40]
   *
   * @throws TypeError when the options contradict each other, at once
   */
  iterate(options: KvListOptions): KvIteration {
    const range = rangeOf(options)
    this.#store.requireUsable()
    this.endIteration(new Error(invalidated))
    this.#iteration = new KvIteration(this.#keys.entries(range))
    return this.#iteration
  }

  // What the overlay takes, the table must take later. [ST23]
  #encode(key: string, value: unknown): Uint8Array {
    requireKey(key, this.#limits)
    const bytes = encodeValue(value, this.#errorFormat)
    requireValue(bytes, this.#limits)
    requireRow(key, bytes, this.#limits)
    return bytes
  }

  #requireKeys(keys: readonly string[]): void {
    requirePairs(keys.length, this.#limits)
    for (const key of keys) requireKey(key, this.#limits)
  }

  #requireSpace(entries: readonly (readonly [string, Uint8Array])[]): void {
    const { databaseBytes } = this.#limits
    if (databaseBytes === undefined) return
    let added = 0
    for (const [key, bytes] of entries) added += key.length + bytes.byteLength
    if (this.#store.bytesAtMost() + added <= databaseBytes) return
    if (this.#store.bytes() + added > databaseBytes) {
      throw new Error('database or disk is full: SQLITE_FULL')
    }
  }

  /** The iteration under way throws `reason` at its next step. */
  endIteration(reason: Error): void {
    this.#iteration?.end(reason)
    this.#iteration = undefined
  }
}

const invalidated =
  'kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator can exist at a time.'

type Step = IteratorResult<[string, unknown], undefined>

/** The entries of a list, read as they are asked for; the first one at once. */
export class KvIteration implements IterableIterator<[string, unknown]> {
  readonly #entries: Iterator<[string, unknown]>
  #first: Step | undefined
  #state: 'open' | 'done' | { readonly endedBy: Error } = 'open'

  constructor(entries: Iterator<[string, unknown]>) {
    this.#entries = entries
    this.#first = this.#step()
  }

  next(): Step {
    if (this.#state === 'open' || this.#first !== undefined) {
      const step = this.#first ?? this.#step()
      this.#first = undefined
      return step
    }
    if (this.#state === 'done') return { done: true, value: undefined }
    throw this.#state.endedBy
  }

  [Symbol.iterator](): this {
    return this
  }

  end(reason: Error): void {
    if (this.#state !== 'open') return
    this.#state = { endedBy: reason }
    this.#first = undefined
    this.#entries.return?.()
  }

  #step(): Step {
    const step = this.#entries.next()
    if (step.done !== true) return { done: false, value: step.value }
    this.#state = 'done'
    return { done: true, value: undefined }
  }
}

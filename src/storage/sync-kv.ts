import { definePlatformClass, illegalInvocation, wrongParameter } from '../base/index.ts'
import { toListOptions, toText } from './kv-arguments.ts'
import type { KvIteration } from './kv-part.ts'
import type { ObjectStore } from './object-store.ts'

const maker = Symbol('SyncKvStorage')
const type = 'SyncKvStorage'

/** `ctx.storage.kv` (reference 1.11). */
export class SyncKvStorage {
  readonly #store: ObjectStore
  readonly #access: () => void

  private constructor(made: symbol, store: ObjectStore, access: () => void) {
    if (made !== maker) throw new TypeError('Illegal constructor')
    this.#store = store
    this.#access = access
  }

  /** @param access called first in every operation; throws when it is not allowed */
  static create(store: ObjectStore, access: () => void): SyncKvStorage {
    return new SyncKvStorage(maker, store, access)
  }

  get(...values: [key: string]): unknown {
    const self = requireKv(this)
    const key = keyOf(values, 'get')
    return self.#use().kvGet(key)
  }

  /** Undefined as the value deletes the key. */
  put(...values: [key: string, value: unknown]): void {
    const self = requireKv(this)
    const key = keyOf(values, 'put')
    if (values.length < 2) throw wrongParameter(type, 'put', 2, 'Value')
    const [, value] = values
    if (value === undefined) self.#use().kvDelete(key)
    else self.#use().kvPut(key, value)
  }

  delete(...values: [key: string]): boolean {
    const self = requireKv(this)
    const key = keyOf(values, 'delete')
    return self.#use().kvDelete(key)
  }

  /** One iteration at a time: a new call ends the one before, `storage.list()` as well. */
  list(...values: [options?: object]): IterableIterator<[string, unknown]> {
    const self = requireKv(this)
    const options = toListOptions(values[0], { type, method: 'list' })
    return new ListIterator(self.#use().kvIterate(options), this.#access)
  }

  static isKv(value: unknown): value is SyncKvStorage {
    return typeof value === 'object' && value !== null && #store in value
  }

  #use(): ObjectStore {
    this.#access()
    return this.#store
  }
}

function requireKv(value: unknown): SyncKvStorage {
  if (!SyncKvStorage.isKv(value)) throw illegalInvocation()
  return value
}

definePlatformClass(SyncKvStorage, type, ['get', 'list', 'put', 'delete'])

function keyOf(values: readonly unknown[], method: string): string {
  return toText(values, { type, method }).toWellFormed()
}

class ListIterator implements IterableIterator<[string, unknown]> {
  readonly #iteration: KvIteration
  readonly #access: () => void

  constructor(iteration: KvIteration, access: () => void) {
    this.#iteration = iteration
    this.#access = access
  }

  next(): IteratorResult<[string, unknown], undefined> {
    if (typeof this !== 'object' || !(#iteration in this)) throw illegalInvocation()
    this.#access()
    return this.#iteration.next()
  }

  [Symbol.iterator](): this {
    return this
  }
}

definePlatformClass(ListIterator, 'ListIterator')
// With the methods that iterators have; there is no `return`: a loop that was left can go on.
const iteratorPrototype: object = Object.getPrototypeOf(
  Object.getPrototypeOf([][Symbol.iterator]()) as object,
) as object
Object.setPrototypeOf(ListIterator.prototype, iteratorPrototype)

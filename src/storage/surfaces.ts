// What user code holds. `access` is called first in every operation; it throws when the incarnation is
// broken.

import type { KvListOptions } from './kv-table.ts'
import type { ObjectStore } from './object-store.ts'

/** `ctx.storage.kv` (reference 1.11). */
export class SyncKvStorage {
  readonly #store: ObjectStore
  readonly #access: () => void
  #lists = 0

  constructor(store: ObjectStore, access: () => void) {
    this.#store = store
    this.#access = access
  }

  get(key: string): unknown {
    this.#access()
    return this.#store.kvGet(String(key))
  }

  put(key: string, value: unknown): void {
    this.#access()
    if (value === undefined) throw new TypeError('put() called with undefined value.')
    this.#store.kvPut(String(key), value)
  }

  delete(key: string): boolean {
    this.#access()
    return this.#store.kvDelete(String(key))
  }

  /** One iteration at a time: a new call ends the one before. */
  *list(options: KvListOptions = {}): IterableIterator<[string, unknown]> {
    this.#access()
    this.#lists += 1
    const mine = this.#lists
    for (const entry of this.#store.kvIterate(options)) {
      yield entry
      this.#access()
      if (this.#lists !== mine) {
        throw new Error(
          'kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator can exist at a time.',
        )
      }
    }
  }
}

import { compareKeys, isInRange, type KeyRange } from './key-order.ts'
import type { KvTable } from './kv-table.ts'
import type { Overlay } from './overlay.ts'
import { decodeValue } from './values.ts'

/** Reads from the table of the file; undefined when there is no file. */
type ReadTable = <T>(read: (table: KvTable) => T) => T | undefined

/** The keys of an object: those of the overlay over those of the database file. */
export class KvView {
  readonly #overlay: Overlay
  readonly #readTable: ReadTable

  constructor(overlay: Overlay, readTable: ReadTable) {
    this.#overlay = overlay
    this.#readTable = readTable
  }

  get(key: string): Uint8Array | undefined {
    const pending = this.#overlay.get(key)
    if (pending !== undefined) return pending === 'deleted' ? undefined : pending
    return this.#readTable((table) => table.get(key))
  }

  *entries(range: KeyRange): IterableIterator<[string, unknown]> {
    for (const [key, bytes] of this.bytesIn(range)) yield [key, decodeValue(bytes)]
  }

  /**
   * Both merged, in order. Writes made meanwhile show, when they are further on; a key is given once,
   * whether or not its value moves from the overlay into the file meanwhile.
   */
  *bytesIn(range: KeyRange): IterableIterator<[string, Uint8Array]> {
    const order = range.reverse ? (a: string, b: string) => compareKeys(b, a) : compareKeys
    let last: string | undefined
    const isAhead = (key: string): boolean => last === undefined || order(key, last) > 0
    const collect = (): string[] =>
      [...this.#overlay.keys()].filter((key) => isInRange(key, range) && isAhead(key)).sort(order)
    let version = this.#overlay.version
    let pending = collect()
    let at = 0
    const read = this.#readTable((table) => table.list(range))
    const step = (): readonly unknown[] | undefined => this.#readTable(() => read?.next())
    let row = step()
    let rowVersion = version
    try {
      for (let left = range.limit; left > 0; ) {
        if (version !== this.#overlay.version) {
          version = this.#overlay.version
          pending = collect()
          at = 0
        }
        while (row !== undefined && !isAhead(row[0] as string)) {
          row = step()
          rowVersion = version
        }
        const key = pending[at]
        const stored = row?.[0] as string | undefined
        if (key === undefined && stored === undefined) return
        const isStored = key === undefined || (stored !== undefined && order(stored, key) < 0)
        const name = isStored ? (stored as string) : (key as string)
        const isFresh = isStored && rowVersion === version
        const bytes = isFresh ? (row?.[1] as Uint8Array) : this.get(name)
        if (!isStored) at += 1
        last = name
        if (bytes === undefined) continue
        left -= 1
        yield [name, bytes]
      }
    } finally {
      read?.stop()
    }
  }
}

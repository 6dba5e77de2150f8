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
   * Both merged, in order. A key whose value moves from the overlay into the file meanwhile is given
   * once.
   */
  *bytesIn(range: KeyRange): IterableIterator<[string, Uint8Array]> {
    const pending = [...this.#overlay.keys()].filter((key) => isInRange(key, range))
    pending.sort(range.reverse ? (a, b) => compareKeys(b, a) : compareKeys)
    const read = this.#readTable((table) => table.list(range))
    const step = (): readonly unknown[] | undefined => this.#readTable(() => read?.next())
    try {
      let row = step()
      let at = 0
      for (let left = range.limit; left > 0; ) {
        const key = pending[at]
        const stored = row?.[0] as string | undefined
        if (key === undefined && stored === undefined) return
        const order = key === undefined || stored === undefined ? 0 : compareKeys(key, stored)
        let bytes: Uint8Array | undefined
        let name: string
        if (key === undefined || (range.reverse ? order < 0 : order > 0)) {
          name = stored as string
          bytes = row?.[1] as Uint8Array
          row = step()
        } else {
          name = key
          bytes = this.get(key)
          at += 1
          if (key === stored) row = step()
        }
        if (bytes === undefined) continue
        left -= 1
        yield [name, bytes]
      }
    } finally {
      read?.stop()
    }
  }
}

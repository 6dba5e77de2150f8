import btree from 'sorted-btree'
import { compareKeys } from './key-order.ts'

// The package is CommonJS: the class is a property of its default export.

/** A map ordered by the UTF-8 bytes of its keys. */
export type SortedMap<V> = btree.default<string, V>

export function sortedMap<V>(): SortedMap<V> {
  return new btree.default<string, V>(undefined, compareKeys)
}

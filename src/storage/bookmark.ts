import type { ObjectDatabase } from './object-database.ts'

/** The bookmarks of an object: each is greater than all before, for ever. [ST41] */
export class Bookmarks {
  #last = 0

  /** Takes the next one, into the transaction that is open. */
  take(database: ObjectDatabase): string {
    // One that was taken in a transaction that was rolled back is not taken again.
    this.#last = Math.max(this.#last, database.readBookmark()) + 1
    database.storeBookmark(this.#last)
    return bookmarkText(this.#last)
  }
}

// 8, 8, 8 and 32 hex digits, as on the reference; texts have the order of their counts.
function bookmarkText(count: number): string {
  const digits = count.toString(16).padStart(16, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}-${'0'.repeat(8)}-${'0'.repeat(32)}`
}

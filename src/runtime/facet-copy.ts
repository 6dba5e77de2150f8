import type { CommitLog, PendingCommit } from '../base/index.ts'
import { type ObjectImage, objectPageSize } from '../storage/index.ts'

/** Something that the log will confirm, or fail. */
export interface Confirmable {
  whenConfirmed(callback: (error: Error | undefined) => void): void
}

/**
 * An object that begins as the copy of another: until the log has all of it, nobody may open it. [FC6]
 *
 * The copy is the first record of its object; what its database is made of comes from there.
 */
export class FacetCopy implements Confirmable {
  #waiting: ((error: Error | undefined) => void)[] | undefined = []
  #error: Error | undefined
  readonly image: ObjectImage

  constructor(image: ObjectImage) {
    this.image = image
    if (image.pages.length === 0 && image.kv.size === 0) this.#settle()
  }

  whenConfirmed(callback: (error: Error | undefined) => void): void {
    if (this.#waiting === undefined) callback(this.#error)
    else this.#waiting.push(callback)
  }

  /** @param name what is stored as the copy's name */
  log(log: CommitLog, object: string, name: string): void {
    if (this.#waiting === undefined) return
    const { pages, kv } = this.image
    const commit: PendingCommit = {
      record: {
        object,
        name,
        fence: 0,
        sequence: 1,
        pageSize: objectPageSize,
        databasePages: pages.length,
        pages,
        kv: Array.from(kv, ([key, value]) => ({
          key,
          value: value === 'deleted' ? undefined : value,
        })),
        kvApplied: false,
        alarmAt: undefined,
      },
      confirmed: () => this.#settle(),
      failed: (error) => this.#settle(error),
    }
    log.enlist({ takeCommits: () => [commit] })
  }

  #settle(error?: Error): void {
    this.#error = error
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const callback of waiting) callback(error)
  }
}

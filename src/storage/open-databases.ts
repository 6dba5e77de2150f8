/** A store whose database can be closed until it is needed again. */
export interface Releasable {
  /** @returns false when something of the database is in use */
  release(): boolean
}

// A store that is asked in vain counts as just used, so a trim need not ask all of many busy ones.
const triesMax = 64

/** Which stores have their database open, so that no more stay open than a process can afford. [ST24] */
export class OpenDatabases {
  readonly #max: number
  // Least recently used first.
  readonly #stores = new Set<Releasable>()
  #last: Releasable | undefined

  constructor(max: number) {
    this.#max = max
  }

  used(store: Releasable): void {
    if (this.#last === store) return
    this.#last = store
    this.#stores.delete(store)
    this.#stores.add(store)
  }

  closed(store: Releasable): void {
    this.#stores.delete(store)
    if (this.#last === store) this.#last = undefined
  }

  /** Closes what was not used for longest and is quiet, down to the limit. Outside of turns only. */
  trim(): void {
    let tries = triesMax
    for (const store of this.#stores) {
      if (this.#stores.size <= this.#max || tries === 0) return
      tries -= 1
      if (!store.release() && this.#stores.has(store)) this.used(store)
    }
  }
}

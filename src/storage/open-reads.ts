/**
 * A read that goes on from call to call and keeps its statement busy. It is at its end after the last
 * row, or when the store closes it.
 */
export class OpenRead {
  readonly #rows: Iterator<unknown>
  readonly #ended: () => void
  #state: 'open' | 'ended' | { readonly closedBy: Error } = 'open'

  /** @internal Made by {@link OpenReads.open}. */
  constructor(rows: Iterator<unknown>, ended: () => void) {
    this.#rows = rows
    this.#ended = ended
  }

  /**
   * The next row; undefined after the last.
   *
   * @throws why the read was closed, if it was
   */
  next(): unknown[] | undefined {
    if (this.#state === 'ended') return undefined
    if (this.#state !== 'open') throw this.#state.closedBy
    let step: IteratorResult<unknown>
    try {
      step = this.#rows.next()
    } catch (error) {
      // SQLite would begin anew at the next step.
      this.#close({ closedBy: error as Error })
      throw error
    }
    if (step.done !== true) return step.value as unknown[]
    this.#end('ended')
    return undefined
  }

  /**
   * Whether the last row was taken, or nobody wants it.
   *
   * @throws why the read was closed, if it was
   */
  get isEnded(): boolean {
    if (typeof this.#state === 'object') throw this.#state.closedBy
    return this.#state === 'ended'
  }

  /** Lets the statement go before the last row; nothing more comes. */
  stop(): void {
    if (this.#state === 'open') this.#close('ended')
  }

  /** Lets the statement go; the next step throws `reason`. */
  close(reason: Error): void {
    if (this.#state === 'open') this.#close({ closedBy: reason })
  }

  #close(state: 'ended' | { readonly closedBy: Error }): void {
    this.#rows.return?.()
    this.#end(state)
  }

  #end(state: 'ended' | { readonly closedBy: Error }): void {
    this.#state = state
    this.#ended()
  }
}

/**
 * The reads of one store that are not at their end. An open one keeps SQLite from dropping tables
 * and from emptying the `-wal`. One that the program forgot goes with the garbage, so none is held
 * for long; most are at their end within the call that began them, so that they are watched by the
 * garbage collector only after {@link recentMax} others, or when it matters.
 */
export class OpenReads {
  readonly #recent = new Set<OpenRead>()
  readonly #watched = new Set<WeakRef<OpenRead>>()
  readonly #references = new WeakMap<OpenRead, WeakRef<OpenRead>>()
  readonly #forgotten = new FinalizationRegistry<WeakRef<OpenRead>>((reference) => {
    this.#watched.delete(reference)
  })

  /** @param ended is called when the read is at its end: the statement can be used again */
  open(rows: Iterator<unknown>, ended?: () => void): OpenRead {
    const read: OpenRead = new OpenRead(rows, () => {
      this.#remove(read)
      ended?.()
    })
    if (this.#recent.size >= recentMax) this.#watchRecent()
    this.#recent.add(read)
    return read
  }

  /** Also while only a read is open that the program forgot and the collector has not found yet. */
  get isEmpty(): boolean {
    this.#watchRecent()
    return this.#watched.size === 0
  }

  close(reason: Error): void {
    this.#watchRecent()
    for (const reference of [...this.#watched]) reference.deref()?.close(reason)
  }

  #remove(read: OpenRead): void {
    if (this.#recent.delete(read)) return
    const reference = this.#references.get(read)
    if (reference === undefined) return
    this.#watched.delete(reference)
    this.#forgotten.unregister(reference)
  }

  #watchRecent(): void {
    for (const read of this.#recent) {
      const reference = new WeakRef(read)
      this.#references.set(read, reference)
      this.#watched.add(reference)
      this.#forgotten.register(read, reference, reference)
    }
    this.#recent.clear()
  }
}

const recentMax = 16

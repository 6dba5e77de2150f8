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
  next(): readonly unknown[] | undefined {
    if (this.#state === 'ended') return undefined
    if (this.#state !== 'open') throw this.#state.closedBy
    const { done, value } = this.#rows.next()
    if (done !== true) return value as readonly unknown[]
    this.#end('ended')
    return undefined
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
 * and from emptying the `-wal`. One that the program forgot goes with the garbage, so none is held.
 */
export class OpenReads {
  readonly #reads = new Set<WeakRef<OpenRead>>()
  readonly #forgotten = new FinalizationRegistry<WeakRef<OpenRead>>((reference) => {
    this.#reads.delete(reference)
  })

  /** @param ended is called when the read is at its end: the statement can be used again */
  open(rows: Iterator<unknown>, ended?: () => void): OpenRead {
    const read: OpenRead = new OpenRead(rows, () => {
      this.#reads.delete(reference)
      this.#forgotten.unregister(reference)
      ended?.()
    })
    const reference = new WeakRef(read)
    this.#reads.add(reference)
    this.#forgotten.register(read, reference, reference)
    return read
  }

  get isEmpty(): boolean {
    return this.#reads.size === 0
  }

  close(reason: Error): void {
    for (const reference of [...this.#reads]) reference.deref()?.close(reason)
  }
}

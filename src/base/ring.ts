/** A member of one ring at a time. */
export class RingMember {
  #previous: RingMember = this
  #next: RingMember = this

  get isLinked(): boolean {
    return this.#next !== this
  }

  /** Leaves its ring. @returns false when it is in none */
  unlink(): boolean {
    if (this.#next === this) return false
    this.#previous.#next = this.#next
    this.#next.#previous = this.#previous
    this.#previous = this
    this.#next = this
    return true
  }

  /** @internal */
  linkBefore(member: RingMember): void {
    this.#previous = member.#previous
    this.#next = member
    member.#previous.#next = this
    member.#previous = this
  }

  /** @internal */
  get next(): RingMember {
    return this.#next
  }
}

/**
 * A collection whose members come and go all the time, in the order in which they came.
 *
 * A Set would do, but for the garbage collector: each time a Set grows it leaves a table behind that
 * points to the next one, so that one table in the old generation keeps all that follow, with what
 * was in them, until a full collection. Under load that made every minor collection copy 10 MB.
 */
export class Ring<T extends RingMember> {
  readonly #start = new RingMember()

  get isEmpty(): boolean {
    return !this.#start.isLinked
  }

  add(member: T): void {
    member.linkBefore(this.#start)
  }

  /** Empties the ring. @returns what was in it, in order */
  drain(): T[] {
    const members: T[] = []
    while (this.#start.isLinked) {
      const first = this.#start.next as T
      first.unlink()
      members.push(first)
    }
    return members
  }
}

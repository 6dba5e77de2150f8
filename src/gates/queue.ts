/** First in, first out; both ends in constant time on average. */
export class Queue<T> {
  // Those before `#head` were taken and are undefined: kept, they would keep alive what they lead to.
  #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head += 1
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head === 1024) {
      this.#items = this.#items.slice(1024)
      this.#head = 0
    }
    return item
  }

  /** Empties the queue. @returns what was in it, in order */
  drain(): T[] {
    const items = this.#items.slice(this.#head) as T[]
    this.#items = []
    this.#head = 0
    return items
  }
}

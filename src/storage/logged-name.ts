/** What an object's id was made from, if that is known, and whether the log has heard of it. */
export class LoggedName {
  #name: string | undefined
  // Goes with the next commit.
  #untold: string | undefined

  constructor(name: string | undefined) {
    this.is(name)
  }

  /** The first name that is told stays. */
  is(name: string | undefined): void {
    if (this.#name !== undefined) return
    this.#name = name
    this.#untold = name
  }

  /** For the next record: nothing when the log knows. */
  take(): { readonly name?: string } {
    const name = this.#untold
    this.#untold = undefined
    return name === undefined ? {} : { name }
  }

  /** The log is about to forget what it knows. */
  tellAgain(): void {
    this.#untold = this.#name
  }
}

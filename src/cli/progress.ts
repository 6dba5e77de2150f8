// A bar that is drawn anew fits on a terminal; a file or a pipe gets a line now and then.

const barWidth = 30
const linesMax = 10

/** Shows on stderr how far a command is. */
export class Progress {
  readonly #what: string
  readonly #isTerminal = process.stderr.isTTY
  #shown = ''
  #stepShown = 0

  /** @param what is counted, in the plural */
  constructor(what: string) {
    this.#what = what
  }

  show(done: number, total: number): void {
    const part = total === 0 ? 1 : done / total
    const text = `${done} of ${total} ${this.#what}`
    if (this.#isTerminal) {
      const percent = Math.floor(part * 100)
      // Only what looks different.
      if (percent === this.#stepShown && done < total && this.#shown !== '') return
      this.#stepShown = percent
      const width = Math.floor(part * barWidth)
      this.#draw(`[${'#'.repeat(width).padEnd(barWidth)}] ${percent}%  ${text}`)
      return
    }
    const step = Math.floor(part * linesMax)
    if (step <= this.#stepShown) return
    this.#stepShown = step
    console.error(text)
  }

  /** Prints a line that stays. */
  line(text: string): void {
    const bar = this.#shown
    this.end()
    console.error(text)
    if (bar !== '') this.#draw(bar)
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#shown !== '') process.stderr.write(`\r${' '.repeat(this.#shown.length)}\r`)
    this.#shown = ''
  }

  #draw(bar: string): void {
    process.stderr.write(`\r${bar.padEnd(this.#shown.length)}`)
    this.#shown = bar
  }
}

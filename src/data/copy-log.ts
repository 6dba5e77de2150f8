import type { CommitLog, CommitSource } from '../base/index.ts'

/** The log of a copy that is thrown away: confirms at once what nobody needs to find again. */
export class CopyLog implements CommitLog {
  #sources = new Set<CommitSource>()

  enlist(source: CommitSource): void {
    this.#sources.add(source)
  }

  flush(): void {
    const sources = this.#sources
    this.#sources = new Set()
    for (const source of sources) {
      for (const commit of source.takeCommits()) commit.confirmed()
    }
  }

  async close(): Promise<void> {
    this.flush()
  }
}

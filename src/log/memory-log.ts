import type { CommitLog, CommitRecord, CommitSource, PendingCommit } from '../base/index.ts'

/** A log for tests: nothing is durable, and the test says when a batch is answered, and how. */
export class ScriptedLog implements CommitLog {
  /** Every record that was confirmed, in order. */
  readonly confirmedRecords: CommitRecord[] = []
  #sources = new Set<CommitSource>()
  #batches: (readonly PendingCommit[])[] = []

  /** Batches taken and not answered. */
  get batchCount(): number {
    return this.#batches.length
  }

  enlist(source: CommitSource): void {
    this.#sources.add(source)
  }

  flush(): void {
    const sources = this.#sources
    this.#sources = new Set()
    const commits = [...sources].flatMap((source) => source.takeCommits())
    if (commits.length > 0) this.#batches.push(commits)
  }

  /** Confirms the oldest batch. @returns false when there is none */
  confirmNext(): boolean {
    const batch = this.#batches.shift()
    for (const commit of batch ?? []) {
      this.confirmedRecords.push(commit.record)
      commit.confirmed()
    }
    return batch !== undefined
  }

  /** Fails the oldest batch. @returns false when there is none */
  failNext(error: Error): boolean {
    const batch = this.#batches.shift()
    for (const commit of batch ?? []) commit.failed(error)
    return batch !== undefined
  }

  async close(): Promise<void> {
    this.flush()
    while (this.confirmNext()) this.flush()
  }
}

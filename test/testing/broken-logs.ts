// Logs that break one rule of the port each, run by `log-suite.test.ts` to see the suite find them.

import type { CommitLog, CommitRecord, CommitSource, PendingCommit } from '../../src/base/index.ts'
import { testCommitLog } from '../../src/testing/index.ts'
import { type Fault, faults } from './log-faults.ts'

for (const fault of Object.keys(faults) as Fault[]) {
  testCommitLog(fault, () => {
    const log = new BrokenLog(fault)
    return {
      log,
      refuse: (isRefused) => {
        log.isRefused = isRefused
      },
      recover: () => log.records,
      answerMs: 500,
      dispose: () => {},
    }
  })
}

class BrokenLog implements CommitLog {
  readonly records: CommitRecord[] = []
  isRefused = false
  readonly #fault: Fault
  #sources: CommitSource[] = []
  #batchCount = 0
  #isClosed = false

  constructor(fault: Fault) {
    this.#fault = fault
  }

  enlist(source: CommitSource): void {
    if (this.#fault === 'takes at once') this.#write(source.takeCommits())
    else if (this.#fault === 'takes twice' || !this.#sources.includes(source)) {
      this.#sources.push(source)
    }
  }

  flush(): void {
    if (this.#batchCount > 0 && this.#fault !== 'batches overlap') return
    if (this.#sources.length > 0) this.#write(this.#take())
  }

  async close(): Promise<void> {
    if (this.#fault === 'close forgets') this.#sources = []
    for (this.flush(); this.#batchCount > 0; this.flush()) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isClosed = true
  }

  #take(): PendingCommit[] {
    const sources = this.#sources
    this.#sources = []
    if (this.#fault !== 'takes late comers') return sources.flatMap((s) => s.takeCommits())
    this.#sources = sources
    const commits: PendingCommit[] = []
    for (const source of sources) commits.push(...source.takeCommits())
    this.#sources = []
    return commits
  }

  #write(commits: readonly PendingCommit[]): void {
    this.#batchCount += 1
    if (this.#fault === 'answers inside flush') this.#answer(commits)
    else setImmediate(() => this.#answer(commits))
  }

  #answer(commits: readonly PendingCommit[]): void {
    this.#batchCount -= 1
    const isOver = this.#isClosed && this.#fault !== 'works on when closed'
    const refused = this.isRefused || isOver
    if (!refused || this.#fault === 'recovers what it refused') {
      this.records.push(...commits.map(({ record }) => record))
    }
    const inOrder = this.#fault === 'answers in no order' ? commits.toReversed() : commits
    for (const [i, commit] of inOrder.entries()) {
      if (!refused || (this.#fault === 'confirms a part' && i === 0)) commit.confirmed()
      else commit.failed(new Error('refused'))
      if (this.#fault === 'answers twice' && i === 0) commit.confirmed()
    }
    if (this.#fault !== 'waits for flush') this.flush()
  }
}

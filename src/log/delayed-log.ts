import type { CommitLog, CommitSource, PendingCommit, Timers } from '../base/index.ts'

/**
 * A log whose every answer comes `delayMs` later, in order; batches are not slowed down. For feeling
 * production latency, and for seeing what the output gate holds.
 */
export function delayConfirmations(log: CommitLog, delayMs: number, timers: Timers): CommitLog {
  const wrapped = new WeakMap<CommitSource, CommitSource>()
  let waiting = 0
  let closed: Promise<void> | undefined
  let allAnswered: (() => void) | undefined
  const later = (answer: () => void): void => {
    waiting += 1
    timers.after(delayMs, () => {
      waiting -= 1
      answer()
      if (waiting === 0) allAnswered?.()
    })
  }
  const delayed = (commit: PendingCommit): PendingCommit => ({
    record: commit.record,
    confirmed: () => later(() => commit.confirmed()),
    failed: (error) => later(() => commit.failed(error)),
  })
  const close = async (): Promise<void> => {
    await log.close()
    if (waiting === 0) return
    await new Promise<void>((resolve) => {
      allAnswered = resolve
    })
  }
  return {
    enlist(source) {
      let outer = wrapped.get(source)
      if (outer === undefined) {
        outer = { takeCommits: () => source.takeCommits().map(delayed) }
        wrapped.set(source, outer)
      }
      log.enlist(outer)
    },
    flush: () => log.flush(),
    close() {
      closed ??= close()
      return closed
    },
  }
}

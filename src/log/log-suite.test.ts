// The suite that every commit log has to pass, on each of ours.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommitLog, CommitRecord, CommitSource, Timers } from '../base/index.ts'
import { type LogUnderTest, testCommitLog } from '../testing/index.ts'
import { delayConfirmations, FileLog, recoverLog, ScriptedLog } from './index.ts'

const timers: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}

testCommitLog('file', openFileLog)
testCommitLog('memory', openMemoryLog)
testCommitLog('file, delayed', () => delayed(openFileLog()))
testCommitLog('memory, delayed', () => delayed(openMemoryLog()))

function openFileLog(): LogUnderTest {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-log-suite-'))
  const directory = join(folder, 'log')
  mkdirSync(directory)
  const refuse = (isRefused: boolean): void => {
    const failures = isRefused ? { write: 'the disk is full' } : {}
    writeFileSync(join(folder, 'failures.json'), JSON.stringify(failures))
  }
  refuse(false)
  const log = new FileLog({
    directory,
    firstSegment: 1,
    segmentBytesMax: 2 ** 30,
    filesModule: new URL('./failing-files.ts', import.meta.url).href,
  })
  return {
    log,
    refuse,
    recover: () => recoverRecords(directory),
    dispose: async () => {
      await log.close()
      rmSync(folder, { recursive: true })
    },
  }
}

function recoverRecords(directory: string): CommitRecord[] {
  const records: CommitRecord[] = []
  recoverLog(
    directory,
    ({ pages, kv, object, name, sequence, pageSize, databasePages, alarmAt }) => {
      records.push({
        object,
        name,
        sequence,
        pageSize,
        databasePages,
        alarmAt,
        fence: 0,
        pages: [...pages].map(([pageNumber, bytes]) => ({ pageNumber, bytes })),
        kv: [...kv].map(([key, value]) => ({
          key,
          value: value === 'deleted' ? undefined : value,
        })),
        kvApplied: false,
      })
    },
  )
  return records
}

function openMemoryLog(): LogUnderTest {
  const log = new MemoryLog()
  return {
    log,
    refuse: (isRefused) => {
      log.refusal = isRefused ? new Error('asked to refuse') : undefined
    },
    recover: () => log.confirmedRecords,
    dispose: () => log.close(),
  }
}

function delayed(under: LogUnderTest): LogUnderTest {
  return { ...under, log: delayConfirmations(under.log, 5, timers) }
}

/** A scripted log whose script is: one batch at a time, answered soon. */
class MemoryLog implements CommitLog {
  readonly #log = new ScriptedLog()
  refusal: Error | undefined
  #isClosed = false

  get confirmedRecords(): readonly CommitRecord[] {
    return this.#log.confirmedRecords
  }

  enlist(source: CommitSource): void {
    this.#log.enlist(source)
  }

  flush(): void {
    if (this.#log.batchCount > 0) return
    this.#log.flush()
    if (this.#log.batchCount > 0) setImmediate(() => this.#answer())
  }

  async close(): Promise<void> {
    for (this.flush(); this.#log.batchCount > 0; this.flush()) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isClosed = true
  }

  #answer(): void {
    const refusal = this.#isClosed ? new Error('the log is closed') : this.refusal
    if (refusal === undefined) this.#log.confirmNext()
    else this.#log.failNext(refusal)
    this.flush()
  }
}

// One life of Sluice on a folder as a crash left it: recovers, compares, goes on, ends.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createRuntime, type Runtime } from '../../../src/sluice/index.ts'
import { pick, type Random } from '../random.ts'
import { makeJournal } from './journal.ts'
import { headOf, type Ledger, type Mark, type Stored, Violation } from './ledger.ts'
import { farAlarmAt } from './operations.ts'
import { mark, record, type Recording } from './recorder.ts'
import type { Image } from './simulated-disk.ts'
import type { TraceEvent } from './trace.ts'
import { askOnce, objectNames, readStored } from './workload.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const operationsPerSession = [0, 2, 4]
// Far more than it takes.
const dueMs = 20_000

export interface Session {
  readonly image: Image
  /** What holds at its start; what the session says is added. */
  readonly ledger: Ledger
  readonly random: Random
  /** What it does to its files is of interest. */
  readonly isRecorded: boolean
}

/**
 * Starts Sluice on the image and checks all that it holds, before and after some more operations.
 *
 * @returns what the session did to its files, and said
 * @throws Violation
 */
export async function runSession({
  image,
  ledger,
  random,
  isRecorded,
}: Session): Promise<TraceEvent[]> {
  const root = mkdtempSync(join(fastFolder, 'sluice-crash-'))
  const recording: Recording = { root, clock: new Int32Array(1), events: [] }
  let violation: Error | undefined
  const say = (said: Mark): void => {
    mark(said)
    try {
      ledger.apply(said)
    } catch (error) {
      // Not into the program that says it.
      violation ??= error as Error
    }
  }
  try {
    materialize(image, root, random)
    if (isRecorded) record(recording)
    globalThis.crashJournal = makeJournal(ledger.lastId, say)
    const runtime = await start(root, random)
    try {
      say({ said: 'started' })
      await checkAll(runtime, objectNames, ledger, say)
      ledger.checkSeen()
      await requireRung(runtime, ledger, say)
      const changed = new Set<string>()
      for (let left = pick(random, operationsPerSession); left > 0; left -= 2) {
        const ask = (): Promise<string> => askOnce({ runtime, random, say, pauseMs: 1 })
        for (const object of await Promise.all([ask(), ask()])) changed.add(object)
      }
      await checkAll(runtime, [...changed], ledger, say)
    } finally {
      await runtime.close()
    }
    say({ said: 'stopped' })
    if (violation !== undefined) throw violation
    checkIntegrity(join(root, 'data', 'objects'))
    // A stop that took too long leaves the rest to the next start.
    if (readdirSync(join(root, 'data', 'log')).length === 0) {
      checkCatalogue(join(root, 'data', 'objects', 'catalogue.sqlite'), ledger)
    }
    return recording.events
  } finally {
    record(undefined)
    rmSync(root, { recursive: true, force: true })
  }
}

async function start(root: string, random: Random): Promise<Runtime> {
  try {
    return await createRuntime({
      project,
      data: join(root, 'data'),
      logSegmentBytes: pick(random, [10_000, 100_000]),
      idleMs: 100_000,
      openDatabases: pick(random, [3, 1000]),
    })
  } catch (error) {
    throw new Violation(`Cannot start: ${(error as Error).message}`, { cause: error })
  }
}

async function checkAll(
  runtime: Runtime,
  objects: readonly string[],
  ledger: Ledger,
  say: (mark: Mark) => void,
): Promise<void> {
  const stored = await readStored(runtime, objects)
  for (const [i, object] of objects.entries()) {
    say({ said: 'acknowledged', object, id: ledger.check(object, stored[i] as Stored) })
  }
}

function isDue({ alarm }: Stored): boolean {
  return Number(alarm['at']) < farAlarmAt
}

// An alarm that is due rings, also after a crash.
async function requireRung(
  runtime: Runtime,
  ledger: Ledger,
  say: (mark: Mark) => void,
): Promise<void> {
  for (const end = performance.now() + dueMs; ; ) {
    const due = [...ledger.known].filter(([, stored]) => isDue(stored)).map(([object]) => object)
    if (due.length === 0) return
    if (performance.now() > end) throw new Violation(`the alarm of ${due.join()} does not ring`)
    await checkAll(runtime, due, ledger, say)
  }
}

// Files in memory: nothing here is to survive a crash of this machine.
const fastFolder = statSync('/dev/shm', { throwIfNoEntry: false })?.isDirectory()
  ? '/dev/shm'
  : tmpdir()

export function materialize(image: Image, root: string, random: Random): void {
  for (const [path, content] of image) {
    const target = join(root, path)
    mkdirSync(content === undefined ? target : dirname(target), { recursive: true })
    if (content === undefined) continue
    // The process of the lock is gone with the machine it ran on; this one is not.
    const isLock = path === join('data', 'lock')
    const left = isLock ? pick(random, ['', '\0\0\0\0', '4194305 1\n']) : content
    writeFileSync(target, left)
  }
}

function checkIntegrity(directory: string): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.sqlite')) continue
    const text = query(join(directory, name), 'PRAGMA integrity_check').join('; ')
    if (text !== 'ok') throw new Violation(`the database '${name}' is damaged: ${text}`)
  }
}

// [CT1] Everything is in it after an orderly end.
function checkCatalogue(path: string, ledger: Ledger): void {
  const listed = new Map(
    query(path, 'SELECT name, alarm FROM objects') as [string, number | null][],
  )
  for (const [object, stored] of ledger.known) {
    if (headOf(stored) === 0) continue
    const alarmAt = listed.get(object)
    if (alarmAt === undefined) throw new Violation(`the catalogue does not list ${object}`)
    const wanted = stored.alarm['at'] === undefined ? null : Number(stored.alarm['at'])
    // One that is due may have rung since.
    if (alarmAt === wanted || isDue(stored)) continue
    throw new Violation(`the catalogue has ${alarmAt} as alarm of ${object}, which is at ${wanted}`)
  }
}

/** Rows as lists. Nobody has the file open, and no -wal is beside it. */
function query(path: string, sql: string): unknown[][] {
  const url = pathToFileURL(path)
  url.search = 'immutable=1'
  const db = new DatabaseSync(url, { readOnly: true })
  try {
    return db
      .prepare(sql)
      .all()
      .map((row) => Object.values(row))
  } finally {
    db.close()
  }
}

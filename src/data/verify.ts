import { existsSync, statSync } from 'node:fs'
import type { RecoveryReport } from '../log/index.ts'
import { inspectFile, StoredDatabase } from '../storage/index.ts'
import { isOfTheWorld } from './faults.ts'
import { FolderReader } from './folder-reader.ts'

export interface VerifyReport {
  readonly objectCount: number
  readonly databaseCount: number
  readonly databaseBytes: number
  /** Undefined when the log is damaged. */
  readonly log: RecoveryReport | undefined
  /** Keys that are in the log and in no database yet. */
  readonly pendingKeyCount: number
  readonly faultCount: number
}

/** Hears how it goes. */
export interface VerifyListener {
  /** One line: which object, which file, and what is wrong. */
  fault(line: string): void
  /** So many objects of all are done. */
  progress(done: number, total: number): void
}

/**
 * Checks every record of the log, the catalogue and every database of a data folder, and changes
 * nothing. What is damaged does not end the run. [DT2, DT3]
 *
 * @throws DurableError when the folder is none, in use, or of another format
 */
export async function verifyFolder(path: string, listener: VerifyListener): Promise<VerifyReport> {
  const reader = new FolderReader(path)
  try {
    const report = await new Verification(reader, listener).run()
    reader.requireUnused()
    return report
  } finally {
    await reader.close()
  }
}

class Verification {
  readonly #reader: FolderReader
  readonly #listener: VerifyListener
  // As the catalogue says, with the log; undefined when there is no telling.
  #alarms: Map<string, number | null> | undefined
  #isLogGood = false
  #databaseCount = 0
  #databaseBytes = 0
  #faultCount = 0
  #done = 0
  #total = 0

  constructor(reader: FolderReader, listener: VerifyListener) {
    this.#reader = reader
    this.#listener = listener
  }

  async run(): Promise<VerifyReport> {
    const reader = this.#reader
    const log = this.#attempt(() => reader.readLog())
    this.#isLogGood = log !== undefined
    await this.#readCatalogue()
    const { cataloguePath } = this.#reader.paths
    if (existsSync(cataloguePath)) this.#count(statSync(cataloguePath).size)
    const files = new Set(reader.databaseKeys())
    const all = new Set([...files, ...reader.loggedKeys, ...(this.#alarms?.keys() ?? [])])
    this.#total = all.size
    this.#listener.progress(0, this.#total)
    // Restored from the log, or not to be restored at all.
    const visited = new Set<string>()
    if (log !== undefined) {
      reader.visitRestored(
        (key, path) => {
          visited.add(key)
          this.#checkDatabase(key, path)
        },
        (key, error) => {
          visited.add(key)
          this.#fault(`${key}: ${error.message}`)
          this.#step()
        },
      )
    }
    for (const key of all) {
      if (visited.has(key)) continue
      if (files.has(key)) this.#checkFile(key)
      else this.#checkMissing(key)
    }
    let pendingKeyCount = 0
    for (const key of reader.loggedKeys) pendingKeyCount += reader.pendingKeyCount(key)
    return {
      objectCount: this.#alarms?.size ?? all.size,
      databaseCount: this.#databaseCount,
      databaseBytes: this.#databaseBytes,
      log,
      pendingKeyCount,
      faultCount: this.#faultCount,
    }
  }

  async #readCatalogue(): Promise<void> {
    const reader = this.#reader
    try {
      await reader.openCatalogue()
      const alarms = new Map<string, number | null>()
      for (const namespace of reader.namespaces) {
        for (const { key, alarmAt } of reader.objects(namespace)) alarms.set(key, alarmAt)
      }
      this.#alarms = alarms
    } catch (error) {
      if (!isOfTheWorld(error)) throw error
      this.#fault(error.message)
    }
  }

  #checkFile(key: string): void {
    const path = this.#reader.databasePath(key)
    const isKnown = this.#alarms?.has(key) !== false
    // Made without a sync before a first commit that was never confirmed: what is in it does not count.
    const counts = isKnown && this.#reader.mustHaveDatabase(key)
    if (!counts && inspectFile(path) !== 'database') {
      this.#step()
      return
    }
    // A damaged log may have known it.
    if (!isKnown && this.#isLogGood) {
      this.#fault(`${key}: '${path}' is of no object that the catalogue or the log knows`)
    }
    this.#checkDatabase(key, path)
  }

  #checkMissing(key: string): void {
    if (this.#alarms?.has(key) === true && this.#reader.mustHaveDatabase(key)) {
      this.#fault(`${key}: its database '${this.#reader.databasePath(key)}' is missing`)
    }
    this.#step()
  }

  /** @param path the object's file, or a copy of it with what the log holds */
  #checkDatabase(key: string, path: string): void {
    try {
      this.#count(statSync(path).size)
      const database = new StoredDatabase(path)
      try {
        const fault = database.fault()
        if (fault === undefined) this.#checkAlarm(key, database.readAlarm())
        else this.#fault(`${key}: '${this.#reader.databasePath(key)}' is damaged: ${fault}`)
      } finally {
        database.close()
      }
    } catch (error) {
      if (!isOfTheWorld(error)) throw error
      this.#fault(`${key}: '${this.#reader.databasePath(key)}' cannot be read: ${error.message}`)
    }
    this.#step()
  }

  #checkAlarm(key: string, inDatabase: number | null): void {
    const inCatalogue = this.#alarms?.get(key)
    // What the log sets last is in the catalogue already, and may be in no database yet.
    const pending = this.#reader.pendingAlarm(key)
    if (inCatalogue === undefined || pending !== undefined || inCatalogue === inDatabase) return
    // Without the log either may be behind the other.
    if (!this.#isLogGood) return
    const path = this.#reader.databasePath(key)
    this.#fault(
      `${key}: the alarm is ${describe(inDatabase)} in '${path}' and ${describe(inCatalogue)} in the catalogue`,
    )
  }

  #attempt<T>(act: () => T): T | undefined {
    try {
      return act()
    } catch (error) {
      if (!isOfTheWorld(error)) throw error
      this.#fault(error.message)
      return undefined
    }
  }

  #fault(line: string): void {
    this.#faultCount += 1
    this.#listener.fault(line)
  }

  #count(bytes: number): void {
    this.#databaseCount += 1
    this.#databaseBytes += bytes
  }

  #step(): void {
    this.#done += 1
    this.#listener.progress(this.#done, this.#total)
  }
}

function describe(alarmAt: number | null): string {
  return alarmAt === null ? 'not set' : new Date(alarmAt).toISOString()
}

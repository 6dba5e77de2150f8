import { DurableError, newestCompatibility } from '../base/index.ts'
import { localLimits } from '../storage/index.ts'
import type { RecentEntry } from './catalogue.ts'
import { ObjectTable } from './object-table.ts'
import { ShardLog } from './shard-log.ts'
import { systemClock, systemTimers } from './system-timers.ts'

// As good as without a limit; a timer cannot be set much further.
const checkpointMs = 7 * 24 * 3_600_000
const logSegmentBytes = 16 * 1024 * 1024

/** A data folder that this process has taken, with an empty log and no program running on it. */
export interface IdleFolder {
  readonly objectsDirectory: string
  has(key: string): boolean
  /** Puts objects into the catalogue, durably. Their files must be synced, with their folders. [CT2] */
  register(entries: Iterable<RecentEntry>): Promise<void>
}

/**
 * Takes the data folder at `path`, or makes it, and brings all that its log has into the databases;
 * then calls `act`. The folder is given back in the end.
 *
 * @throws DurableError as a start does, and when the log cannot be emptied
 */
export async function withIdleFolder<T>(
  path: string,
  act: (folder: IdleFolder) => Promise<T>,
): Promise<T> {
  const log = await ShardLog.open({ dataDirectory: path, confirmDelayMs: 0, logSegmentBytes })
  const table = openTable(log)
  log.checkpointWith(table)
  const emptyLog = async (): Promise<void> => {
    await log.checkpointAll(checkpointMs)
    if (log.isEmpty) return
    throw new DurableError(
      `Cannot bring the log of '${path}' into its databases: see above; nothing was lost`,
    )
  }
  try {
    await emptyLog()
    const result = await act({
      objectsDirectory: log.objectsDirectory,
      has: (key) => log.catalogue.has(key),
      register: async (entries) => {
        await log.catalogue.write(entries)
        await log.catalogue.whenConfirmed()
      },
    })
    await emptyLog()
    return result
  } finally {
    table.close()
    await log.close()
  }
}

function openTable(log: ShardLog): ObjectTable {
  return new ObjectTable({
    directory: log.objectsDirectory,
    log: log.commits,
    pending: log.pending,
    restored: log.restored,
    clock: systemClock,
    timers: systemTimers,
    idleMs: 0,
    isKnown: (key) => log.catalogue.hasFile(key),
    nameOf: (key) => log.catalogue.nameOf(key),
    facetsOf: (key) => log.catalogue.facetsOf(key),
    storageDelayMs: 0,
    limitsOf: () => localLimits,
    openDatabases: 100,
    // No object ever wakes.
    compatibility: newestCompatibility,
    report: (message, error) => console.error(`sluice: ${message}:`, error),
  })
}

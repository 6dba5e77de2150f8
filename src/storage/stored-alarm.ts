import { inspectFile } from './database-file.ts'
import { ObjectDatabase } from './object-database.ts'

/**
 * What the database file of an object says of its alarm, for a catalogue that is made anew.
 *
 * @returns undefined when the file is no database: nothing of the object was ever confirmed
 */
export function readStoredAlarm(path: string): { readonly alarmAt: number | null } | undefined {
  if (inspectFile(path) !== 'database') return undefined
  const database = new ObjectDatabase(path, ({ run }) => run())
  try {
    return { alarmAt: database.readAlarm() }
  } finally {
    database.close()
  }
}

import { DurableError } from '../base/index.ts'
import { LogFormatError } from '../log/index.ts'
import { isSqliteError } from '../storage/index.ts'

/** Whether a folder or a file is the reason of `error`, rather than this program. */
export function isOfTheWorld(error: unknown): error is Error {
  if (error instanceof DurableError || error instanceof LogFormatError) return true
  return isSqliteError(error) || (error instanceof Error && 'syscall' in error)
}

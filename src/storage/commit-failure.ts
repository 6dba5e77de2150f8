import { describeSqliteError, isSqliteError, primaryCode } from './sqlite.ts'
import type { Failure } from './store-types.ts'

const codeConstraint = 19

/** Why a COMMIT did not come about, and whether the database can go on. */
export function commitFailure(error: unknown): Failure {
  if (!isSqliteError(error) || primaryCode(error) !== codeConstraint) {
    return { error: asError(error), isLasting: true }
  }
  const message = `Durable Object was reset and rolled back to its last known good state because the application left the database in a state where constraints were violated: ${describeSqliteError(error)}`
  return { error: new Error(message), isLasting: false }
}

/** An error of SQLite with the reference's text; any other as it is. */
export function asError(error: unknown): Error {
  return isSqliteError(error) ? new Error(describeSqliteError(error)) : (error as Error)
}

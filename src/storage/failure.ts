import { ConstraintsError } from '../base/index.ts'
import { describeSqliteError, isSqliteError, primaryCode } from './sqlite.ts'
import type { Failure } from './store-types.ts'

const codeConstraint = 19

/** What becomes of a store whose commit SQLite refused: constraints that failed cost the incarnation alone. */
export function commitFailure(error: unknown): Failure {
  if (!isSqliteError(error) || primaryCode(error) !== codeConstraint) {
    return { error: asError(error), isLasting: true }
  }
  const message = `Durable Object was reset and rolled back to its last known good state because the application left the database in a state where constraints were violated: ${describeSqliteError(error)}`
  return { error: new ConstraintsError(message), isLasting: false }
}

/** The error as programs are told of it. */
export function asError(error: unknown): Error {
  return isSqliteError(error) ? new Error(describeSqliteError(error)) : (error as Error)
}

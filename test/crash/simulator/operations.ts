// What the simulator asks the objects of its program to do.

import type { Mark, Stored } from './ledger.ts'

export const kinds = [
  'write',
  'several',
  'transaction',
  'nested',
  'rollback',
  'undone',
  'deleteAll',
  'renew',
  'nothing',
  'read',
  'abort',
  'violate',
  'spill',
  'cursor',
  'peek',
  'unconfirmed',
  'sync',
] as const
export type Kind = (typeof kinds)[number]

/** Keys and the bytes to store there; null deletes. */
export type Sizes = Readonly<Record<string, number | null>>

export interface Operation {
  readonly number: number
  readonly object: string
  readonly kind: Kind
  readonly pauseMs: number
  readonly kv: Sizes
  readonly sql: Sizes
  /** Whose state to look at. */
  readonly other: string
}

/** The state that the outside may now rely on; 0 for none. */
export interface Answer {
  readonly id: number
}

/** How the program, which runs in the same thread, tells what it does; not through any gate. */
export interface Journal {
  nextId(): number
  say(mark: Mark): void
}

declare global {
  var crashJournal: Journal
}

export type { Stored }

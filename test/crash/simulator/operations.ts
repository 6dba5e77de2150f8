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

/** What becomes of the alarm: rings in a moment, never in this run, is deleted, or stays as it is. */
export type AlarmChange = 'soon' | 'far' | 'none' | 'same'

/** Alarms that never ring in this run are at this time or later; in 2096. */
export const farAlarmAt = 4e12

export interface Operation {
  readonly number: number
  readonly object: string
  readonly kind: Kind
  readonly pauseMs: number
  readonly kv: Sizes
  readonly sql: Sizes
  readonly alarm: AlarmChange
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

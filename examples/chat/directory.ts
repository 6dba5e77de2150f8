import { DurableObject } from 'cloudflare:workers'
import type { Env } from './protocol.ts'

export interface RoomSummary {
  readonly name: string
  readonly people: number
}

/** The one object that knows which rooms there are. Rooms report to it; it asks nobody. */
export class Directory extends DurableObject<Env> {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec('CREATE TABLE IF NOT EXISTS rooms (name TEXT PRIMARY KEY, people INTEGER)')
  }

  /** A room with nobody in it and nothing to read is no longer listed. */
  report(name: string, people: number, hasHistory: boolean): void {
    if (people === 0 && !hasHistory) this.#sql.exec('DELETE FROM rooms WHERE name = ?', name)
    else this.#sql.exec('INSERT OR REPLACE INTO rooms VALUES (?, ?)', name, people)
  }

  /** The rooms with most people first. */
  rooms(limit: number): RoomSummary[] {
    return this.#sql
      .exec<{ name: string; people: number }>(
        'SELECT name, people FROM rooms ORDER BY people DESC, name LIMIT ?',
        limit,
      )
      .toArray()
  }
}

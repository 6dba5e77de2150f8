import type { CommitRecord } from '../base/index.ts'
import type { PendingState } from './overlay.ts'

/**
 * The state of an object that the log has confirmed: its file with the `-wal` up to `walEnd`, and over
 * it what only the log has.
 */
export class ConfirmedState {
  readonly #kv: Map<string, Uint8Array | 'deleted'>
  #alarmAt: number | null | undefined
  walEnd = 0
  /** See {@link PendingState.carried}. */
  carried = 0
  /** Something of the file is confirmed: it stands for the object. */
  hasFile = false

  constructor(state: PendingState | undefined) {
    this.#kv = new Map(state?.kv)
    this.#alarmAt = state?.alarmAt
    this.carried = state?.carried ?? 0
  }

  /** Undefined when the log has nothing that the file has not. */
  get pending(): PendingState | undefined {
    if (this.#kv.size === 0 && this.#alarmAt === undefined) return undefined
    return { kv: this.#kv, alarmAt: this.#alarmAt, carried: this.carried }
  }

  /** @param walEnd where the commit ends in the `-wal`; undefined when it has no pages */
  confirm(record: CommitRecord, walEnd: number | undefined): void {
    if (walEnd !== undefined) {
      this.walEnd = walEnd
      this.hasFile = true
    }
    if (record.kvApplied) {
      this.#kv.clear()
      this.#alarmAt = undefined
    } else if (record.alarmAt !== undefined) this.#alarmAt = record.alarmAt
    for (const { key, value } of record.kv) this.#kv.set(key, value ?? 'deleted')
  }
}

import type { ProjectDescription } from './shard.ts'

/** A change of behaviour that programs opt into, by date or by name, as on the reference. */
interface CompatibilityFlag {
  readonly on: string
  readonly off: string
  /** On for programs of this date and later. */
  readonly from: string
}

export const deleteAllDeletesAlarm: CompatibilityFlag = {
  on: 'delete_all_deletes_alarm',
  off: 'delete_all_preserves_alarm',
  from: '2026-02-24',
}

export function isFlagOn(project: ProjectDescription, flag: CompatibilityFlag): boolean {
  const { compatibilityDate, compatibilityFlags } = project
  if (compatibilityFlags.includes(flag.off)) return false
  return compatibilityFlags.includes(flag.on) || compatibilityDate >= flag.from
}

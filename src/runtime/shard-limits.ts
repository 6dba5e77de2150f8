import { hostedKvLimits, hostedLimits, localLimits, type StorageLimits } from '../storage/index.ts'
import type { ProjectDescription } from './shard.ts'

/** What objects may use; plain data. */
export interface ShardLimits {
  /** `reference`: as on workerd by itself; `production`: as where it is hosted. */
  readonly name: 'reference' | 'production'
  /** Of an object with SQL, instead of the 10 GB of `production`. */
  readonly databaseBytes: number | undefined
  /** What an object may compute after an event has come to it; undefined: any time. */
  readonly cpuMs: number | undefined
}

/** @returns what an object may store, by its key in the log */
export function storageLimitsOf(
  project: ProjectDescription,
  { name, databaseBytes }: ShardLimits,
): (key: string) => StorageLimits {
  const ofSql: StorageLimits = {
    ...(name === 'production' ? hostedLimits : localLimits),
    ...(databaseBytes === undefined ? {} : { databaseBytes }),
  }
  const ofKv = name === 'production' ? hostedKvLimits : localLimits
  const { durableObjects } = project
  const namespacesOfKv = new Set(
    durableObjects === 'all-exported'
      ? []
      : durableObjects.flatMap(({ className, hasSql }) =>
          hasSql ? [] : [`${project.name}-${className}`],
        ),
  )
  return (key) => (namespacesOfKv.has(key.slice(0, key.lastIndexOf('/'))) ? ofKv : ofSql)
}

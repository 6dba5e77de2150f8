// runtime: one shard. Loads user code, keeps the table of objects in memory, makes the bindings,
// recovers and closes the data folder. The same code runs inline, in a thread and in a process;
// `channel` carries requests to the latter two.
//
// Knows nothing of ports, arguments or config files.

export { Catalogue, type CatalogueEntry, catalogueKey, type RecentEntry } from './catalogue.ts'
export {
  linkShard,
  type ListenAddress,
  type ListenOptions,
  type Port,
  serveShard,
  type ShardLink,
  type ShardService,
} from './channel.ts'
export { type DataFolderPaths, inspectDataFolder } from './data-folder.ts'
export { type IdleFolder, withIdleFolder } from './idle-folder.ts'
export { databasePath } from './object-table.ts'
export { ProjectError } from './project-source.ts'
export { type ProjectDescription, Shard, type ShardOptions } from './shard.ts'
export type { ShardLimits } from './shard-limits.ts'
export { stuckText, TurnWatch } from './turn-watch.ts'

// log: makes commits durable. One file log per shard, written by a thread of its own; a scripted log
// for tests; recovery. Knows records (base/commit.ts) and files, nothing of SQLite, objects or
// gates. Format and rules: docs/spec/commit-log.md.

export { delayConfirmations } from './delayed-log.ts'
export { FileLog, type FileLogOptions, LostSyncError, type Segment } from './file-log.ts'
export type { LogFiles } from './log-files.ts'
export { ScriptedLog } from './memory-log.ts'
export { LogFormatError } from './record.ts'
export {
  type RecoveredObject,
  type RecoveredSegment,
  recoverLog,
  type RecoveryReport,
} from './recovery.ts'

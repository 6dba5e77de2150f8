// storage: one object's durable memory, an SQLite database. Offers KV and SQL, gathers writes into
// transactions, and hands each commit over as page images. Knows the port of the commit log
// (base/commit.ts), nothing of gates, turns or objects. Rules: docs/spec/storage.md.

export type { KvListOptions } from './kv-table.ts'
export { ObjectStore } from './object-store.ts'
export type {
  StoreListener,
  StoreOptions,
  StoreTransaction,
  WriteOptions,
} from './store-types.ts'
export type { PendingState } from './overlay.ts'
export { restoreDatabase } from './restore.ts'
export { readStoredAlarm } from './stored-alarm.ts'
export type { SqlValue } from './sql-database.ts'
export { SqlStorage, SqlStorageCursor, type SqlRow, SyncKvStorage } from './surfaces.ts'

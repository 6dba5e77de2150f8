// storage: one object's durable memory, an SQLite database. Offers KV and SQL, gathers writes into
// transactions, and hands each commit over as page images. Or a store that takes time: KV alone, behind
// an ordered write-back cache (docs/spec/kv-cache.md). Knows the port of the commit log
// (base/commit.ts), nothing of gates, turns or objects. Rules: docs/spec/storage.md.

export { type AdoptedDatabase, adoptDatabase, readAlarmNames } from './adopt-database.ts'
export { Answer } from './answer.ts'
export { type CacheLimits, cacheLimits, CacheMemory } from './cache-memory.ts'
export { CachedStore } from './cached-store.ts'
export { DelayedKvStore } from './delayed-kv-store.ts'
export type { DurableStore } from './durable-store.ts'
export { type CacheListener, KvCache, type KvCacheOptions } from './kv-cache.ts'
export { KnownKeys } from './known-keys.ts'
export type { KvAnswer, KvEntry, KvFlush, KvListRange, KvStore } from './kv-store.ts'
export type { KvListOptions } from './kv-table.ts'
export { type ObjectImage, readObjectImage, writeObjectImage } from './object-image.ts'
export { ObjectStore } from './object-store.ts'
export type {
  StoreListener,
  StoreOptions,
  StoreTransaction,
  WriteOptions,
} from './store-types.ts'
export { OpenDatabases } from './open-databases.ts'
export type { PendingState } from './overlay.ts'
export { ScriptedCall, ScriptedStore } from './scripted-store.ts'
export { requireRestorable, restoreDatabase } from './restore.ts'
export { isSqliteError, pageSize as objectPageSize } from './sqlite.ts'
export { readStoredAlarm } from './stored-alarm.ts'
export { lockFile } from './sqlite.ts'
export { hostedKvLimits, hostedLimits, localLimits, type StorageLimits } from './limits.ts'
export { mergePending, StoredDatabase, type StoredValue } from './stored-database.ts'
export { decodeValue, type ErrorFormat } from './values.ts'
export { inspectFile } from './database-file.ts'
export { type SqlRow, SqlStorage } from './sql-storage.ts'
export type { SqlIntegers, SqlValue } from './sql-values.ts'
export { SyncKvStorage } from './sync-kv.ts'
export {
  type MethodName,
  toKeys,
  toListOptions,
  toOptions,
  toPut,
  toReadOptions,
  toText,
  toWriteOptions,
} from './kv-arguments.ts'

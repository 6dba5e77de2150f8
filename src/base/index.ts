// base: words that everybody needs. Knows nothing of objects, gates or disks, imports nothing,
// and does nothing by itself: assertions, errors by blame, interfaces of time, and the records
// that pass between `storage` and `log`.

export { AssertionError, assert } from './assert.ts'
export type { Clock, Random, Timer, Timers, UnixMs } from './clock.ts'
export type {
  CommitLog,
  CommitRecord,
  CommitSource,
  KvOperation,
  PageImage,
  PendingCommit,
} from './commit.ts'
export { Ring, RingMember } from './ring.ts'
export { type Compatibility, compatibilityOf, newestCompatibility } from './compatibility.ts'
export { addTraits, ConstraintsError, DurableError, type ErrorTraits } from './errors.ts'
export {
  definePlatformClass,
  defineReadonly,
  illegalInvocation,
  isPlatformPrototype,
  registerPlatformClass,
  wrongParameter,
} from './platform-class.ts'

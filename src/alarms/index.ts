// alarms: when to wake an object. Which alarms are due, what becomes of one whose handler fails, in
// what time it is tried again. Pure: time and chance are given, nothing is stored, no handler is
// called; keys name objects and mean nothing here. Rules: docs/spec/alarms.md.

export {
  AlarmSchedule,
  type AlarmScheduleOptions,
  type Ring,
  type RingOutcome,
} from './alarm-schedule.ts'
export { type AlarmSource, type Due, DueIndex } from './due-index.ts'
export { decideRetry, firstRun, retriesMax, type RetryDecision, type RetryState } from './retry.ts'

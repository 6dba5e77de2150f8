import {
  AssertionError,
  DurableError,
  definePlatformClass,
  type Timer,
  type Timers,
} from '../base/index.ts'
import type { DurableStore } from '../storage/index.ts'
import { runAsHost } from '../turns/index.ts'
import type { InboundCall } from './call.ts'
import type { ObjectAlarm } from './object-alarm.ts'

/** One call of `alarm()`, for the alarm that is stored for `at`. */
export interface AlarmRing {
  readonly at: number
  readonly retryCount: number
  /** When it fails once more, and that counts, the alarm is deleted. */
  readonly isLast: boolean
  /** Called once, outside of any turn, when all that the handler wrote is confirmed or refused. */
  readonly ended: (end: AlarmEnd) => void
}

export type AlarmEnd =
  | { readonly kind: 'succeeded' }
  /** Another time is stored, and the handler was not called. */
  | { readonly kind: 'spurious'; readonly storedAt: number | null }
  /** The handler threw, and the object lives. */
  | { readonly kind: 'threw'; readonly isReplaced: boolean }
  /** The incarnation is over. */
  | {
      readonly kind: 'reset'
      readonly error: unknown
      readonly isCounted: boolean
      readonly mayRetry: boolean
    }

interface AlarmHost {
  readonly alarm: ObjectAlarm
  readonly store: DurableStore
  readonly timers: Timers
  readonly broken: { readonly error: unknown } | undefined
  break(error: unknown): void
  report(message: string, error: unknown): void
}

/** What `alarm()` is given. [AL6] */
class AlarmInvocationInfo {
  readonly scheduledTime: number
  readonly retryCount: number
  readonly isRetry: boolean

  constructor(ring: AlarmRing) {
    this.scheduledTime = ring.at
    this.retryCount = ring.retryCount
    this.isRetry = ring.retryCount > 0
  }
}
definePlatformClass(AlarmInvocationInfo, 'AlarmInvocationInfo')

const handlerMs = 15 * 60_000

/**
 * The alarm as an event like any other: through the input gate, and its end through the output gate.
 * The stored alarm is deleted in the handler's last turn, so a process that is killed before that
 * commit is durable rings again. [AL5]
 */
export function alarmCall(host: AlarmHost, ring: AlarmRing): InboundCall {
  let limit: Timer | undefined
  let end: AlarmEnd = { kind: 'succeeded' }
  // Behind the turn, and behind the end of a broken incarnation, but before anything of the next one.
  const ended = (how: AlarmEnd): void => runAsHost(() => queueMicrotask(() => ring.ended(how)))
  const call = async (instance: object): Promise<void> => {
    const { storedAt } = host.alarm
    if (storedAt !== ring.at) {
      end = { kind: 'spurious', storedAt }
      return
    }
    const handler: unknown = Reflect.get(instance, 'alarm')
    host.alarm.started()
    if (typeof handler !== 'function') {
      host.report(
        'The alarm is deleted',
        new Error(
          'Attempted to run a scheduled alarm without a handler, did you remember to export an alarm() function?',
        ),
      )
    } else {
      limit = host.timers.after(handlerMs, () =>
        host.break(new Error('Alarm exceeded its allowed execution time')),
      )
      try {
        await Reflect.apply(handler, instance, [new AlarmInvocationInfo(ring)])
      } catch (error) {
        // The call has failed already, with what broke the incarnation.
        if (host.broken !== undefined) return
        host.report('Uncaught error in alarm()', error)
        if (ring.isLast) host.alarm.cleared()
        end = { kind: 'threw', ...host.alarm.failed() }
        return
      } finally {
        limit.cancel()
      }
    }
    host.alarm.cleared()
  }
  return {
    kind: 'alarm',
    invoke: call,
    pack: () => undefined,
    // What was written without holding the gate must be confirmed as well before anything is decided.
    reply: () =>
      host.store.whenConfirmed((error) => {
        if (error === undefined) ended(end)
        else ended({ kind: 'reset', error, isCounted: isCounted(error), mayRetry: true })
      }),
    fail: () => {
      limit?.cancel()
      const error = host.broken?.error
      const { mayRetry } = host.alarm
      ended({ kind: 'reset', error, isCounted: isCounted(error), mayRetry })
    },
  }
}

// The program's own failures count; those of the world, and ours, do not.
function isCounted(error: unknown): boolean {
  return !(error instanceof DurableError || error instanceof AssertionError)
}

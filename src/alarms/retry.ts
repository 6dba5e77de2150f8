import type { Random } from '../base/index.ts'

/** How often an alarm has failed (reference 1.12). */
export interface RetryState {
  /** What the handler sees as `retryCount`. */
  readonly countedRetries: number
  /** How often the delay has doubled. */
  readonly doublings: number
  readonly wasCounted: boolean
}

export const firstRun: RetryState = { countedRetries: 0, doublings: 0, wasCounted: true }

export const retriesMax = 6
const firstDelayMs = 2000
const doublingsMax = 9
const jitterMax = 0.25

export type RetryDecision =
  | { readonly kind: 'retry'; readonly delayMs: number; readonly state: RetryState }
  | { readonly kind: 'abandon' }

/**
 * What becomes of an alarm whose handler failed. Failures that are the program's own count, and after
 * six retries the alarm is abandoned; others are retried for ever, ever more slowly. The delay starts
 * anew when failures begin to count. [AL7]
 */
export function decideRetry(state: RetryState, isCounted: boolean, random: Random): RetryDecision {
  if (isCounted && state.countedRetries >= retriesMax) return { kind: 'abandon' }
  const doublings = isCounted && !state.wasCounted ? 0 : state.doublings
  const delayMs = firstDelayMs * 2 ** Math.min(doublings, doublingsMax)
  return {
    kind: 'retry',
    delayMs: Math.round(delayMs * (1 + jitterMax * random())),
    state: {
      countedRetries: state.countedRetries + (isCounted ? 1 : 0),
      doublings: doublings + 1,
      wasCounted: isCounted,
    },
  }
}

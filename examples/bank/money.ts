// The words that the worker and its objects share. Amounts are whole cents.

import type { Account } from './account.ts'
import type { Bank } from './bank.ts'

export interface Env {
  readonly ACCOUNT: DurableObjectNamespace<Account>
  readonly BANK: DurableObjectNamespace<Bank>
}

/** The account all money comes from. It alone may owe; all balances together are always 0. */
export const vault = 'vault'

export interface Payment {
  /** Chosen by the payer; the same payment may be asked for again with the same id. */
  readonly id: string
  readonly from: string
  readonly to: string
  readonly amount: number
}

export type Receipt =
  | { readonly status: 'done'; readonly balance: number }
  | { readonly status: 'refused'; readonly reason: string; readonly balance: number }

export interface Summary {
  readonly name: string
  readonly balance: number
  /** Left this account, and its arrival is not acknowledged yet. */
  readonly onTheWay: number
}

export interface Movement {
  readonly at: number
  readonly id: string
  /** The account at the other end. */
  readonly other: string
  /** Negative when the money left. */
  readonly amount: number
}

/** One account as it was at the cut of one audit. */
export interface Picture {
  readonly balance: number
  readonly onTheWay: readonly Payment[]
}

export interface Audit {
  readonly number: number
  readonly accounts: number
  readonly paidIn: number
  readonly inAccounts: number
  readonly onTheWay: number
  readonly paymentsOnTheWay: number
  /** `paidIn - inAccounts - onTheWay`. Anything but 0 is money lost or made. */
  readonly difference: number
}

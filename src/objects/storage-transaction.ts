import { definePlatformClass } from '../base/index.ts'
import type { Incarnation } from './incarnation.ts'
import { KeyValueApi, keyValueMembers } from './key-value-api.ts'

const maker = Symbol('DurableObjectTransaction')

/** How a transaction ends, and how that is refused. */
class Transaction {
  #state: 'open' | 'rolled-back' | 'ended' = 'open'
  readonly #rollBack: () => void

  constructor(rollBack: () => void) {
    this.#rollBack = rollBack
  }

  rollback(): void {
    if (this.#state === 'rolled-back') return
    this.check('rollback')
    this.#rollBack()
    this.#state = 'rolled-back'
  }

  /** The closure is over. @returns whether the transaction was open until now */
  end(how: 'ended' | 'rolled-back'): boolean {
    const isOpen = this.#state === 'open'
    if (isOpen) this.#state = how
    return isOpen
  }

  check(operation: string): void {
    if (this.#state === 'rolled-back') {
      throw new Error(`Cannot ${operation}() on rolled back transaction`)
    }
    if (this.#state === 'ended') {
      throw new Error(
        `Cannot call ${operation}() on transaction that has already committed: did you move \`txn\` outside of the closure?`,
      )
    }
  }
}

/** `txn` of `storage.transaction()` (reference 1.8). */
export class DurableObjectTransaction extends KeyValueApi {
  readonly #transaction: Transaction

  private constructor(made: symbol, incarnation: Incarnation, transaction: Transaction) {
    if (made !== maker) throw new TypeError('Illegal constructor')
    super({
      incarnation,
      type: 'DurableObjectTransaction',
      check: (operation) => transaction.check(operation),
    })
    this.#transaction = transaction
  }

  /** @internal */
  static create(
    incarnation: Incarnation,
    rollBack: () => void,
  ): { readonly txn: DurableObjectTransaction; readonly transaction: Transaction } {
    const transaction = new Transaction(rollBack)
    return { txn: new DurableObjectTransaction(maker, incarnation, transaction), transaction }
  }

  /** Undoes the transaction; the closure goes on and its value is still returned. Idempotent. */
  rollback(): void {
    KeyValueApi.accessOf(this)
    this.#transaction.rollback()
  }

  /** Always throws (reference 1.8). */
  deleteAll(): never {
    throw new Error('Cannot call deleteAll() within a transaction')
  }
}

definePlatformClass(DurableObjectTransaction, 'DurableObjectTransaction', [
  ...keyValueMembers.keys,
  'rollback',
  ...keyValueMembers.alarms,
])

import { DurableObject } from 'cloudflare:workers'
import {
  type Env,
  type Movement,
  type Payment,
  type Picture,
  type Receipt,
  vault,
} from './money.ts'

const retryDelayMsMin = 50
const retryDelayMsMax = 5_000

/**
 * One account.
 *
 * A payment is two steps in two objects: the payer books it as *sent*, the payee books it as
 * *received*. Each step is one turn without an `await`, so it is atomic; the call between them
 * leaves only when the first step is on disk (output gate). After a crash the payer sends again
 * what nobody acknowledged, and the payee books each payment once. So money is never made, and
 * never lost: between the steps it is on the way, and the payer's books say so.
 */
export class Account extends DurableObject<Env> {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS account (
        one INTEGER PRIMARY KEY, balance INTEGER, audit INTEGER, picture TEXT);
      CREATE TABLE IF NOT EXISTS sent (
        id TEXT PRIMARY KEY, payee TEXT, amount INTEGER, at INTEGER, is_acknowledged INTEGER);
      CREATE INDEX IF NOT EXISTS on_the_way ON sent (id) WHERE is_acknowledged = 0;
      CREATE TABLE IF NOT EXISTS received (
        payer TEXT, id TEXT, amount INTEGER, at INTEGER, audit INTEGER, PRIMARY KEY (payer, id));
      INSERT OR IGNORE INTO account VALUES (1, 0, 0, '');
    `)
    // Whatever was on the way when this account last left memory is sent again.
    for (const payment of this.#onTheWay()) ctx.waitUntil(this.#deliver(payment))
  }

  /** Takes part in audits after `audit` only; the account did not exist when that one began. */
  open(audit: number): void {
    this.#reach(audit)
  }

  /** Pays once per id, however often it is asked; answers when the money has arrived. */
  async pay(payment: Payment): Promise<Receipt> {
    const { id, from, to, amount } = payment
    const [known] = this.#sql
      .exec<{ payee: string; amount: number; is_acknowledged: number }>(
        'SELECT payee, amount, is_acknowledged FROM sent WHERE id = ?',
        id,
      )
      .toArray()
    if (known === undefined) {
      const balance = this.#balance()
      if (from !== vault && balance < amount) {
        return { status: 'refused', reason: `${from} has not enough money`, balance }
      }
      this.#sql.exec('UPDATE account SET balance = balance - ?', amount)
      this.#sql.exec('INSERT INTO sent VALUES (?, ?, ?, ?, 0)', id, to, amount, Date.now())
    } else if (known.payee !== to || known.amount !== amount) {
      const reason = `the id '${id}' belongs to another payment`
      return { status: 'refused', reason, balance: this.#balance() }
    }
    if (known?.is_acknowledged !== 1) await this.#deliver(payment)
    return { status: 'done', balance: this.#balance() }
  }

  /**
   * Called by the payer, perhaps more than once. Each side tells the other the audit it has
   * reached, and reaches the other's first: what one books after its picture of an audit must not
   * be in the other's picture, neither the money nor the acknowledgement.
   */
  receive(payment: Payment, payersAudit: number): number {
    const { id, from, amount } = payment
    this.#reach(payersAudit)
    const audit = this.#audit()
    if (this.#receivedIn(from, id) === undefined) {
      this.#sql.exec('UPDATE account SET balance = balance + ?', amount)
      const sql = 'INSERT INTO received VALUES (?, ?, ?, ?, ?)'
      this.#sql.exec(sql, from, id, amount, Date.now(), audit)
    }
    return audit
  }

  summary(): { balance: number; onTheWay: number } {
    const onTheWay = this.#onTheWay().reduce((sum, payment) => sum + payment.amount, 0)
    return { balance: this.#balance(), onTheWay }
  }

  /** The latest movements, newest first. */
  movements(limit: number): Movement[] {
    return this.#sql
      .exec<{ at: number; id: string; other: string; amount: number }>(
        `SELECT at, id, payee AS other, -amount AS amount FROM sent
         UNION ALL SELECT at, id, payer, amount FROM received
         ORDER BY at DESC LIMIT ?`,
        limit,
      )
      .toArray()
  }

  /** This account as it was when it first heard of `audit`: here, or with a payment. */
  pictureOf(audit: number): Picture {
    this.#reach(audit)
    const state = this.#sql
      .exec<{ audit: number; picture: string }>('SELECT audit, picture FROM account')
      .one()
    if (state.audit !== audit) {
      throw new Error(`Cannot answer audit ${audit}: audit ${state.audit} has begun`)
    }
    return JSON.parse(state.picture) as Picture
  }

  /** Of `payments` to this account, those that came after its picture of `audit` or never. */
  missingFrom(audit: number, payments: readonly Payment[]): Payment[] {
    return payments.filter(({ from, id }) => (this.#receivedIn(from, id) ?? audit) >= audit)
  }

  #balance(): number {
    return this.#sql.exec<{ balance: number }>('SELECT balance FROM account').one().balance
  }

  #onTheWay(): Payment[] {
    const from = this.ctx.id.name ?? ''
    return this.#sql
      .exec<{ id: string; payee: string; amount: number }>(
        'SELECT id, payee, amount FROM sent WHERE is_acknowledged = 0',
      )
      .toArray()
      .map(({ id, payee, amount }) => ({ id, from, to: payee, amount }))
  }

  #receivedIn(from: string, id: string): number | undefined {
    return this.#sql
      .exec<{ audit: number }>('SELECT audit FROM received WHERE payer = ? AND id = ?', from, id)
      .toArray()[0]?.audit
  }

  #audit(): number {
    return this.#sql.exec<{ audit: number }>('SELECT audit FROM account').one().audit
  }

  #reach(audit: number): void {
    if (audit <= this.#audit()) return
    const picture: Picture = { balance: this.#balance(), onTheWay: this.#onTheWay() }
    this.#sql.exec('UPDATE account SET audit = ?, picture = ?', audit, JSON.stringify(picture))
  }

  async #deliver(payment: Payment): Promise<void> {
    for (let delayMs = retryDelayMsMin; ; delayMs = Math.min(2 * delayMs, retryDelayMsMax)) {
      try {
        const payee = this.env.ACCOUNT.getByName(payment.to)
        this.#reach(await payee.receive(payment, this.#audit()))
        break
      } catch (error) {
        console.warn(`${payment.to} did not answer, trying again in ${delayMs} ms:`, error)
        await new Promise((resolve) => setTimeout(resolve, delayMs))
      }
    }
    this.#sql.exec('UPDATE sent SET is_acknowledged = 1 WHERE id = ?', payment.id)
  }
}

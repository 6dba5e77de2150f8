import { DurableObject } from 'cloudflare:workers'
import { type Audit, type Env, type Payment, type Summary, vault } from './money.ts'

/** The list of accounts, and the auditor. Payments do not pass through here. */
export class Bank extends DurableObject<Env> {
  readonly #sql: SqlStorage
  #running: Promise<unknown> = Promise.resolve()
  #waiting: Promise<Audit> | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS accounts (
        name TEXT PRIMARY KEY, deposit INTEGER, is_open INTEGER);
      CREATE TABLE IF NOT EXISTS audits (one INTEGER PRIMARY KEY, number INTEGER);
      INSERT OR IGNORE INTO audits VALUES (1, 0);
    `)
  }

  /**
   * Opens an account and pays the deposit out of the vault. `false` when the name was taken; asked
   * again after a crash, it finishes what was begun.
   */
  async open(name: string, deposit: number): Promise<boolean> {
    const [known] = this.#sql
      .exec<{ deposit: number }>('SELECT deposit FROM accounts WHERE name = ?', name)
      .toArray()
    if (known === undefined) {
      this.#sql.exec('INSERT INTO accounts VALUES (?, ?, 0)', name, deposit)
    }
    await this.env.ACCOUNT.getByName(name).open(this.#auditNumber())
    this.#sql.exec('UPDATE accounts SET is_open = 1 WHERE name = ?', name)
    const amount = known?.deposit ?? deposit
    if (amount > 0) {
      await this.env.ACCOUNT.getByName(vault).pay({
        id: `opening of ${name}`,
        from: vault,
        to: name,
        amount,
      })
    }
    return known === undefined
  }

  has(name: string): boolean {
    const sql = 'SELECT 1 FROM accounts WHERE name = ? AND is_open = 1'
    return this.#sql.exec(sql, name).toArray().length > 0
  }

  names(): string[] {
    return this.#sql
      .exec<{ name: string }>('SELECT name FROM accounts ORDER BY name')
      .toArray()
      .map(({ name }) => name)
  }

  async summaries(): Promise<Summary[]> {
    return Promise.all(
      this.names().map(async (name) => ({
        name,
        ...(await this.env.ACCOUNT.getByName(name).summary()),
      })),
    )
  }

  /**
   * Adds up all the money while payments go on: nobody waits and nothing is locked.
   *
   * Each audit has a number. An account that hears of a new number, from here or from another
   * account, keeps a picture of its books as they were before. Since payments and acknowledgements
   * carry the number of whoever sends them, no picture holds an arrival whose departure is in none:
   * together the pictures are a state that the bank could have been in. What is sent there and not
   * received there is on the way.
   *
   * One audit at a time; whoever asks meanwhile shares the one after it.
   */
  async audit(): Promise<Audit> {
    if (this.#waiting === undefined) {
      const before = this.#running
      const next = (async () => {
        await before
        this.#waiting = undefined
        return this.#takeAudit()
      })()
      this.#waiting = next
      // Whoever asked for an audit hears of its failure; the one after it only waits for its end.
      this.#running = next.catch(() => undefined)
    }
    return this.#waiting
  }

  async #takeAudit(): Promise<Audit> {
    // The number and the names in one turn: accounts that open later start behind this audit.
    this.#sql.exec('UPDATE audits SET number = number + 1')
    const number = this.#auditNumber()
    const names = this.names()
    const [ofVault, ...pictures] = await Promise.all(
      [vault, ...names].map((name) => this.env.ACCOUNT.getByName(name).pictureOf(number)),
    )
    if (ofVault === undefined) throw new Error('Cannot audit the bank: it has no vault')

    const byPayee = new Map<string, Payment[]>()
    for (const payment of [ofVault, ...pictures].flatMap((picture) => picture.onTheWay)) {
      const payments = byPayee.get(payment.to)
      if (payments === undefined) byPayee.set(payment.to, [payment])
      else payments.push(payment)
    }
    const missing = await Promise.all(
      [...byPayee].map(([payee, payments]) =>
        this.env.ACCOUNT.getByName(payee).missingFrom(number, payments),
      ),
    )
    const paidIn = -ofVault.balance
    const inAccounts = pictures.reduce((sum, picture) => sum + picture.balance, 0)
    const onTheWay = missing.flat().reduce((sum, payment) => sum + payment.amount, 0)
    return {
      number,
      accounts: names.length,
      paidIn,
      inAccounts,
      onTheWay,
      paymentsOnTheWay: missing.flat().length,
      difference: paidIn - inAccounts - onTheWay,
    }
  }

  #auditNumber(): number {
    return this.#sql.exec<{ number: number }>('SELECT number FROM audits').one().number
  }
}

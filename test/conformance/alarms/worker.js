// What a program sees of alarms (reference 1.12). Every case has an object of its own; the log is in
// storage, so that it outlives resets. Only order and kinds are in the answer, never times.
import { DurableObject } from 'cloudflare:workers'

const far = 3_600_000
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const attempt = async (act) => {
  try {
    return (await act()) ?? null
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
}

export class A extends DurableObject {
  log(entry) {
    const log = this.ctx.storage.kv.get('log') ?? []
    this.ctx.storage.kv.put('log', [...log, entry])
  }

  readLog() {
    return this.ctx.storage.kv.get('log') ?? []
  }

  /** 'none', or the alarm relative to a time that the program knows. */
  async seen() {
    const at = await this.ctx.storage.getAlarm()
    if (at === null) return 'none'
    if (typeof at !== 'number') return typeof at
    return at > Date.now() + far / 2 ? 'far' : 'near'
  }

  async texts() {
    const { storage } = this.ctx
    const values = { zero: 0, negative: -1, nan: NaN, text: 'x', digits: '5', none: undefined,
      null: null, big: 5n, infinite: Infinity, date0: new Date(0), badDate: new Date('x'), object: {} }
    const answers = {}
    for (const [name, value] of Object.entries(values)) {
      answers[name] = await attempt(() => storage.setAlarm(value))
      await storage.deleteAlarm()
    }
    answers.noArgument = await attempt(() => storage.setAlarm())
    answers.returned = (await storage.setAlarm(Date.now() + far)) === undefined
    answers.deleted = (await storage.deleteAlarm()) === undefined
    answers.deletedAgain = (await storage.deleteAlarm()) === undefined
    return answers
  }

  async values() {
    const { storage } = this.ctx
    const answers = { unset: await storage.getAlarm() }
    const at = Date.now() + far
    await storage.setAlarm(at)
    answers.exact = (await storage.getAlarm()) === at
    await storage.setAlarm(new Date(at + 1))
    answers.date = (await storage.getAlarm()) === at + 1
    await storage.setAlarm(at + 0.75)
    answers.fraction = (await storage.getAlarm()) - at
    storage.setAlarm(at + 7)
    const read = storage.getAlarm()
    storage.deleteAlarm()
    answers.readsWrites = [(await read) - at, await storage.getAlarm()]
    const before = Date.now()
    await storage.setAlarm(5)
    const past = await storage.getAlarm()
    answers.pastIsNow = past >= before && past <= Date.now()
    await storage.deleteAlarm()
    await storage.setAlarm(at, { allowUnconfirmed: true, allowConcurrency: true })
    answers.options = (await storage.getAlarm({ allowConcurrency: true })) === at
    return answers
  }

  async transactions() {
    const { storage } = this.ctx
    const answers = {}
    await attempt(() =>
      storage.transaction(async (txn) => {
        await txn.setAlarm(Date.now() + far)
        answers.inside = [(await txn.getAlarm()) !== null, (await storage.getAlarm()) !== null]
        throw new Error('undo')
      }),
    )
    answers.rolledBack = await this.seen()
    let late
    await storage.transaction(async (txn) => {
      late = txn
      await txn.setAlarm(Date.now() + far)
    })
    answers.committed = await this.seen()
    answers.late = await attempt(() => late.setAlarm(Date.now() + far))
    answers.lateGet = await attempt(() => late.getAlarm())
    answers.lateDelete = await attempt(() => late.deleteAlarm())
    await storage.transaction(async (txn) => {
      await txn.deleteAlarm()
      answers.deletedInside = await this.seen()
      txn.rollback()
      answers.afterRollback = await this.seen()
      answers.onRolledBack = await attempt(() => txn.getAlarm())
    })
    await attempt(() =>
      storage.transactionSync(() => {
        void storage.deleteAlarm()
        throw new Error('undo')
      }),
    )
    answers.rolledBackSync = await this.seen()
    await storage.deleteAll()
    answers.afterDeleteAll = await this.seen()
    return answers
  }

  async set(delayMs, mode) {
    this.ctx.storage.kv.put('mode', mode)
    const at = Date.now() + delayMs
    this.ctx.storage.kv.put('at', at)
    await this.ctx.storage.setAlarm(at)
  }

  async move(first, second) {
    await this.ctx.storage.setAlarm(Date.now() + first)
    await this.ctx.storage.setAlarm(Date.now() + second)
  }

  async setAndDelete() {
    await this.ctx.storage.setAlarm(Date.now() + 20)
    await this.ctx.storage.deleteAlarm()
  }

  async block(ms) {
    await this.ctx.storage.setAlarm(Date.now() + 20)
    await this.ctx.blockConcurrencyWhile(async () => {
      await sleep(ms)
      this.log('section ends')
    })
  }

  note(entry) {
    this.log(entry)
  }

  async noteSeen(entry) {
    this.log(`${entry} ${await this.seen()}`)
  }

  async alarm(info) {
    const { storage } = this.ctx
    const mode = storage.kv.get('mode') ?? 'plain'
    const runs = (storage.kv.get('runs') ?? 0) + 1
    storage.kv.put('runs', runs)
    this.log(`run ${runs} retry ${info.retryCount} ${info.isRetry} sees ${await this.seen()}`)
    const isFirst = runs === 1
    switch (mode) {
      case 'info':
        this.log({ keys: Object.keys(info), name: this.ctx.id.name,
          exact: info.scheduledTime === storage.kv.get('at'), kind: typeof info.scheduledTime })
        return
      case 'again':
        if (!isFirst) return
        await storage.setAlarm(Date.now() + 20)
        this.log(await this.seen())
        return
      case 'again-now':
        if (runs < 4) await storage.setAlarm(Date.now())
        return
      case 'again-and-delete':
        await storage.setAlarm(Date.now() + 20)
        await storage.deleteAlarm()
        return
      case 'delete':
        await storage.deleteAlarm()
        return
      case 'throw':
        storage.kv.put('kept', true)
        if (isFirst) throw new Error('first')
        this.log(`kept ${storage.kv.get('kept')}`)
        return
      case 'set-and-throw':
        if (!isFirst) return
        await storage.setAlarm(Date.now() + 20)
        throw new Error('first')
      case 'delete-and-throw':
        await storage.deleteAlarm()
        throw new Error('always')
      case 'rolled-back':
        await attempt(() =>
          storage.transaction(async (txn) => {
            await txn.setAlarm(Date.now() + far)
            throw new Error('undo')
          }),
        )
        this.log(`after rollback ${await this.seen()}`)
        return
      case 'deleteAll':
        await storage.deleteAll()
        this.log(`after deleteAll ${await this.seen()}`)
        return
      case 'slow':
        await sleep(300)
        this.log(`slow ends, sees ${await this.seen()}`)
        return
      case 'abort':
        if (isFirst) {
          await storage.sync()
          this.ctx.abort('enough')
        }
        return
      case 'abort-for-good':
        await storage.sync()
        this.ctx.abort('enough', { retryAlarm: false })
    }
  }
}

export class NoHandler extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env)
    this.first = attempt(() => ctx.storage.setAlarm(Date.now() + far))
  }

  async ask() {
    return {
      inConstructor: await this.first,
      seen: (await this.ctx.storage.getAlarm()) !== null,
      later: await attempt(() => this.ctx.storage.setAlarm(Date.now() + far)),
      order: await attempt(() => this.ctx.storage.setAlarm(0)),
    }
  }
}

export default {
  async fetch(request, env) {
    const answers = {}
    const object = (name) => env.A.getByName(name)
    const run = async (name, act, waitMs = 700) => {
      answers[name] = null
      const first = await attempt(() => act(object(name)))
      await sleep(waitMs)
      const stub = object(name)
      answers[name] = { first, log: await stub.readLog(), seen: await stub.seen() }
    }
    const retried = 4500
    await Promise.all([
      run('texts', (o) => o.texts(), 0),
      run('values', (o) => o.values(), 0),
      run('transactions', (o) => o.transactions(), 0),
      run('info', (o) => o.set(20, 'info')),
      run('again', (o) => o.set(20, 'again')),
      run('again-now', (o) => o.set(20, 'again-now')),
      run('again-and-delete', (o) => o.set(20, 'again-and-delete')),
      run('delete', (o) => o.set(20, 'delete')),
      run('moved earlier', (o) => o.move(far, 20)),
      run('moved later', (o) => o.move(20, far)),
      run('deleted', (o) => o.setAndDelete()),
      run('rolled-back', (o) => o.set(20, 'rolled-back')),
      run('deleteAll', (o) => o.set(20, 'deleteAll')),
      run('waits for the section', (o) => Promise.all([o.block(300), o.note('queued')])),
      run('one at a time', async (o) => {
        await o.set(20, 'slow')
        await sleep(150)
        await o.noteSeen('during the handler')
        await o.set(20, 'info')
        await o.noteSeen('set during the handler')
      }),
      run('throw', async (o) => {
        await o.set(20, 'throw')
        await sleep(500)
        await o.noteSeen('between retries')
      }, retried),
      run('set-and-throw', (o) => o.set(20, 'set-and-throw'), retried),
      run('delete-and-throw', (o) => o.set(20, 'delete-and-throw'), retried),
      run('abort', (o) => o.set(20, 'abort'), retried),
      run('abort-for-good', (o) => o.set(20, 'abort-for-good'), retried),
    ])
    answers.noHandler = await env.NoHandler.getByName('n').ask()
    return Response.json(answers)
  },
}

// Reference 1.12: alarms. The program `alarms` beside the corpus asks more of it as a whole.

import { DurableObject } from 'cloudflare:workers'
import unsafe from 'workerd:unsafe'
import { attempt, serve, sleep, Subject as CaseSubject } from '../harness.js'

export class Subject extends CaseSubject {
  alarm(info) {
    return this.ctx.id.name === undefined
      ? note(this, [this.ctx.id.name ?? null])
      : super.alarm(info)
  }

  async uniqueRing() {
    await steps.set(this, 100)
    return steps.wait(this, 1)
  }
}

const far = 3_600_000

/** Keeps `entry` in storage, where it outlives a reset. */
const note = ({ kv }, entry) => kv.put('notes', [...(kv.get('notes') ?? []), entry])

/** The alarm relative to what was set, so that the answer names no time. */
const seen = async ({ storage, kv }) => {
  const at = await storage.getAlarm()
  if (at === null) return 'none'
  if (at === kv.get('at')) return 'as set'
  return at > Date.now() + far / 2 ? 'far' : 'near'
}

const steps = {
  async set(object, delayMs) {
    const at = Date.now() + delayMs
    object.kv.put('at', at)
    await object.storage.setAlarm(at)
  },
  delete: ({ storage }) => storage.deleteAlarm(),
  deleteAll: ({ storage }) => storage.deleteAll(),
  notes: async (object) => ({ notes: object.kv.get('notes') ?? [], seen: await seen(object) }),
  note,
  seen,
  /** Waits until so many notes are there; many seconds of patience, and no order that depends on them. */
  async wait(object, count) {
    for (let i = 0; i < 1500 && (object.kv.get('notes') ?? []).length < count; i++) await sleep(20)
    return steps.notes(object)
  },
  abort: async ({ ctx, storage }) => {
    await storage.sync()
    ctx.abort('enough')
  },
}

/** A case that sets an alarm and gives the notes once there are `count`, and a little later. */
const ring = (alarm, count = 1, more = {}) => ({
  alarm,
  steps,
  drive: async ({ fresh }) => {
    const object = fresh()
    await object.do('set', 100)
    const notes = await object.do('wait', count)
    await sleep(400)
    const later = await object.do('notes')
    return later.notes.length === notes.notes.length ? later : { ...later, moreThan: count }
  },
  ...more,
})

export class NoHandler extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env)
    this.first = attempt(() => ctx.storage.setAlarm(Date.now() + far))
  }

  async ask() {
    const { storage } = this.ctx
    return [
      await this.first,
      typeof (await storage.getAlarm()),
      await attempt(() => storage.setAlarm(Date.now() + far)),
      await attempt(() => storage.setAlarm(0)),
      await attempt(() => storage.transaction((txn) => txn.setAlarm(Date.now() + far))),
      await attempt(() => storage.deleteAlarm()),
      await storage.getAlarm(),
    ]
  }
}

export class FieldHandler extends DurableObject {
  alarm = () => this.ctx.storage.put('rang', true)

  async ask() {
    const set = await attempt(() => this.ctx.storage.setAlarm(Date.now() + 10))
    for (let i = 0; i < 500 && !(await this.ctx.storage.get('rang')); i++) await sleep(20)
    return [set, await this.ctx.storage.get('rang')]
  }
}

const kinds = {
  undefined: undefined,
  null: null,
  text: 'x',
  digits: '5',
  boolean: true,
  object: {},
  array: [1],
  bigint: 5n,
  NaN: NaN,
  infinity: Infinity,
  minusInfinity: -Infinity,
  zero: 0,
  negative: -1,
  half: 0.5,
  minusHalf: -0.5,
  badDate: new Date('x'),
  date0: new Date(0),
  dateBefore: new Date(-5),
  maximum: 8.64e15,
  aboveMaximum: 8.64e15 + 1,
  year2189: Date.UTC(2189, 0),
  year2262: 9_223_372_036_854,
  year2262later: 9_223_372_036_855,
  huge: 1e300,
}

const setAll = async (setAlarm, getAlarm) => {
  const answers = {}
  for (const [name, value] of Object.entries(kinds)) {
    const set = await attempt(() => setAlarm(value))
    const at = await getAlarm()
    answers[name] = at !== null && at > Date.now() ? [set, at] : [set, at === null]
  }
  return answers
}

export default serve({
  'R12.1 the last time that is set counts': async ({ storage }) => {
    const at = Date.now() + far
    storage.setAlarm(at)
    storage.setAlarm(at + 2)
    await storage.setAlarm(at + 1)
    return (await storage.getAlarm()) - at
  },
  'R12.2 R12.28 set, read, deleted, deleted again': async ({ storage }) => {
    const at = Date.now() + far
    const answers = [await storage.getAlarm(), await storage.setAlarm(at)]
    answers.push((await storage.getAlarm()) === at, typeof (await storage.getAlarm()))
    answers.push(await storage.deleteAlarm(), await storage.getAlarm(), await storage.deleteAlarm())
    return answers
  },
  'R12.3 dates, fractions, and dates of other kinds': async ({ storage }) => {
    const at = Date.now() + far
    const answers = []
    class Later extends Date {}
    for (const value of [new Date(at), new Later(at), at + 0.25, at + 0.99]) {
      await storage.setAlarm(value)
      answers.push((await storage.getAlarm()) - at)
    }
    return answers
  },
  'R12.4 a time in the past means now': async ({ storage }) => {
    const before = Date.now()
    await storage.setAlarm(5)
    const at = await storage.getAlarm()
    await storage.deleteAlarm()
    return at >= before && at <= Date.now()
  },
  'R12.4 R12.10 an alarm in the past rings at once, and its time is not the past one': ring(
    (object, { scheduledTime }) => note(object, scheduledTime > 5),
    1,
    {
      steps: { ...steps, set: ({ storage }) => storage.setAlarm(5) },
    },
  ),
  'R12.5 R12.6 arguments of every kind': ({ storage }) =>
    setAll(
      (value) => storage.setAlarm(value),
      () => storage.getAlarm(),
    ),
  'R12.5 R12.6 arguments of every kind, in a transaction': ({ storage }) =>
    storage.transaction((txn) =>
      setAll(
        (value) => txn.setAlarm(value),
        () => txn.getAlarm(),
      ),
    ),
  'R12.6 options of every kind': async ({ storage }) => {
    const answers = []
    const at = Date.now() + far
    for (const options of [undefined, null, {}, 'text', 5, true, [], () => {}]) {
      answers.push(
        await attempt(() => storage.setAlarm(at, options)),
        (await attempt(() => storage.getAlarm(options))) === at,
        await attempt(() => storage.deleteAlarm(options)),
      )
    }
    return answers
  },
  'R12.6 a promise is given, whatever is refused': async ({ storage }) => {
    const promise = storage.setAlarm(0)
    const isPromise = promise instanceof Promise
    return [isPromise, await attempt(() => promise)]
  },
  'R12.7 R12.8 a class without a handler': {
    drive: ({ fresh, env }) => fresh(env.NoHandler).stub.ask(),
  },
  'R12.7 a handler that is a field of the instance': {
    drive: ({ fresh, env }) => fresh(env.FieldHandler).stub.ask(),
  },
  'R12.9 R12.10 what the handler gets': ring((object, ...values) =>
    note(object, [
      values.length,
      Object.keys(values[0]),
      values[0].scheduledTime === object.kv.get('at'),
      values[0].retryCount,
      values[0].isRetry,
      Object.getPrototypeOf(values[0]) === Object.prototype,
    ]),
  ),
  'R12.11 R12.12 what the handler sees, and what it sets': ring(async (object, { retryCount }) => {
    const before = await seen(object)
    const isFirst = object.kv.get('rang') === undefined
    object.kv.put('rang', true)
    if (isFirst) await object.storage.setAlarm(Date.now() + 300)
    note(object, [before, retryCount, await seen(object)])
  }, 2),
  'R12.11 a transaction in the handler sees none either': ring(async (object) => {
    await object.storage.transaction(async (txn) => note(object, await txn.getAlarm()))
  }),
  'R12.13 set in a handler that fails': ring(async (object, { retryCount, isRetry }) => {
    const isFirst = object.kv.get('rang') === undefined
    object.kv.put('rang', true)
    note(object, [retryCount, isRetry])
    if (!isFirst) return
    await object.storage.setAlarm(Date.now() + 50)
    throw new Error('replaced')
  }, 2),
  'R12.14 deleted in the handler: neither it nor what it set comes again': ring(async (object) => {
    await object.storage.setAlarm(Date.now() + 20)
    await object.storage.deleteAlarm()
    note(object, await seen(object))
  }),
  'R12.15 deleted in a handler that fails': {
    ...ring(async (object) => {
      note(object, 'runs')
      await object.storage.deleteAlarm()
      throw new Error('given up')
    }),
    steps,
    seconds: 6,
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      await sleep(4000)
      return object.do('notes')
    },
  },
  'R12.16 R12.17 the first two retries, and the time between': {
    steps,
    seconds: 12,
    alarm: (object, { retryCount, isRetry, scheduledTime }) => {
      const now = Date.now()
      const since = now - (object.kv.get('last') ?? now)
      object.kv.put('last', now)
      const waited = [0, 1900, 3900, 7900].findLastIndex((ms) => since >= ms)
      note(object, [retryCount, isRetry, scheduledTime === object.kv.get('at'), waited])
      if (retryCount < 2) throw new Error('again')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      return object.do('wait', 3)
    },
  },
  'R12.17 failures of every kind count': {
    steps: {
      ...steps,
      choose: ({ kv }, how) => kv.put('how', how),
    },
    seconds: 5,
    alarm: async (object, { retryCount, isRetry }) => {
      note(object, [retryCount, isRetry])
      if (retryCount > 0) return
      const how = object.kv.get('how')
      if (how === 'text') throw 'a text'
      if (how === 'nothing') throw undefined
      if (how === 'retryable') throw Object.assign(new Error('no'), { retryable: true })
      if (how === 'overloaded') throw Object.assign(new Error('no'), { overloaded: true })
      if (how === 'section')
        await object.ctx.blockConcurrencyWhile(() => Promise.reject(new Error('no')))
      if (how === 'other') await object.env.Subject.getByName('R12.17 other').none()
      if (how === 'later') await sleep(50).then(() => Promise.reject(new TypeError('later')))
    },
    drive: async ({ fresh }) => {
      const hows = ['text', 'nothing', 'retryable', 'overloaded', 'section', 'other', 'later']
      const entries = hows.map(async (how) => {
        const object = fresh()
        await object.do('choose', how)
        await object.do('set', 100)
        await sleep(3500)
        return [how, await attempt(() => object.renew().do('wait', 2))]
      })
      return Object.fromEntries(await Promise.all(entries))
    },
  },
  'R12.18 after six retries it is abandoned': {
    steps,
    seconds: 240,
    alarm: (object, { retryCount }) => {
      note(object, retryCount)
      throw new Error('always')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await sleep(175_000)
      const abandoned = await object.do('notes')
      await object.do('set', 100)
      await object.do('wait', 8)
      return [abandoned, await object.do('notes')]
    },
  },
  'R12.21 an abort in the handler counts': {
    steps,
    seconds: 5,
    alarm: async (object, { retryCount, isRetry }) => {
      note(object, [retryCount, isRetry, object.log.length])
      object.log.push('same instance')
      if (retryCount > 0) return
      await object.storage.sync()
      object.ctx.abort('enough')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await sleep(3000)
      return object.renew().do('wait', 2)
    },
  },
  'R12.22 an abort without retry': {
    steps,
    seconds: 5,
    alarm: async (object, { retryCount }) => {
      note(object, retryCount)
      await object.storage.sync()
      object.ctx.abort('enough', { retryAlarm: false })
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await sleep(4000)
      return object.renew().do('notes')
    },
  },
  'R12.22 an abort from outside of the handler, without retry, leaves an alarm that is only set': {
    steps: { ...steps, abort: ({ ctx }) => ctx.abort('enough', { retryAlarm: false }) },
    alarm: (object) => note(object, 'rings'),
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 2500)
      await attempt(() => object.do('abort'))
      return object.renew().do('wait', 1)
    },
  },
  'R12.22 values of retryAlarm': {
    steps: {
      ...steps,
      choose: ({ kv }, index) => kv.put('index', index),
    },
    seconds: 5,
    alarm: async (object, { retryCount }) => {
      note(object, retryCount)
      if (retryCount > 0) return
      await object.storage.sync()
      const values = [undefined, true, null, 0, '']
      object.ctx.abort('enough', { retryAlarm: values[object.kv.get('index')] })
    },
    drive: ({ fresh }) =>
      Promise.all(
        [0, 1, 2, 3, 4].map(async (index) => {
          const object = fresh()
          await object.do('choose', index)
          await object.do('set', 100)
          await sleep(4000)
          return object.renew().do('notes')
        }),
      ),
  },
  'R12.25 one at a time, and what is set meanwhile rings after it': {
    steps,
    alarm: async (object) => {
      note(object, 'begins')
      await sleep(1500)
      note(object, 'ends')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      await object.do('note', 'requests are served')
      await object.do('set', 0)
      return object.do('wait', 5)
    },
  },
  'R12.26 it waits for a critical section': {
    steps: {
      ...steps,
      section: (object) =>
        object.ctx.blockConcurrencyWhile(async () => {
          await object.storage.setAlarm(Date.now())
          await sleep(100)
          note(object, 'section ends')
        }),
    },
    alarm: (object) => note(object, 'rings'),
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('section')
      return object.do('wait', 2)
    },
  },
  'R12.27 set, moved and deleted with the transaction': async (object) => {
    const { storage, kv } = object
    const at = Date.now() + far
    kv.put('at', at)
    const answers = []
    const undo = (act) =>
      attempt(() =>
        storage.transaction(async (txn) => {
          await act(txn)
          answers.push(await seen(object))
          throw new Error('undo')
        }),
      )
    answers.push(await undo((txn) => txn.setAlarm(at)), await seen(object))
    await storage.transaction((txn) => txn.setAlarm(at))
    answers.push(await seen(object))
    answers.push(await undo((txn) => txn.deleteAlarm()), await seen(object))
    answers.push(await undo((txn) => txn.setAlarm(at + 5)), await seen(object))
    answers.push(await undo(() => storage.deleteAlarm()), await seen(object))
    await storage.transaction((txn) => txn.deleteAlarm())
    answers.push(await seen(object))
    return answers
  },
  'R12.27 in transactionSync': async (object) => {
    const at = Date.now() + far
    object.kv.put('at', at)
    const answers = [
      await attempt(() =>
        object.storage.transactionSync(() => {
          void object.storage.setAlarm(at)
          throw new Error('undo')
        }),
      ),
      await seen(object),
    ]
    object.storage.transactionSync(() => void object.storage.setAlarm(at))
    return [...answers, await seen(object)]
  },
  'R12.29 options are accepted': async (object) => {
    const at = Date.now() + far
    object.kv.put('at', at)
    await object.storage.setAlarm(at, { allowUnconfirmed: true, allowConcurrency: true, other: 1 })
    const answers = [(await object.storage.getAlarm({ allowConcurrency: true })) === at]
    await object.storage.deleteAlarm({ allowUnconfirmed: true, allowConcurrency: true })
    return [...answers, await seen(object)]
  },
  'R12.30 what a failing handler wrote stays': {
    steps: { ...steps, kept: ({ storage }) => storage.list({ prefix: 'kept' }) },
    alarm: async (object, { retryCount }) => {
      if (retryCount > 0) return
      object.storage.put('kept in the turn', true)
      await sleep(5)
      object.storage.put('kept in the last turn', true)
      note(object, 'fails')
      throw new Error('no')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      return object.do('kept')
    },
  },
  'R12.31 deleteAll in the handler': ring(async (object) => {
    await object.storage.deleteAll()
    note(object, await seen(object))
  }),
  'R12.31 deleteAll after the handler set the next': ring(async (object) => {
    await object.storage.setAlarm(Date.now() + 50)
    await object.storage.deleteAll()
    note(object, await seen(object))
  }),
  'R12.32 it wakes an object that was evicted, by its name': {
    steps,
    alarm: (object) => note(object, [object.ctx.id.name, object.log.length]),
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 400)
      await unsafe.evict(object.stub)
      await sleep(600)
      return object.do('wait', 1)
    },
  },
  'R12.32 it rings in the next instance after a reset': {
    steps,
    alarm: (object) => note(object, [object.ctx.id.name, object.log.length]),
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 2500)
      await attempt(() => object.do('abort'))
      return object.renew().do('wait', 1)
    },
  },
  'R12.32 an object with a random id has no name': {
    drive: async ({ env }) => {
      const stub = env.Subject.get(env.Subject.newUniqueId())
      return stub.uniqueRing()
    },
  },
  'R12.33 set in the constructor': {
    construct: ({ kv, storage }) => {
      if (kv.get('notes') === undefined) void storage.setAlarm(Date.now() + 20)
    },
    steps,
    alarm: (object) => note(object, 'rings'),
    drive: ({ fresh }) => fresh().do('wait', 1),
  },
  'R12.33 set in waitUntil': {
    steps: {
      ...steps,
      setLater: ({ ctx, storage }) =>
        ctx.waitUntil(sleep(50).then(() => storage.setAlarm(Date.now()))),
    },
    alarm: (object) => note(object, 'rings'),
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('setLater')
      return object.do('wait', 1)
    },
  },
  'R12.33 set in waitUntil of a handler that is over': ring(async (object) => {
    const isFirst = object.kv.get('rang') === undefined
    object.kv.put('rang', true)
    note(object, isFirst)
    if (!isFirst) return
    object.ctx.waitUntil(sleep(100).then(() => object.storage.setAlarm(Date.now())))
  }, 2),
  'R12.33 a handler that fails in waitUntil has succeeded': {
    ...ring(async (object) => {
      note(object, 'rings')
      object.ctx.waitUntil(sleep(20).then(() => Promise.reject(new Error('no'))))
    }),
    seconds: 5,
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await sleep(3500)
      return object.do('notes')
    },
  },
  'R12.34 the instance is the one that serves requests': {
    steps: { ...steps, log: ({ log }) => log },
    alarm: (object) => {
      object.log.push('alarm')
      note(object, 'rings')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      return object.do('log')
    },
  },
  'R12.35 a facet cannot set an alarm': {
    steps: {
      ...steps,
      inFacet: async ({ ctx }) => {
        const facet = ctx.facets.get('inner', () => ({ class: ctx.exports.Subject }))
        return [
          await attempt(() => facet.step('set', [60_000])),
          await attempt(() => facet.step('delete', [])),
          await attempt(() => facet.step('seen', [])),
        ]
      },
    },
    drive: ({ fresh }) => fresh().do('inFacet'),
  },
  'R12.36 R12.37 between the retries: what is seen, and requests are served': {
    steps,
    seconds: 6,
    alarm: (object, { retryCount }) => {
      note(object, retryCount)
      if (retryCount === 0) throw new Error('again')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      await sleep(100)
      const between = await object.do('seen')
      return [between, await object.do('wait', 2)]
    },
  },
  'R12.37 set between the retries: the new alarm rings, and counts anew': {
    steps,
    seconds: 6,
    alarm: (object, { retryCount, scheduledTime }) => {
      note(object, [retryCount, scheduledTime === object.kv.get('at')])
      if (object.kv.get('rang') === undefined) {
        object.kv.put('rang', true)
        throw new Error('again')
      }
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      await sleep(100)
      await object.do('set', 100)
      const notes = await object.do('wait', 2)
      await sleep(3000)
      return [notes, await object.do('notes')]
    },
  },
  'R12.37 deleted between the retries': {
    steps,
    seconds: 5,
    alarm: (object, { retryCount }) => {
      note(object, retryCount)
      throw new Error('again')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      await sleep(100)
      await object.do('delete')
      await sleep(3500)
      return object.do('notes')
    },
  },
  'R12.37 deleteAll between the retries': {
    steps,
    seconds: 5,
    alarm: (object, { retryCount }) => {
      note(object, retryCount)
      throw new Error('again')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      await sleep(100)
      await object.do('deleteAll')
      await sleep(3500)
      return object.do('notes')
    },
  },
  'R12.37 a reset between the retries': {
    steps,
    seconds: 6,
    alarm: (object, { retryCount }) => {
      note(object, retryCount)
      if (retryCount === 0) throw new Error('again')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set', 100)
      await object.do('wait', 1)
      await sleep(100)
      await attempt(() => object.do('abort'))
      return object.renew().do('wait', 2)
    },
  },
})

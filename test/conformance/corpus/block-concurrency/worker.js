// Reference 1.4: blockConcurrencyWhile.

import { attempt, attemptSync, plain, Subject as CaseSubject, serve, sleep } from '../harness.js'

export class Subject extends CaseSubject {
  /** Calls back with 41. */
  echo(callback) {
    return callback(41)
  }
}

const fail = async (message, properties) => {
  throw Object.assign(new RangeError(message), properties)
}

/** Nests so many calls and gives the depth that was reached, or the error in the innermost. */
const nest = (ctx, depth, from = 1) =>
  depth === from
    ? ctx.blockConcurrencyWhile(() => from)
    : ctx.blockConcurrencyWhile(() => nest(ctx, depth, from + 1))

/** Four calls that meet a failing section: under way, failing, queued, and later on the same stub. */
const meetFailure = {
  steps: {
    wait: () => sleep(2000),
    fail: ({ ctx }, how) => ctx.blockConcurrencyWhile(() => failures[how]()),
    ask: ({ log }, value) => log.push(value),
  },
  drive: async (how, object) => {
    const answers = Promise.all([
      attempt(() => object.do('wait')),
      attempt(() => object.do('fail', how)),
      attempt(() => object.do('ask', 'queued')),
    ])
    return [...(await answers), await attempt(() => object.do('ask', 'later'))]
  },
}

const failures = {
  sync: () => {
    throw new TypeError('sync')
  },
  rejects: () => fail('later'),
  properties: () => fail('with properties', { code: 7, detail: { a: [1] } }),
  overloaded: () => fail('overloaded', { overloaded: true }),
  retryable: () => fail('retryable', { retryable: true }),
  text: () => {
    throw 'a text'
  },
  nothing: () => Promise.reject(undefined),
}

/** Writes in the turn before and inside of a section that fails. */
const losing = {
  keep: ({ storage, sql }) => {
    sql.exec('CREATE TABLE t (a)')
    return storage.put('earlier', true)
  },
  ...Object.fromEntries(
    Object.entries({
      failAtOnce: async () => fail('no'),
      throwAtOnce: failures.sync,
      failLater: async ({ storage }) => {
        await sleep(5)
        storage.put('after a timer', true)
        await fail('no')
      },
      failAfterSync: async ({ storage }) => {
        await storage.sync()
        storage.put('after sync', true)
        await fail('no')
      },
    }).map(([name, act]) => [
      name,
      async (object) => {
        object.storage.put('same turn', true)
        object.sql.exec('INSERT INTO t VALUES (1)')
        await object.ctx.blockConcurrencyWhile(() => {
          object.storage.put('in the callback', true)
          return act(object)
        })
      },
    ]),
  ),
  read: async ({ storage, sql }) => [
    [...(await storage.list()).keys()],
    sql.exec('SELECT count(*) AS n FROM t').one().n,
  ],
}

const loseBy = async (step, object) => {
  await object.do('keep')
  await attempt(() => object.do(step))
  return object.renew().do('read')
}

export default serve({
  'R4.1 gives what the callback returns': async ({ ctx }) => {
    const value = { same: true }
    return [
      await ctx.blockConcurrencyWhile(async () => 'value'),
      await ctx.blockConcurrencyWhile(async () => {}),
      (await ctx.blockConcurrencyWhile(async () => value)) === value,
    ]
  },
  'R4.2 the callback may be synchronous': async ({ ctx }) => [
    await ctx.blockConcurrencyWhile(() => 7),
    await ctx.blockConcurrencyWhile(() => undefined),
    ctx.blockConcurrencyWhile(() => 7) instanceof Promise,
  ],
  'R4.2 the callback may give any thenable': async ({ ctx }) =>
    ctx.blockConcurrencyWhile(() => ({
      // oxlint-disable-next-line unicorn/no-thenable
      then: (resolve) => resolve('thenable'),
    })),
  'R4.2 what the callback is called with': async ({ ctx }) =>
    ctx.blockConcurrencyWhile(function (...values) {
      return [values.length, this === undefined || this === globalThis]
    }),
  'R4.3 the callback runs after the code that follows the call, and after its microtasks': async ({
    ctx,
    log,
  }) => {
    const section = ctx.blockConcurrencyWhile(() => log.push('section'))
    log.push('after the call')
    await null
    log.push('one microtask')
    for (let i = 0; i < 20; i++) await null
    log.push('many microtasks')
    await section
    return log
  },
  'R4.4 R4.5 calls wait in order, and what stands behind the await goes first': {
    steps: {
      async section({ ctx, log }) {
        await ctx.blockConcurrencyWhile(async () => {
          log.push('begins')
          await sleep(50)
          log.push('ends')
        })
        log.push('behind')
        await null
        log.push('behind a microtask')
      },
      ask: ({ log }, value) => log.push(value),
      read: ({ log }) => log,
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      const calls = [1, 2, 3].map((n) => object.do('ask', `call ${n}`))
      calls.push(object.do('section'), object.do('ask', 'queued 1'), object.do('ask', 'queued 2'))
      await Promise.all(calls)
      return object.do('read')
    },
  },
  'R4.4 what the object awaits elsewhere is delivered after the section': {
    steps: {
      async both({ ctx, log }) {
        const outside = sleep(10).then(() => log.push('outside'))
        const section = ctx.blockConcurrencyWhile(async () => {
          await sleep(60)
          log.push('section')
        })
        await Promise.all([outside, section])
        return log
      },
    },
    drive: ({ fresh }) => fresh().do('both'),
  },
  'R4.4 fetch events wait as calls do': {
    fetch: async ({ log }) => {
      log.push('fetch')
      return Response.json(log)
    },
    steps: {
      begin({ ctx, log }) {
        void ctx.blockConcurrencyWhile(async () => {
          await sleep(50)
          log.push('section')
        })
      },
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('begin')
      return (await object.stub.fetch('http://object/')).json()
    },
  },
  'R4.6 timers set outside fire after it, timers set inside fire inside': async ({ ctx, log }) => {
    setTimeout(() => log.push('outside'), 5)
    await ctx.blockConcurrencyWhile(async () => {
      setTimeout(() => log.push('inside'), 10)
      await sleep(60)
      log.push('section ends')
    })
    await sleep(30)
    return log
  },
  'R4.6 a timer set inside that fires after the end': async ({ ctx, log }) => {
    await ctx.blockConcurrencyWhile(() => {
      setTimeout(() => log.push('timer'), 20)
    })
    log.push('after')
    await sleep(60)
    return log
  },
  'R4.7 several of one turn run one after another': async ({ ctx, log }) => {
    const sections = [3, 2, 1].map((ms) =>
      ctx.blockConcurrencyWhile(async () => {
        log.push(`begins ${ms}`)
        await sleep(ms)
        log.push(`ends ${ms}`)
      }),
    )
    await Promise.all(sections)
    return log
  },
  'R4.8 an inner section keeps the outer one waiting, and siblings inside take turns': async ({
    ctx,
    log,
  }) => {
    await ctx.blockConcurrencyWhile(async () => {
      const inner = ['a', 'b'].map((name) =>
        ctx.blockConcurrencyWhile(async () => {
          log.push(`${name} begins`)
          await sleep(10)
          log.push(`${name} ends`)
        }),
      )
      log.push('outer')
      await Promise.all(inner)
      log.push('outer ends')
    })
    return log
  },
  'R4.8 an inner section that is not awaited goes on after the outer one': async ({ ctx, log }) => {
    let inner
    await ctx.blockConcurrencyWhile(async () => {
      inner = ctx.blockConcurrencyWhile(async () => {
        log.push('inner begins')
        await sleep(20)
        log.push('inner ends')
      })
    })
    log.push('outer ended')
    await inner
    return log
  },
  'R4.9 a nesting of 64 and of more': async ({ ctx }) => [
    await attempt(() => nest(ctx, 63)),
    await attempt(() => nest(ctx, 64)),
  ],
  'R4.9 R4.12 one level too many, and nobody catches it': {
    steps: { nest: ({ ctx }, depth) => nest(ctx, depth) },
    drive: async ({ fresh }) => [
      await attempt(() => fresh().do('nest', 65)),
      await attempt(() => fresh().do('nest', 66)),
    ],
  },
  'R4.9 the promise of the call rejects': async ({ ctx }) => {
    const enter = (depth) =>
      ctx.blockConcurrencyWhile(() =>
        depth > 0 ? enter(depth - 1) : attemptSync(() => ctx.blockConcurrencyWhile(() => 'deep')),
      )
    return [await enter(61), await enter(62), await enter(63)]
  },
  'R4.10 a call that the object makes to itself through another object is delivered inside': {
    steps: {
      section: ({ ctx, env, log }, name) =>
        ctx.blockConcurrencyWhile(async () => {
          log.push('begins')
          const answer = await env.Subject.getByName(name).echo((value) => {
            log.push(`callback ${value}`)
            return value + 1
          })
          log.push(`ends ${answer}`)
        }),
      ask: ({ log }) => log.push('queued'),
      read: ({ log }) => log,
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await Promise.all([object.do('section', 'R4.10 helper'), object.do('ask')])
      return object.do('read')
    },
  },
  'R4.11 in the constructor it delays every request': {
    construct: ({ ctx, log }) => {
      void ctx.blockConcurrencyWhile(async () => {
        await sleep(30)
        log.push('section')
        await ctx.storage.put('loaded', 'yes')
      })
      log.push('constructed')
    },
    steps: {
      ask: async ({ log, storage }, value) => log.push(`${value} ${await storage.get('loaded')}`),
      read: ({ log }) => log,
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      await Promise.all([object.do('ask', 1), object.do('ask', 2)])
      return object.do('read')
    },
  },
  'R4.12 R4.20 failures of every kind as the callers see them': {
    ...meetFailure,
    drive: async ({ fresh }) => {
      const entries = Object.keys(failures).map(async (how) => [
        how,
        await meetFailure.drive(how, fresh()),
      ])
      return Object.fromEntries(await Promise.all(entries))
    },
  },
  'R4.12 failures as the callers of fetch see them': {
    fetch: async ({ ctx }, request) => {
      const how = new URL(request.url).pathname.slice(1)
      await ctx.blockConcurrencyWhile(failures[how])
      return new Response('not reached')
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      const ask = () => attempt(async () => (await object.stub.fetch('http://o/sync')).text())
      return [await ask(), await ask(), await attempt(() => object.stub.step('none', []))]
    },
  },
  'R4.12 an inner failure resets the object as an outer one does': {
    steps: {
      nested: ({ ctx }) =>
        ctx.blockConcurrencyWhile(async () => {
          await attempt(() => ctx.blockConcurrencyWhile(failures.sync))
          return 'not reached'
        }),
    },
    drive: ({ fresh }) => attempt(() => fresh().do('nested')),
  },
  'R4.13 the object does not see its promise settle': {
    steps: {
      async fail({ ctx, storage }) {
        await storage.put('before', true)
        await storage.sync()
        const section = ctx.blockConcurrencyWhile(failures.rejects)
        try {
          await section
          storage.put('fulfilled', true)
        } catch {
          storage.put('rejected', true)
        } finally {
          storage.put('finally', true)
        }
      },
      read: async ({ storage }) => [...(await storage.list()).keys()],
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      const outcome = await attempt(() => object.do('fail'))
      return [outcome, await object.renew().do('read')]
    },
  },
  'R4.14 a new stub reaches a new instance, and the old stub stays broken': {
    ...meetFailure,
    drive: async ({ fresh }) => {
      const object = fresh()
      return [
        await object.do('ask', 1),
        await attempt(() => object.do('fail', 'sync')),
        await attempt(() => object.do('ask', 2)),
        await attempt(() => object.do('ask', 3)),
        await object.renew().do('ask', 4),
        await object.do('ask', 5),
      ]
    },
  },
  'R4.15 a failure in the constructor': {
    construct: ({ ctx }) => {
      void ctx.blockConcurrencyWhile(failures.rejects)
    },
    fetch: () => new Response('not reached'),
    steps: { ask: () => 'not reached' },
    drive: async ({ fresh }) => {
      const called = fresh()
      const fetched = fresh()
      return [
        await attempt(() => called.do('ask')),
        await attempt(() => called.do('ask')),
        await attempt(() => called.renew().do('ask')),
        await attempt(() => fetched.stub.fetch('http://o/')),
        await attempt(() => fetched.stub.fetch('http://o/')),
      ]
    },
  },
  'R4.15 a constructor that throws, with calls at once': {
    construct: () => {
      throw Object.assign(new TypeError('no instance'), { code: 5 })
    },
    fetch: () => new Response('not reached'),
    steps: { ask: () => 'not reached' },
    drive: async ({ fresh }) => {
      const object = fresh()
      const ask = () => attempt(() => object.do('ask'))
      const fetched = fresh()
      return [
        await Promise.all([ask(), ask()]),
        await ask(),
        await attempt(() => fetched.stub.fetch('http://o/')),
      ]
    },
  },
  'R4.15 a constructor that fails once: the next stub gets a good instance': {
    construct: ({ ctx }) => {
      void ctx.blockConcurrencyWhile(async () => {
        const tries = ((await ctx.storage.get('tries')) ?? 0) + 1
        await ctx.storage.put('tries', tries)
        await ctx.storage.sync()
        if (tries === 1) throw new Error('first')
      })
    },
    steps: { ask: ({ storage }) => storage.get('tries') },
    drive: async ({ fresh }) => {
      const object = fresh()
      const first = await attempt(() => object.do('ask'))
      return [first, await attempt(() => object.renew().do('ask'))]
    },
  },
  'R4.16 what is kept and what is lost': {
    steps: losing,
    drive: async ({ fresh }) => [
      await loseBy('failAtOnce', fresh()),
      await loseBy('failLater', fresh()),
      await loseBy('failAfterSync', fresh()),
    ],
  },
  'R4.16 a callback that throws and is not asynchronous': {
    steps: losing,
    drive: ({ fresh }) => loseBy('throwAtOnce', fresh()),
  },
  'R4.17 the limit of 30 s': {
    seconds: 31,
    steps: {
      hang: ({ ctx }) => ctx.blockConcurrencyWhile(() => sleep(60_000)),
      ask: () => 'not reached',
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      const calls = ['hang', 'ask'].map((step) => attempt(() => object.do(step)))
      return [...(await Promise.all(calls)), await attempt(() => object.do('ask'))]
    },
  },
  'R4.17 the limit in the constructor': {
    seconds: 31,
    construct: ({ ctx }) => {
      void ctx.blockConcurrencyWhile(() => sleep(60_000))
    },
    steps: { ask: () => 'not reached' },
    drive: ({ fresh }) => attempt(() => fresh().do('ask')),
  },
  'R4.18 waiting for what began outside ends by the limit': {
    seconds: 31,
    steps: {
      async hang({ ctx }) {
        const outside = sleep(10)
        await ctx.blockConcurrencyWhile(() => outside)
      },
    },
    drive: ({ fresh }) => attempt(() => fresh().do('hang')),
  },
  'R4.19 arguments that are no functions': async ({ ctx }) => {
    const answers = []
    for (const value of [undefined, null, 7, 'text', {}, Promise.resolve(1)]) {
      let isThrown = true
      answers.push(
        await attempt(() => {
          const section = ctx.blockConcurrencyWhile(value)
          isThrown = false
          return section
        }),
        isThrown,
      )
    }
    return answers
  },
  'R4.19 without an argument': async ({ ctx }) => attempt(() => ctx.blockConcurrencyWhile()),
  'R4.19 called without its object': async ({ ctx }) =>
    attemptSync(() => (0, ctx.blockConcurrencyWhile)(() => 1)),
  'R4.21 storage, calls and timers inside': {
    steps: {
      work: ({ ctx, env, storage, sql }, name) =>
        ctx.blockConcurrencyWhile(async () => {
          await storage.put('key', 1)
          const row = sql.exec('SELECT 2 AS a').one()
          await storage.transaction((txn) => txn.put('key', 3))
          await sleep(5)
          const echoed = await env.Subject.getByName(name).echo((value) => value)
          await storage.sync()
          return plain([await storage.get('key'), row, echoed])
        }),
    },
    drive: ({ fresh }) => fresh().do('work', 'R4.21 helper'),
  },
  'R4.21 a section inside of a transaction, and a transaction inside of a section': async ({
    ctx,
    storage,
    log,
  }) => {
    await storage.transaction(async (txn) => {
      await txn.put('a', 1)
      await ctx.blockConcurrencyWhile(async () => {
        await sleep(5)
        await storage.put('b', 2)
        log.push('inside')
      })
      log.push('behind')
    })
    await ctx.blockConcurrencyWhile(() => storage.transaction((txn) => txn.put('c', 3)))
    return [log, await storage.list()]
  },
})

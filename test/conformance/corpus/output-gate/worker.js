// Reference 1.5: the output gate, by what happens when it breaks. A commit whose deferred constraints
// fail breaks it, and then shows on either runtime what had been told before the commit was safe.

import { attempt, serve, sleep, Subject as CaseSubject } from '../harness.js'

export class Subject extends CaseSubject {
  heard = []

  /** What another object or a callback tells. */
  async tell(what, ms = 0) {
    this.heard.push(what)
    if (ms > 0) await sleep(ms)
  }

  hear() {
    return this.heard
  }

  /** Tells the caller's function, after a write that cannot be committed. */
  async tellAfterBad(callback) {
    steps.bad(this)
    await callback('told')
  }
}

const steps = {
  prepare: ({ sql, storage }) => {
    sql.exec('CREATE TABLE parents (id INTEGER PRIMARY KEY)')
    sql.exec('CREATE TABLE t (id REFERENCES parents DEFERRABLE INITIALLY DEFERRED)')
    return storage.put('prepared', true)
  },
  /** A write that is fine until it is committed. */
  bad: ({ sql, storage }) => {
    storage.put('beside', true)
    sql.exec('INSERT INTO t VALUES (7)')
  },
  read: async ({ storage, sql }) => [
    [...(await storage.list()).keys()],
    sql.exec('SELECT count(*) AS n FROM t').one().n,
    await storage.getAlarm(),
  ],
  wait: () => sleep(2000),
  ask: () => 'answer',
}

const prepared = async (fresh) => {
  const object = fresh()
  await object.do('prepare')
  return object
}

/** A case that breaks the gate with one step, and gives what its caller saw and what was kept. */
const breaking = (act) => ({
  steps: { ...steps, act },
  drive: async ({ fresh }) => {
    const object = await prepared(fresh)
    const outcome = await attempt(() => object.do('act'))
    return [outcome, await attempt(() => object.renew().do('read'))]
  },
})

/** A case in which the object tells another one, around a write that cannot be committed. */
const telling = (act) => ({
  steps: { ...steps, act },
  drive: async ({ fresh }) => {
    const object = await prepared(fresh)
    const other = fresh()
    const outcome = await attempt(() => object.do('act', other.stub))
    await sleep(300)
    return [outcome, await other.stub.hear()]
  },
})

const socketSteps = {
  ...steps,
  send: (object) => {
    object.socket.send('before')
    steps.bad(object)
    object.socket.send('after')
  },
  close: (object) => {
    steps.bad(object)
    object.socket.close(1000, 'done')
  },
}

const socketCase = (step, accept) => ({
  steps: socketSteps,
  fetch: (object) => {
    const [client, server] = Object.values(new WebSocketPair())
    accept(object, server)
    object.socket = server
    return new Response(null, { status: 101, webSocket: client })
  },
  drive: async ({ fresh }) => {
    const object = await prepared(fresh)
    const headers = { upgrade: 'websocket' }
    const { webSocket } = await object.stub.fetch('http://object/', { headers })
    const events = []
    const ended = new Promise((resolve) => {
      webSocket.addEventListener('message', ({ data }) => events.push(`message ${data}`))
      webSocket.addEventListener('close', ({ code }) => {
        events.push(`close ${code}`)
        resolve()
      })
      webSocket.addEventListener('error', () => {
        events.push('error')
        resolve()
      })
    })
    webSocket.accept()
    const outcome = await attempt(() => object.do(step))
    await Promise.race([ended, sleep(3000)])
    return [outcome, events[0] === 'message before' ? events.slice(0, 1) : events.slice(0, 0)]
  },
})

export default serve({
  'R5.1 R5.18 R5.19 a value that was to be returned, and what is kept': breaking((object) => {
    steps.bad(object)
    return 'told'
  }),
  'R5.1 the put is awaited': breaking(async (object) => {
    steps.bad(object)
    await object.storage.put('awaited', true)
    return 'told'
  }),
  'R5.2 an error that was to be thrown': breaking((object) => {
    steps.bad(object)
    throw new TypeError('told')
  }),
  'R5.3 R5.18 a response and an exception of fetch': {
    steps,
    fetch: (object, request) => {
      steps.bad(object)
      if (request.url.endsWith('/throw')) throw new TypeError('told')
      return new Response('told')
    },
    drive: async ({ fresh }) => {
      const first = await prepared(fresh)
      const second = await prepared(fresh)
      return [
        await attempt(async () => (await first.stub.fetch('http://object/')).text()),
        await attempt(async () => (await second.stub.fetch('http://object/throw')).text()),
      ]
    },
  },
  'R5.4 R5.19 a call of another object after the write is never made': telling(
    async (object, other) => {
      steps.bad(object)
      await other.tell('told')
    },
  ),
  'R5.4 a fetch of another object after the write is never made': {
    ...telling(async (object, other) => {
      steps.bad(object)
      await other.fetch('http://object/')
    }),
    fetch: (object) => {
      object.heard.push('fetched')
      return new Response('heard')
    },
  },
  'R5.6 a callback after the write is never called': {
    steps,
    drive: async ({ fresh }) => {
      const object = await prepared(fresh)
      const heard = []
      const outcome = await attempt(() => object.stub.tellAfterBad((what) => heard.push(what)))
      await sleep(300)
      return [outcome, heard]
    },
  },
  'R5.10 what was sent before the write is heard': telling(async (object, other) => {
    const told = other.tell('before', 300)
    await sleep(100)
    steps.bad(object)
    await told
  }),
  'R5.13 inside the object nothing waits': async ({ storage, sql, log }) => {
    void storage.sync().then(() => log.push('nothing was written'))
    storage.put('a', 1)
    void storage.sync().then(() => log.push('durable'))
    log.push(await storage.get('a'))
    await storage.transaction(async (txn) => log.push(await txn.get('a')))
    log.push(sql.exec('SELECT 2 AS a').one().a)
    await storage.sync()
    return log
  },
  'R5.14 R5.18 sync() fails, or is never over, when the write before it fails': breaking(
    async (object) => {
      steps.bad(object)
      await object.storage.sync()
      return 'told'
    },
  ),
  'R5.15 everything beside the write is undone: keys, rows, the alarm': breaking(async (object) => {
    await object.storage.setAlarm(Date.now() + 3_600_000)
    await object.storage.delete('prepared')
    object.kv.put('kv', 1)
    steps.bad(object)
    return 'told'
  }),
  'R5.15 a transaction that fails when it is committed': breaking(async (object) => {
    await object.storage.transaction(() => steps.bad(object))
    return 'told'
  }),
  'R5.15 a transactionSync that fails when it is committed': breaking((object) => {
    object.storage.transactionSync(() => steps.bad(object))
    return 'told'
  }),
  'R5.16 a write in waitUntil after the response does not hold it': {
    steps: {
      ...steps,
      act: (object) => {
        object.ctx.waitUntil(sleep(200).then(() => steps.bad(object)))
        return 'told'
      },
    },
    drive: async ({ fresh }) => {
      const object = await prepared(fresh)
      const outcome = await attempt(() => object.do('act'))
      await sleep(600)
      return [outcome, await attempt(() => object.renew().do('read'))]
    },
  },
  'R5.18 R5.20 everybody hears of it: under way, and later on the old stub; a new stub works': {
    steps,
    drive: async ({ fresh }) => {
      const object = await prepared(fresh)
      const underWay = attempt(() => object.do('wait'))
      const failing = attempt(() => object.do('bad'))
      return [
        await failing,
        await underWay,
        await attempt(() => object.do('ask')),
        await attempt(() => object.stub.fetch('http://object/')),
        await attempt(() => object.renew().do('ask')),
        await attempt(() => object.do('read')),
      ]
    },
  },
  'R5.20 after an abort: under way, at once, later on the old stub, and on a new one': {
    steps: { ...steps, abort: ({ ctx }) => ctx.abort(new RangeError('enough')) },
    drive: async ({ fresh }) => {
      const object = await prepared(fresh)
      const underWay = attempt(() => object.do('wait'))
      return [
        await attempt(() => object.do('abort')),
        await underWay,
        await attempt(() => object.do('ask')),
        await attempt(() => object.do('ask')),
        await attempt(() => object.renew().do('ask')),
      ]
    },
  },
  'R5.21 an alarm handler whose writes cannot be committed has failed': {
    steps: {
      ...steps,
      set: ({ storage }) => storage.setAlarm(Date.now() + 10),
      notes: ({ kv }) => kv.get('notes'),
    },
    seconds: 6,
    alarm: (object, { retryCount }) => {
      if (retryCount === 0) steps.bad(object)
      else object.kv.put('notes', [retryCount, object.log.length])
      object.log.push('rang')
    },
    drive: async ({ fresh }) => {
      const object = await prepared(fresh)
      await object.do('set')
      await sleep(4500)
      return [await object.renew().do('notes'), await object.do('read')]
    },
  },
  'R5.22 deleteAll before a write that fails': breaking(async (object) => {
    await object.storage.deleteAll({ allowUnconfirmed: true })
    await steps.prepare(object)
    steps.bad(object)
    return 'told'
  }),
  'R5.7 R5.24 messages of an accepted socket: those before the write, and no other': socketCase(
    'send',
    (object, socket) => socket.accept(),
  ),
  'R5.7 R5.24 messages of a hibernatable socket: those before the write, and no other': socketCase(
    'send',
    (object, socket) => object.ctx.acceptWebSocket(socket),
  ),
  'R5.7 R5.24 a close after the write is not heard as one': socketCase('close', (object, socket) =>
    socket.accept(),
  ),
  'R5.23 calls of another object arrive in the order made, writes between them or not': {
    steps: {
      ...steps,
      act: async ({ storage }, other) => {
        const calls = []
        for (let i = 0; i < 8; i++) {
          if (i % 3 === 1) storage.put('key', i)
          calls.push(other.tell(i))
        }
        await Promise.all(calls)
        return other.hear()
      },
    },
    drive: ({ fresh }) => fresh().do('act', fresh().stub),
  },
})

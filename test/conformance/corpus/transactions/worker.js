// Reference 1.8 and 1.9: transactions and deleteAll.

import { attempt, attemptSync, plain, serve, sleep, Subject } from '../harness.js'

export { Subject }

/** Declared in `new_classes`: no SQL. */
export class Plain extends Subject {}

const list = async (storage) => [...(await storage.list())]

/** Whether a call threw at once, or its promise was rejected. */
async function how(act) {
  let result
  try {
    result = act()
  } catch (error) {
    return { throws: attemptSync(() => raise(error)) }
  }
  if (!(result instanceof Promise)) return { gives: plain(result) }
  try {
    return { resolves: plain(await result) }
  } catch (error) {
    return { rejects: attemptSync(() => raise(error)) }
  }
}

function raise(error) {
  throw error
}

const operations = {
  get: (txn) => txn.get('a'),
  'get of several': (txn) => txn.get(['a']),
  list: (txn) => txn.list(),
  put: (txn) => txn.put('a', 1),
  'put of several': (txn) => txn.put({ a: 1 }),
  delete: (txn) => txn.delete('a'),
  'delete of several': (txn) => txn.delete(['a']),
  getAlarm: (txn) => txn.getAlarm(),
  setAlarm: (txn) => txn.setAlarm(4e12),
  deleteAlarm: (txn) => txn.deleteAlarm(),
  deleteAll: (txn) => txn.deleteAll(),
  rollback: (txn) => txn.rollback(),
  'get without arguments': (txn) => txn.get(),
}

const each = async (txn) => {
  const answers = {}
  for (const [name, act] of Object.entries(operations)) answers[name] = await how(() => act(txn))
  return answers
}

const rows = (sql) =>
  sql
    .exec('SELECT a FROM t ORDER BY a')
    .toArray()
    .map(({ a }) => a)

const blocking = {
  steps: {
    hold: async ({ storage, log }) => {
      await storage.transaction(async (txn) => {
        log.push('begin')
        await txn.put('a', 1)
        await sleep(20)
        await txn.put('a', 2)
        log.push('end')
      })
      log.push('after')
    },
    note: async ({ storage, log }) => {
      log.push(`note ${await storage.get('a')}`)
    },
    read: ({ log }) => log,
  },
  drive: async ({ fresh }) => {
    const object = fresh()
    await Promise.all([object.do('hold'), object.do('note'), object.do('note')])
    return await object.do('read')
  },
}

export default serve({
  'R8.1 what transaction gives': async ({ storage }) => [
    await storage.transaction(async () => 1),
    await storage.transaction(async () => {}),
    await storage.transaction(async (txn) => txn.get('none')),
    await how(() => storage.transaction(async () => ({ a: [1] }))),
  ],
  'R8.2 R8.28 events wait for the end of a transaction': blocking,
  'R8.3 R8.15 an error rolls back, goes on, and resets nothing': async ({ storage, log }) => {
    storage.put('before', 1)
    log.push(
      await attempt(() =>
        storage.transaction(async (txn) => {
          await txn.put('inside', 1)
          await txn.delete('before')
          throw Object.assign(new RangeError('mine'), { code: 1 })
        }),
      ),
    )
    await storage.put('after', 1)
    return [log, await list(storage)]
  },
  'R8.3 errors that are none': async ({ storage }) => [
    await attempt(() => storage.transaction(async () => raise('text'))),
    await attempt(() => storage.transaction(async () => raise(undefined))),
    await attempt(() => storage.transaction(async () => raise({ a: 1 }))),
  ],
  'R8.4 storage inside belongs to the transaction': async ({ storage }) => {
    const inside = await attempt(() =>
      storage.transaction(async (txn) => {
        await storage.put('storage', 1)
        await txn.put('txn', 1)
        throw new Error(JSON.stringify([await txn.get('storage'), await storage.get('txn')]))
      }),
    )
    return [inside, await list(storage)]
  },
  'R8.5 R8.6 nested transactions': async ({ storage }) => {
    await storage.transaction(async (outer) => {
      await outer.put('outer', 1)
      await attempt(() =>
        storage.transaction(async (inner) => {
          await inner.put('lost', 1)
          await inner.put('outer', 2)
          throw new Error('inner')
        }),
      )
      await storage.transaction(async (inner) => inner.put('kept', await inner.get('outer')))
    })
    const first = await list(storage)
    await attempt(() =>
      storage.transaction(async () => {
        await storage.transaction(async (inner) => inner.put('inner', 1))
        throw new Error('outer')
      }),
    )
    return [first, await list(storage)]
  },
  'R8.7 R8.8 R8.26 after rollback()': async ({ storage }) => {
    await storage.put('a', 0)
    let late
    const inside = await storage.transaction(async (txn) => {
      late = txn
      await txn.put('a', 1)
      const given = [txn.rollback(), txn.rollback()]
      await storage.put('by storage', 1)
      return [given, await each(txn), await txn.constructor.name]
    })
    return [inside, await list(storage), await each(late)]
  },
  'R8.7 what storage does after rollback()': async ({ storage }) => {
    await storage.put('a', 0)
    const inside = await storage.transaction(async (txn) => {
      await txn.put('a', 1)
      txn.rollback()
      const seen = await storage.get('a')
      await storage.put('b', 2)
      return [seen, await list(storage)]
    })
    return [inside, await list(storage)]
  },
  'R8.7 an error after rollback()': async ({ storage }) => [
    await attempt(() =>
      storage.transaction(async (txn) => {
        await txn.put('a', 1)
        txn.rollback()
        throw new Error('after')
      }),
    ),
    await list(storage),
  ],
  'R8.9 R8.26 after the end': async ({ storage }) => {
    let late
    await storage.transaction(async (txn) => {
      late = txn
    })
    return await each(late)
  },
  'R8.9 after the end by an error': async ({ storage }) => {
    let late
    await attempt(() =>
      storage.transaction(async (txn) => {
        late = txn
        throw new Error('x')
      }),
    )
    return await each(late)
  },
  'R8.10 roll-back of the outer one while the inner one runs': async ({ storage }) => {
    const inside = await attempt(() =>
      storage.transaction(async (outer) => {
        await outer.put('outer', 1)
        return await storage.transaction(async (inner) => {
          await inner.put('inner', 1)
          return [
            await how(() => outer.rollback()),
            await how(() => outer.get('inner')),
            await how(() => outer.put('by outer', 1)),
          ]
        })
      }),
    )
    return [inside, await list(storage)]
  },
  'R8.11 R8.12 R9.8 deleteAll inside': async ({ storage }) => {
    await storage.put('a', 1)
    return [
      await attempt(() =>
        storage.transaction(async (txn) => [
          await how(() => txn.deleteAll()),
          await how(() => txn.deleteAll(1)),
          await how(() => storage.deleteAll()),
          await list(storage),
        ]),
      ),
      await list(storage),
    ]
  },
  'R8.13 alarms inside': async ({ storage }) => {
    await storage.setAlarm(4e12)
    const inside = await attempt(() =>
      storage.transaction(async (txn) => {
        await txn.setAlarm(5e12)
        const seen = [await txn.getAlarm(), await storage.getAlarm()]
        await storage.deleteAlarm()
        throw new Error(JSON.stringify([...seen, await txn.getAlarm()]))
      }),
    )
    const back = await storage.getAlarm()
    await storage.transaction(async (txn) => txn.setAlarm(new Date(6e12)))
    const kept = await storage.getAlarm()
    attemptSync(() =>
      storage.transactionSync(() => {
        storage.setAlarm(7e12)
        throw new Error('back')
      }),
    )
    const sync = await storage.getAlarm()
    await storage.transaction(async (txn) => {
      await txn.deleteAlarm()
      txn.rollback()
    })
    return [inside, back, kept, sync, await storage.getAlarm()]
  },
  'R8.14 SQL and kv inside': async ({ storage, sql, kv }) => {
    sql.exec('CREATE TABLE t (a)')
    await attempt(() =>
      storage.transaction(async () => {
        sql.exec('INSERT INTO t VALUES (1)')
        kv.put('a', 1)
        sql.exec('CREATE TABLE u (a)')
        throw new Error('back')
      }),
    )
    const back = [rows(sql), kv.get('a'), attemptSync(() => sql.exec('SELECT * FROM u'))]
    await storage.transaction(async () => {
      sql.exec('INSERT INTO t VALUES (2)')
      kv.put('a', 2)
    })
    return [back, rows(sql), kv.get('a')]
  },
  'R8.16 other callbacks': async ({ storage }) => ({
    'not asynchronous': await how(() => storage.transaction(() => 5)),
    'not asynchronous and throws': await how(() =>
      storage.transaction(() => raise(new RangeError('x'))),
    ),
    none: await how(() => storage.transaction()),
    undefined: await how(() => storage.transaction(undefined)),
    number: await how(() => storage.transaction(1)),
    object: await how(() => storage.transaction({})),
    thenable: await how(() => storage.transaction(() => ({ then: (done) => done(3) }))),
    'a second argument': await how(() =>
      storage.transaction(async (...values) => values.length, 1),
    ),
  }),
  'R8.17 two at once': async ({ storage, log }) => {
    const run = (name) =>
      storage.transaction(async () => {
        log.push(`${name} begins`)
        await sleep(5)
        log.push(`${name} ends`)
      })
    await Promise.all([run('first'), run('second')])
    return log
  },
  'R8.18 R8.19 R8.20 what transactionSync gives': async ({ storage, kv }) => {
    const given = [storage.transactionSync(() => 1), storage.transactionSync(() => {})]
    const thrown = attemptSync(() =>
      storage.transactionSync(() => {
        kv.put('lost', 1)
        throw Object.assign(new RangeError('mine'), { code: 1 })
      }),
    )
    const promise = storage.transactionSync(async () => {
      kv.put('kept', 1)
      await sleep(1)
      throw new Error('later')
    })
    return [
      given,
      thrown,
      promise instanceof Promise,
      await attempt(() => promise),
      await list(storage),
    ]
  },
  'R8.19 a thrown value that is no error': ({ storage }) => [
    attemptSync(() => storage.transactionSync(() => raise('text'))),
    attemptSync(() => storage.transactionSync(() => raise(undefined))),
  ],
  'R8.21 transactionSync nests': async ({ storage, kv }) => {
    storage.transactionSync(() => {
      kv.put('outer', 1)
      attemptSync(() =>
        storage.transactionSync(() => {
          kv.put('lost', 1)
          throw new Error('inner')
        }),
      )
      storage.transactionSync(() => kv.put('inner', 1))
    })
    attemptSync(() =>
      storage.transactionSync(() => {
        storage.transactionSync(() => kv.put('lost too', 1))
        throw new Error('outer')
      }),
    )
    return await list(storage)
  },
  'R8.22 transactionSync and transaction in each other': async ({ storage, kv }) => {
    const inside = await storage.transaction(async (txn) => {
      await txn.put('a', 1)
      const back = attemptSync(() =>
        storage.transactionSync(() => {
          kv.put('b', 1)
          throw new Error('sync')
        }),
      )
      storage.transactionSync(() => kv.put('c', 1))
      return back
    })
    let promise
    storage.transactionSync(() => {
      kv.put('d', 1)
      promise = attempt(() => storage.transaction(async (txn) => txn.put('e', 1)))
    })
    return [inside, await promise, await list(storage)]
  },
  'R8.23 transactionSync of no function': ({ storage }) => [
    attemptSync(() => storage.transactionSync()),
    attemptSync(() => storage.transactionSync(1)),
    attemptSync(() => storage.transactionSync({})),
  ],
  'R8.24 transactionSync of a class without SQL': {
    steps: {
      ask: async ({ storage }) => [
        attemptSync(() => storage.transactionSync(() => 1)),
        await attempt(() => storage.transaction(async (txn) => txn.put('a', 1))),
        await attempt(() =>
          storage.transaction(async (txn) => {
            await txn.put('b', 1)
            throw new Error('back')
          }),
        ),
        await list(storage),
      ],
    },
    drive: ({ fresh, env }) => fresh(env.Plain).do('ask'),
  },
  'R8.25 a transaction of more than 30 s': {
    seconds: 31,
    steps: {
      hang: ({ storage }) =>
        storage.transaction(async (txn) => {
          await txn.put('a', 1)
          await sleep(60_000)
        }),
      read: ({ storage }) => list(storage),
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      return [await attempt(() => object.do('hang')), await object.renew().do('read')]
    },
  },
  'R8.27 cursors over a commit and a roll-back': async ({ storage, sql }) => {
    sql.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)')
    const over = async (act) => {
      const cursor = sql.exec('SELECT a FROM t')
      const first = plain(cursor.next())
      await attempt(act)
      return [first, attemptSync(() => cursor.next()), attemptSync(() => cursor.toArray())]
    }
    return [
      await over(() => storage.transaction(async (txn) => txn.put('a', 1))),
      await over(() => storage.transaction(async () => sql.exec('INSERT INTO t VALUES (4)'))),
      await over(() =>
        storage.transaction(async () => {
          sql.exec('INSERT INTO t VALUES (5)')
          throw new Error('back')
        }),
      ),
    ]
  },
  'R8.6 R8.7 roll-back of an inner one by rollback()': async ({ storage }) => {
    const value = await storage.transaction(async (outer) => {
      await outer.put('outer', 1)
      const inner = await storage.transaction(async (txn) => {
        await txn.put('inner', 1)
        txn.rollback()
        return 'inner'
      })
      return [inner, await list(storage)]
    })
    return [value, await list(storage)]
  },
  'R9.1 R9.7 R9.11 deleteAll empties everything': async ({ storage, sql, kv }) => {
    const empty = sql.databaseSize
    await storage.put({ a: 1, b: 2 })
    sql.exec(
      'CREATE TABLE t (a); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END',
    )
    sql.exec('INSERT INTO t VALUES (?)', 'x'.repeat(20_000))
    await storage.deleteAll()
    const left = sql
      .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray()
    return [
      left,
      await list(storage),
      kv.get('a'),
      sql.databaseSize === empty,
      await storage.deleteAll(),
      await storage.deleteAll(),
    ]
  },
  'R9.2 deleteAll and the alarm': async ({ storage }) => {
    await storage.setAlarm(4e12)
    await storage.deleteAll()
    return await storage.getAlarm()
  },
  'R9.3 R9.4 R9.5 deleteAll is at once': async ({ storage, kv }) => {
    storage.put('before', 1)
    const promise = storage.deleteAll()
    const seen = kv.get('before')
    storage.put('after', 1)
    return [seen === undefined, await promise, await list(storage)]
  },
  'R9.6 R9.12 what is open when everything is deleted': async ({ storage, sql, kv }) => {
    sql.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)')
    const cursor = sql.exec('SELECT a FROM t')
    cursor.next()
    const iterator = (kv.put('a', 1), kv.put('b', 2), kv.put('c', 3), kv.list())
    iterator.next()
    await storage.deleteAll()
    const next = attemptSync(() => iterator.next())
    // The reference has an internal error with a random reference here.
    return [attemptSync(() => cursor.next()), 'error' in next]
  },
})

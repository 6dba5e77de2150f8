// Reference 1.18: bookmarks.

import { attempt, attemptSync, plain, serve, sleep, Subject } from '../harness.js'

export { Subject }

/** Declared in `new_classes`: no SQL. */
export class Plain extends Subject {}

const form = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/

async function how(act) {
  let result
  try {
    result = act()
  } catch (error) {
    return { throws: attemptSync(() => raise(error)) }
  }
  if (!(result instanceof Promise)) return { gives: plain(result) }
  return { settles: await attempt(() => result) }
}

function raise(error) {
  throw error
}

const ask = async ({ storage }) => {
  const first = await storage.getCurrentBookmark()
  await storage.put('a', 1)
  const second = await storage.getCurrentBookmark()
  return [form.test(first), form.test(second), first < second]
}

export default serve({
  'R18.1 R18.2 the form of bookmarks, and their order': ask,
  'R18.1 R18.2 bookmarks of a class without SQL': {
    steps: { ask },
    drive: ({ fresh, env }) => fresh(env.Plain).do('ask'),
  },
  'R18.1 arguments are not read': async ({ storage }) =>
    form.test(await storage.getCurrentBookmark(1, 2)),
  'R18.2 bookmarks of a turn and the next': async ({ storage, sql }) => {
    const marks = []
    const take = async () => marks.push(await storage.getCurrentBookmark())
    await take()
    sql.exec('CREATE TABLE t (a)')
    await take()
    await storage.sync()
    storage.put('b', 1)
    await sleep(1)
    await take()
    await storage.deleteAll()
    await take()
    return marks.map((mark, i) => i === 0 || marks[i - 1] < mark)
  },
  'R18.2 inside of transactions': async ({ storage }) => {
    const before = await storage.getCurrentBookmark()
    const inside = await attempt(() =>
      storage.transaction(async () => form.test(await storage.getCurrentBookmark())),
    )
    await storage.put('a', 1)
    return [inside, before < (await storage.getCurrentBookmark())]
  },
  'R18.2 a new instance goes on': {
    steps: {
      take: async ({ storage }) => {
        await storage.put('a', 1)
        return await storage.getCurrentBookmark()
      },
      abort: ({ ctx }) => ctx.abort('on purpose'),
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      const first = await object.do('take')
      await attempt(() => object.do('abort'))
      return first < (await object.renew().do('take'))
    },
  },
  'R18.3 R18.4 there is no recovery': async ({ storage }) => {
    const mark = await storage.getCurrentBookmark()
    const calls = {
      'for a time': () => storage.getBookmarkForTime(Date.now()),
      'for a date': () => storage.getBookmarkForTime(new Date()),
      'for a time to come': () => storage.getBookmarkForTime(4e12),
      'for no time': () => storage.getBookmarkForTime(),
      'for a text': () => storage.getBookmarkForTime('x'),
      'for an invalid date': () => storage.getBookmarkForTime(new Date(Number.NaN)),
      'for null': () => storage.getBookmarkForTime(null),
      'restore of a bookmark': () => storage.onNextSessionRestoreBookmark(mark),
      'restore of none': () => storage.onNextSessionRestoreBookmark(),
      'restore of a text': () => storage.onNextSessionRestoreBookmark('x'),
      'restore of a number': () => storage.onNextSessionRestoreBookmark(1),
      'restore of a symbol': () => storage.onNextSessionRestoreBookmark(Symbol('s')),
    }
    const answers = {}
    for (const [name, act] of Object.entries(calls)) answers[name] = await how(act)
    return answers
  },
  'R18.5 members for replicas': ({ storage, ctx }) => [
    ...['waitForBookmark', 'ensureReplicas', 'disableReplicas', 'primary'].map(
      (name) => name in storage,
    ),
    'configureReadReplication' in ctx,
  ],
})

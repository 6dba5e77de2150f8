// The members of the API's classes and modules (reference 2), by reflection: docs/compatibility.md is
// made of these answers.

import * as objects from 'cloudflare:durable-objects'
import * as workers from 'cloudflare:workers'
import unsafe from 'workerd:unsafe'
import { serve, Subject } from '../harness.js'

export { Subject }

/** Every member that `value` has, by its own and by its classes, and whether it is a method. */
function membersOf(value) {
  const members = {}
  for (let at = value; at !== null; at = Object.getPrototypeOf(at)) {
    if (at === Object.prototype || at === Function.prototype) break
    for (const name of Reflect.ownKeys(at)) {
      const text = typeof name === 'string' ? name : name.description
      // The symbols of the engines' own are none of the API.
      if (typeof name === 'symbol' && !text.startsWith('Symbol.')) continue
      if (name === 'constructor' || Object.hasOwn(members, text)) continue
      const { value: held } = Object.getOwnPropertyDescriptor(at, name)
      members[text] = typeof held === 'function' ? 'method' : 'property'
    }
  }
  return sorted(members)
}

function sorted(members) {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** What a module has, and of its classes whether they are some. */
function exportsOf(module) {
  return sorted(
    Object.fromEntries(
      Object.entries(module).map(([name, value]) => [
        name,
        typeof value === 'function' ? 'method' : 'property',
      ]),
    ),
  )
}

const inTransaction = (storage) => {
  let members
  return storage
    .transaction(async (txn) => {
      members = membersOf(txn)
    })
    .then(() => members)
}

export default serve({
  'S1 DurableObjectState': ({ ctx }) => membersOf(ctx),
  'S2 DurableObjectStorage': ({ storage }) => membersOf(storage),
  'S3 DurableObjectTransaction': ({ storage }) => inTransaction(storage),
  'S4 SqlStorage': ({ sql }) => membersOf(sql),
  'S5 SqlStorageCursor': ({ sql }) => membersOf(sql.exec('SELECT 1')),
  'S6 SyncKvStorage': ({ kv }) => membersOf(kv),
  'S7 DurableObjectNamespace': ({ env }) => membersOf(env.Subject),
  'S8 DurableObjectId': ({ env }) => membersOf(env.Subject.idFromName('name')),
  'S9 DurableObjectStub': ({ env }) => membersOf(env.Subject.getByName('name')),
  'S10 DurableObjectFacets': ({ ctx }) => membersOf(ctx.facets ?? null),
  'S11 WebSocket': () => membersOf(new WebSocketPair()[0]),
  'S12 WebSocketPair': () => membersOf(new WebSocketPair()),
  'S13 WebSocketRequestResponsePair': () => membersOf(new WebSocketRequestResponsePair('a', 'b')),
  'S14 ExecutionContext': { drive: ({ ctx }) => membersOf(ctx) },
  'S15 DurableObject': () => membersOf(workers.DurableObject.prototype),
  'S16 cloudflare:workers': () => exportsOf(workers),
  'S17 cloudflare:durable-objects': () => exportsOf(objects),
  'S18 workerd:unsafe': () => membersOf(unsafe),
  'S19 AlarmInvocationInfo': {
    steps: {
      set: ({ storage }) => storage.setAlarm(Date.now()),
      async wait({ log }) {
        while (log.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
        return log[0]
      },
    },
    alarm: ({ log }, info) => log.push(membersOf(info)),
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('set')
      return object.do('wait')
    },
  },
})

// GET /run?to=URL answers { <case>: milliseconds from the write until the message arrived }.
// Each case has an object of its own; all run at once.
import { DurableObject } from 'cloudflare:workers'

const shared = new Map()
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export class Writer extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env)
    this.storage = ctx.storage
  }

  // The time is taken before the write, so that no case can look slower than it is held.
  #write(options) {
    const at = Date.now()
    this.storage.put('key', at, options)
    return at
  }

  now() {
    return Date.now()
  }

  // Ways out.

  putAndReturn() {
    return this.#write()
  }

  async awaitPutAndReturn() {
    const at = Date.now()
    await this.storage.put('key', at)
    return at
  }

  putAndThrow() {
    throw new Error(`${this.#write()}`)
  }

  async fetch(request) {
    const path = new URL(request.url).pathname
    if (path === '/now') return new Response(`${Date.now()}`)
    if (path === '/throw') throw new Error(`${this.#write()}`)
    if (path === '/chunks') return this.#writeBetweenChunks()
    if (path === '/broken') return this.#breakBetweenChunks()
    return new Response(`${this.#write()}`)
  }

  #writeBetweenChunks() {
    const encoder = new TextEncoder()
    const stream = new ReadableStream({
      start: async (controller) => {
        controller.enqueue(encoder.encode('first'))
        await sleep(150)
        controller.enqueue(encoder.encode(`${this.#write()}`))
        controller.close()
      },
    })
    return new Response(stream)
  }

  #breakBetweenChunks() {
    const stream = new ReadableStream({
      start: async (controller) => {
        controller.enqueue(new TextEncoder().encode('first'))
        await sleep(20)
        controller.error(new Error('broken on purpose'))
      },
    })
    return new Response(stream)
  }

  // Resolved in the turn of one object, awaited by another: only user code can do such a thing.
  putAndShare(key) {
    const at = this.#write()
    shared.get(key).resolve(at)
    return at
  }

  async returnShared(key) {
    shared.set(key, Promise.withResolvers())
    return shared.get(key).promise
  }

  async callInOrder(name) {
    const other = this.env.WRITER.getByName(name)
    const calls = []
    for (let number = 0; number < 10; number += 1) {
      calls.push(number % 2 === 0 ? other.note(number) : other.noteLater(number))
      if (number === 4) this.#write()
    }
    await Promise.all(calls)
    const notes = await other.notes()
    if (notes.join() !== '0,1,2,3,4,5,6,7,8,9') throw new Error(`arrived as ${notes}`)
  }

  noted = []

  note(number) {
    this.noted.push(number)
  }

  async noteLater(number) {
    this.noted.push(number)
    await sleep(1)
  }

  notes() {
    return this.noted
  }

  async putAndCallMethod(name) {
    const at = this.#write()
    return (await this.env.WRITER.getByName(name).now()) - at
  }

  async putAndFetchObject(name) {
    const at = this.#write()
    const response = await this.env.WRITER.getByName(name).fetch('http://object/now')
    return Number(await response.text()) - at
  }

  async putAndFetchOutside(url) {
    const at = this.#write()
    return Number(await (await fetch(url)).text()) - at
  }

  async putAndCallBack(callback) {
    const at = this.#write()
    return (await callback()) - at
  }

  // Ways to write.

  async writeBy(way) {
    const { storage } = this
    const at = Date.now()
    switch (way) {
      case 'entries':
        storage.put({ a: 1, b: 2 })
        break
      case 'delete':
        storage.delete('kept')
        break
      case 'deleteAll':
        storage.deleteAll()
        break
      case 'deleteAll, allowUnconfirmed':
        storage.deleteAll({ allowUnconfirmed: true })
        break
      case 'sql':
        storage.sql.exec('CREATE TABLE written (value)')
        storage.sql.exec('INSERT INTO written VALUES (1)')
        break
      case 'transaction':
        await storage.transaction(async (transaction) => {
          await transaction.put('key', 1)
        })
        break
      case 'transactionSync':
        storage.transactionSync(() => storage.sql.exec('CREATE TABLE written (value)'))
        break
      case 'setAlarm':
        storage.setAlarm(at + 3_600_000)
        break
      case 'setAlarm in a transaction':
        await storage.transaction((transaction) => transaction.setAlarm(at + 3_600_000))
        break
      case 'setAlarm, allowUnconfirmed':
        storage.setAlarm(at + 3_600_000, { allowUnconfirmed: true })
        break
      case 'deleteAlarm':
        storage.deleteAlarm()
        break
      case 'upgrade':
        storage.put('first', 1, { allowUnconfirmed: true })
        storage.put('second', 2)
        break
      default:
        throw new Error(`unknown way '${way}'`)
    }
    return at
  }

  keep() {
    this.storage.put('kept', 1)
    this.storage.setAlarm(Date.now() + 3_600_000)
  }

  // What the handler of an alarm sends.
  #rung = Promise.withResolvers()

  async alarm() {
    this.#rung.resolve(await this.putAndCallMethod(crypto.randomUUID()))
  }

  async ring() {
    await this.storage.setAlarm(Date.now())
    return this.#rung.promise
  }

  async syncAndMeasure() {
    const at = this.#write()
    await this.storage.sync()
    return Date.now() - at
  }

  // What is not held.

  unconfirmed() {
    return this.#write({ allowUnconfirmed: true })
  }

  async awaitUnconfirmed() {
    const at = Date.now()
    await this.storage.put('key', at, { allowUnconfirmed: true })
    return at
  }

  async callMethodThenPut(name) {
    const called = this.env.WRITER.getByName(name).now()
    const at = this.#write()
    return (await called) - at
  }

  async fetchOutsideThenPut(url) {
    const fetched = fetch(url).then((response) => response.text())
    const at = this.#write()
    return Number(await fetched) - at
  }

  // Reads, a transaction and a timer inside the object, one after another.
  async readOwnWrites() {
    const at = this.#write()
    if ((await this.storage.get('key')) !== at) throw new Error('get() does not see the write')
    if ((await this.storage.list()).get('key') !== at) throw new Error('list() does not see it')
    await this.storage.transaction(async (transaction) => {
      if ((await transaction.get('key')) !== at) throw new Error('transaction() does not see it')
    })
    await sleep(1)
    return Date.now() - at
  }

  writeAfterResponse() {
    this.ctx.waitUntil(sleep(20).then(() => this.#write()))
    return Date.now()
  }

  secondWriteAt = 0

  async writeAgainLater(delayMs) {
    await sleep(delayMs)
    this.secondWriteAt = this.#write()
    return this.secondWriteAt
  }
}

// Milliseconds since the time that the promise gives, or that its error's message is.
async function since(promise) {
  const at = await promise.catch((error) => Number(error.message))
  if (!Number.isFinite(at)) throw new Error(`an error of its own: ${await promise.catch(String)}`)
  return Date.now() - at
}

const textOf = async (promise) => Number(await (await promise).text())

function cases(get, to) {
  return {
    'rpc return': async () => since(get().putAndReturn()),
    'rpc return, put awaited': async () => since(get().awaitPutAndReturn()),
    'rpc throw': async () => since(get().putAndThrow()),
    'fetch response': async () => since(textOf(get().fetch('http://object/'))),
    'fetch throw': async () => since(textOf(get().fetch('http://object/throw'))),
    'method of another object': () => get().putAndCallMethod(crypto.randomUUID()),
    'fetch of another object': () => get().putAndFetchObject(crypto.randomUUID()),
    'global fetch': () => get().putAndFetchOutside(to),
    callback: () => get().putAndCallBack(() => Date.now()),
    'reading request behind a write': async () => {
      const object = get()
      const written = object.putAndReturn()
      await sleep(20)
      await object.now()
      const answeredAt = Date.now()
      return answeredAt - (await written)
    },
    'entries at once': async () => since(get().writeBy('entries')),
    delete: async () => {
      const object = get()
      await object.keep()
      return since(object.writeBy('delete'))
    },
    deleteAll: async () => {
      const object = get()
      await object.keep()
      return since(object.writeBy('deleteAll'))
    },
    'deleteAll, allowUnconfirmed': async () => {
      const object = get()
      await object.keep()
      return since(object.writeBy('deleteAll, allowUnconfirmed'))
    },
    sql: async () => since(get().writeBy('sql')),
    transaction: async () => since(get().writeBy('transaction')),
    transactionSync: async () => since(get().writeBy('transactionSync')),
    setAlarm: async () => since(get().writeBy('setAlarm')),
    'setAlarm in a transaction': async () => since(get().writeBy('setAlarm in a transaction')),
    deleteAlarm: async () => {
      const object = get()
      await object.keep()
      return since(object.writeBy('deleteAlarm'))
    },
    'setAlarm, allowUnconfirmed': async () => since(get().writeBy('setAlarm, allowUnconfirmed')),
    'method called by an alarm': () => get().ring(),
    'confirmed after unconfirmed': async () => since(get().writeBy('upgrade')),
    'calls in order': async () => {
      const askedAt = Date.now()
      await get().callInOrder(crypto.randomUUID())
      return Date.now() - askedAt
    },
    'return after a shared promise': async () => {
      const key = crypto.randomUUID()
      const returned = since(get().returnShared(key))
      await sleep(50)
      const written = get().putAndShare(key)
      const ms = await returned
      await written
      return ms
    },
    sync: () => get().syncAndMeasure(),
    'chunk after the write': async () => (await readChunks(get())).second,
    'chunk before the write': async () => (await readChunks(get())).first,
    unconfirmed: async () => since(get().unconfirmed()),
    'unconfirmed, put awaited': async () => since(get().awaitUnconfirmed()),
    'method called before the write': () => get().callMethodThenPut(crypto.randomUUID()),
    'global fetch begun before the write': () => get().fetchOutsideThenPut(to),
    'own reads, transaction and timer': () => get().readOwnWrites(),
    'write in waitUntil after the response': async () => since(get().writeAfterResponse()),
    'no write at all': async () => since(get().now()),
    'another object': async () => {
      const written = get().putAndReturn()
      await sleep(20)
      const askedAt = Date.now()
      await get().now()
      const answeredAt = Date.now()
      await written
      return answeredAt - askedAt
    },
    // From the second write until the answer to the first left; below 0 when it left before.
    'answer behind the first of two writes': async () => {
      const object = get()
      const second = object.writeAgainLater(500)
      await object.putAndReturn()
      const answeredAt = Date.now()
      return answeredAt - (await second)
    },
  }
}

async function readChunks(object) {
  await object.now()
  const askedAt = Date.now()
  const reader = (await object.fetch('http://object/chunks')).body.getReader()
  const decoder = new TextDecoder()
  const text = decoder.decode((await reader.read()).value)
  if (text !== 'first') throw new Error(`the first chunk is '${text}'`)
  const first = Date.now() - askedAt
  const writtenAt = Number(decoder.decode((await reader.read()).value))
  return { first, second: Date.now() - writtenAt }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    const get = () => env.WRITER.getByName(crypto.randomUUID())
    if (url.pathname !== '/run') return get().fetch(request)
    // Woken beforehand, so that no timing holds the making of an object.
    const awake = Array.from({ length: 60 }, get)
    await Promise.all(awake.map((object) => object.now()))
    const take = () => awake.pop() ?? get()
    const chosen = Object.entries(cases(take, url.searchParams.get('to'))).filter(
      ([name]) => !url.searchParams.getAll('without').includes(name),
    )
    const timings = await Promise.all(
      chosen.map(async ([name, measure]) => {
        try {
          return [name, await measure()]
        } catch (error) {
          return [name, `${error.name}: ${error.message}`]
        }
      }),
    )
    return Response.json(Object.fromEntries(timings))
  },
}

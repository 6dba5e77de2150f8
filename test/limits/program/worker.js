// Objects that store and compute what they are told to.

import { DurableObject } from 'cloudflare:workers'

const attempt = async (act) => {
  try {
    return (await act()) ?? null
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
}

const many = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))

class Subject extends DurableObject {
  key(bytes) {
    return attempt(() => this.ctx.storage.put('k'.repeat(bytes), 1))
  }

  // V8 puts 2 bytes of version, 1 of type and 3 of length before a text of such a length.
  value(bytes) {
    return attempt(() => this.ctx.storage.put('v', 'v'.repeat(bytes - 6)))
  }

  async pairs(count) {
    const { storage } = this.ctx
    const keys = Object.keys(many(count))
    return [
      await attempt(() => storage.put(many(count))),
      await attempt(() => storage.get(keys).then(({ size }) => size)),
      await attempt(() => storage.delete(keys)),
    ]
  }

  fill(bytes) {
    const { storage } = this.ctx
    return attempt(async () => {
      for (let i = 0; i * 10_000 < bytes; i += 1) await storage.put(`f${i}`, 'f'.repeat(10_000))
    })
  }

  row(bytes) {
    return attempt(() => {
      this.ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS t (a)')
      this.ctx.storage.sql.exec('INSERT INTO t VALUES (?)', 'x'.repeat(bytes))
    })
  }

  functionOf(count) {
    const list = Array.from({ length: count }, () => 1).join()
    return attempt(() => this.ctx.storage.sql.exec(`SELECT max(${list}) AS a`).one().a)
  }

  async note(value) {
    await this.ctx.storage.put('note', value)
    this.inMemory = value
    return null
  }

  async notes() {
    return [this.inMemory ?? null, (await this.ctx.storage.get('note')) ?? null]
  }

  async compute(ms) {
    this.ctx.storage.put('note', 'computed')
    const end = Date.now() + ms
    while (Date.now() < end);
    return null
  }
}

export class Sql extends Subject {}
export class Kv extends Subject {}

export default {
  async fetch(request, env) {
    const { className, method, values } = await request.json()
    return Response.json(await attempt(() => env[className].getByName('x')[method](...values)))
  },
}

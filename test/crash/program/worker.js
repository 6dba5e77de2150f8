// Each request writes the same entries by `storage.put` and by SQL; whatever a crash leaves, the
// two must agree. POST /<object>/<kind>/<number> writes, GET /<object> tells what is stored.
import { DurableObject } from 'cloudflare:workers'

export class Ledger extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env)
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS entries (entry TEXT PRIMARY KEY)')
  }

  #write(storage, entry) {
    storage.put(`entry ${entry}`, entry)
    this.ctx.storage.sql.exec('INSERT INTO entries VALUES (?)', entry)
  }

  // One turn, one entry each way.
  single(number) {
    this.#write(this.ctx.storage, `${number}.1of1`)
  }

  // One turn with an `await` in it, three entries each way.
  async several(number) {
    this.#write(this.ctx.storage, `${number}.1of3`)
    await this.ctx.storage.get('anything')
    this.#write(this.ctx.storage, `${number}.2of3`)
    await null
    this.#write(this.ctx.storage, `${number}.3of3`)
  }

  // Several turns, still all or nothing.
  async transaction(number) {
    await this.ctx.storage.transaction(async (transaction) => {
      this.#write(transaction, `${number}.1of2`)
      await new Promise((resolve) => setTimeout(resolve, 1))
      this.#write(transaction, `${number}.2of2`)
    })
  }

  // Leaves nothing: the first half is rolled back.
  async rollback(number) {
    await this.ctx.storage
      .transaction(async (transaction) => {
        this.#write(transaction, `${number}.1of2`)
        await new Promise((resolve) => setTimeout(resolve, 1))
        throw new Error('rolled back on purpose')
      })
      .catch((error) => {
        if (error.message !== 'rolled back on purpose') throw error
      })
  }

  async stored() {
    const list = await this.ctx.storage.list({ prefix: 'entry ' })
    const rows = this.ctx.storage.sql.exec('SELECT entry FROM entries').toArray()
    return { put: [...list.values()], sql: rows.map(({ entry }) => entry) }
  }
}

export default {
  async fetch(request, env) {
    const [, name, kind, number] = new URL(request.url).pathname.split('/')
    const object = env.LEDGER.getByName(name)
    switch (kind) {
      case undefined:
        return Response.json(await object.stored())
      case 'single':
        await object.single(number)
        break
      case 'several':
        await object.several(number)
        break
      case 'transaction':
        await object.transaction(number)
        break
      case 'rollback':
        await object.rollback(number)
        break
      default:
        return new Response('unknown kind', { status: 404 })
    }
    return new Response('done')
  },
}

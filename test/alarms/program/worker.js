// GET /<object name>/<method>/<JSON arguments> answers what the method returns, as JSON.
import { DurableObject } from 'cloudflare:workers'

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export class Sleeper extends DurableObject {
  // Another one for each instance.
  life = crypto.randomUUID()

  arm(delayMs, mode = 'plain') {
    this.ctx.storage.kv.put('mode', mode)
    this.ctx.storage.setAlarm(Date.now() + delayMs)
    return this.life
  }

  async state() {
    const { storage } = this.ctx
    return {
      log: storage.kv.get('log') ?? [],
      isArmed: (await storage.getAlarm()) !== null,
      life: this.life,
    }
  }

  write(value) {
    this.ctx.storage.kv.put('value', value)
  }

  tally() {
    const { sql } = this.ctx.storage
    sql.exec('CREATE TABLE IF NOT EXISTS tallies (n)')
    sql.exec('INSERT INTO tallies VALUES (1)')
    return sql.exec('SELECT count(*) AS n FROM tallies').one().n
  }

  writeLong(length) {
    this.ctx.storage.kv.put('value', 'x'.repeat(length))
  }

  read() {
    return this.ctx.storage.kv.get('value') ?? null
  }

  async clear() {
    await this.ctx.storage.deleteAll()
    return (await this.ctx.storage.getAlarm()) !== null
  }

  #note(entry) {
    const { storage } = this.ctx
    storage.kv.put('log', [...(storage.kv.get('log') ?? []), entry])
  }

  async alarm(info) {
    const { storage } = this.ctx
    const runs = (storage.kv.get('runs') ?? 0) + 1
    storage.kv.put('runs', runs)
    this.#note({ run: runs, name: this.ctx.id.name, retry: info.retryCount, life: this.life })
    const mode = storage.kv.get('mode')
    // The first run is for a test that kills the process in the middle.
    if (mode === 'stuck' && runs === 1) await sleep(600_000)
    if (mode === 'slow') {
      await sleep(1500)
      this.#note('done')
    }
  }
}

export default {
  async fetch(request, env) {
    const [, name, method, values] = new URL(request.url).pathname.split('/')
    if (name === 'id') {
      return Response.json(env.SLEEPER.idFromName(decodeURIComponent(method)).toString())
    }
    try {
      const object = env.SLEEPER.getByName(decodeURIComponent(name))
      const given = values === undefined ? [] : JSON.parse(decodeURIComponent(values))
      return Response.json((await object[method](...given)) ?? null)
    } catch (error) {
      return Response.json({ error: error.message }, { status: 500 })
    }
  },
}

// A parent and its facets: /<parent>/<method>?<JSON of the arguments> calls a method of the parent.

import { DurableObject } from 'cloudflare:workers'

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export class Inner extends DurableObject {
  instance = crypto.randomUUID()
  put(key, value) {
    this.ctx.storage.kv.put(key, value)
  }
  row(text) {
    this.ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS t (text)')
    this.ctx.storage.sql.exec('INSERT INTO t VALUES (?)', text)
  }
  read() {
    const { kv, sql } = this.ctx.storage
    const tables = sql.exec("SELECT name FROM sqlite_schema WHERE name = 't'").toArray()
    const rows = tables.length === 0 ? [] : sql.exec('SELECT text FROM t').raw().toArray()
    return { keys: Object.fromEntries(kv.list()), rows: rows.flat() }
  }
  inner(name) {
    return this.ctx.facets.get(name, () => ({ class: this.ctx.exports.Inner }))
  }
  putInner(name, key, value) {
    return this.inner(name).put(key, value)
  }
  readInner(name) {
    return this.inner(name).read()
  }
  alive() {
    return this.instance
  }
  setAlarm() {
    return this.ctx.storage.setAlarm(Date.now())
  }
  alarm() {}
  throwAfterPut() {
    this.ctx.storage.kv.put('thrown', 1)
    throw new Error('on purpose')
  }
}

export class Parent extends DurableObject {
  log = []

  facet(name) {
    return this.ctx.facets.get(name, () => {
      this.log.push(`start ${name}`)
      return { class: this.ctx.exports.Inner }
    })
  }

  async call(name, method, ...values) {
    return this.facet(name)[method](...values)
  }
  // How long the parent waited for what the facet said.
  async wait(name, method, ...values) {
    const before = Date.now()
    await this.facet(name)
      [method](...values)
      .catch(() => {})
    return Date.now() - before
  }
  // The parent's own write goes before its call.
  async putAndCall(name) {
    const before = Date.now()
    this.ctx.storage.kv.put('mine', before)
    await this.facet(name).alive()
    return Date.now() - before
  }
  delete(name) {
    this.ctx.facets.delete(name)
  }
  clone(source, target) {
    this.ctx.facets.clone(source, target)
  }
  deleteAll() {
    return this.ctx.storage.deleteAll()
  }
  async failedClone() {
    const inner = this.facet('busy')
    await inner.put('a', 1)
    try {
      this.ctx.facets.clone('busy', 'copy')
      return 'cloned'
    } catch (error) {
      return error.message
    }
  }
  // The call that starts the facet is made first, the section second.
  async startAndBlock() {
    const call = this.facet('late').alive()
    await this.ctx.blockConcurrencyWhile(async () => {
      this.log.push('in')
      await sleep(50)
      this.log.push('out')
    })
    await call
    return this.log
  }
  passes() {
    return this.facet('a')
  }
}

export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url)
    const [, name, method] = pathname.split('/')
    const values = search === '' ? [] : JSON.parse(decodeURIComponent(search.slice(1)))
    try {
      return Response.json((await env.PARENT.getByName(name)[method](...values)) ?? null)
    } catch (error) {
      return Response.json({ error: error.message }, { status: 500 })
    }
  },
}

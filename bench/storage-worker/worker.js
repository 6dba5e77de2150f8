// What `npm run bench:storage` measures: many operations within one event of an object. The clock of
// the reference stands still meanwhile, so the time is taken outside, over two numbers of operations.

import { DurableObject } from 'cloudflare:workers'

const operations = {
  async nothing(_storage, count) {
    for (let i = 0; i < count; i++) await null
  },
  async get(storage, count) {
    for (let i = 0; i < count; i++) await storage.get('k')
  },
  async put(storage, count) {
    for (let i = 0; i < count; i++) await storage.put(`k${i % 100}`, i)
  },
  kvGet({ kv }, count) {
    for (let i = 0; i < count; i++) kv.get('k')
  },
  select({ sql }, count) {
    for (let i = 0; i < count; i++) sql.exec('SELECT b FROM t WHERE a = ?', i % 1000).one()
  },
  selectArray({ sql }, count) {
    for (let i = 0; i < count; i++) sql.exec('SELECT b FROM t WHERE a = ?', i % 1000).toArray()
  },
  insert({ sql }, count) {
    for (let i = 0; i < count; i++) sql.exec('INSERT INTO u (b, c) VALUES (?, ?)', i, 'text')
    sql.exec('DELETE FROM u')
  },
  scan({ sql }, count) {
    for (let i = 0; i < count; i++) sql.exec('SELECT a, b, c FROM t').toArray()
  },
  scanFor({ sql }, count) {
    let sum = 0
    for (let i = 0; i < count; i++)
      for (const row of sql.exec('SELECT a, b, c FROM t')) sum += row.b
    return sum
  },
  scanRaw({ sql }, count) {
    for (let i = 0; i < count; i++) sql.exec('SELECT a, b, c FROM t').raw().toArray()
  },
}

export class Subject extends DurableObject {
  async fetch(request) {
    const { storage } = this.ctx
    const [name, count] = new URL(request.url).pathname.slice(1).split('/')
    if (name === 'prepare') {
      const { sql } = storage
      sql.exec(
        `CREATE TABLE t (a INTEGER PRIMARY KEY, b, c TEXT); CREATE TABLE u (a INTEGER PRIMARY KEY, b, c TEXT)`,
      )
      for (let i = 0; i < 1000; i++) sql.exec('INSERT INTO t VALUES (?, ?, ?)', i, i, `text ${i}`)
      await storage.put('k', 1)
    } else {
      await operations[name](storage, Number(count))
    }
    return new Response('done')
  }
}

export default {
  fetch: (request, env) => env.Subject.getByName('one').fetch(request),
}

// Objects with something of everything. JavaScript, so that miniflare takes the same bytes.

import { DurableObject } from 'cloudflare:workers'

const value = {
  map: new Map([[1, new Set(['x'])]]),
  date: new Date(5),
  big: 12345678901234567890n,
  bytes: new Uint8Array([1, 2, 3]),
  not: [undefined, NaN, -0],
  // In miniflare's order and ours alike: by UTF-8.
  text: 'ä\u{1f600}',
}
value.self = value

export class Room extends DurableObject {
  async keys(count) {
    for (let i = 0; i < count; i += 1) await this.ctx.storage.put(`key ${i}`, { i })
    return this.ctx.id.toString()
  }

  async rows(count) {
    const { sql } = this.ctx.storage
    sql.exec(
      'CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, part REAL, bytes BLOB)',
    )
    sql.exec('CREATE TABLE IF NOT EXISTS loose (text)')
    sql.exec('CREATE INDEX IF NOT EXISTS item_text ON item (text)')
    sql.exec('CREATE VIEW IF NOT EXISTS items AS SELECT count(*) AS n FROM item')
    sql.exec('CREATE VIRTUAL TABLE IF NOT EXISTS found USING fts5 (text)')
    for (let i = 0; i < count; i += 1) {
      sql.exec(
        'INSERT INTO item (text, part, bytes) VALUES (?, ?, ?)',
        `it's ${i}\0end`,
        i / 2,
        new Uint8Array([i]).buffer,
      )
      sql.exec('INSERT INTO found VALUES (?)', `word${i} common`)
    }
    sql.exec("INSERT OR REPLACE INTO loose (rowid, text) VALUES (7, 'seven')")
    sql.exec('INSERT INTO loose VALUES (9007199254740993)')
    return this.ctx.id.toString()
  }

  async values() {
    await this.ctx.storage.put('values', value)
  }

  async alarmIn(ms) {
    await this.ctx.storage.setAlarm(Date.now() + ms)
  }

  async alarm() {
    await this.ctx.storage.put('rang on', this.env.RUNTIME)
  }

  async read() {
    const { storage } = this.ctx
    const tables = [...storage.sql.exec("SELECT name FROM sqlite_schema WHERE name = 'item'")]
    const values = await storage.get('values')
    return {
      keys: [...(await storage.list({ prefix: 'key ' }))],
      items:
        tables.length === 0
          ? []
          : [...storage.sql.exec('SELECT id, text, part, hex(bytes) AS hex FROM item')],
      found:
        tables.length === 0
          ? 0
          : [...storage.sql.exec("SELECT 1 FROM found WHERE found MATCH 'common'")].length,
      loose:
        tables.length === 0
          ? []
          : [...storage.sql.exec('SELECT rowid, typeof(text) AS type FROM loose')],
      values:
        values === undefined
          ? null
          : {
              set: [...values.map.get(1)],
              date: values.date.getTime(),
              big: String(values.big),
              bytes: [...values.bytes],
              not: values.not.map((item) => (Object.is(item, -0) ? '-0' : String(item))),
              text: values.text,
              isCycle: values.self === values,
            },
      rangOn: (await storage.get('rang on')) ?? null,
      alarm: await storage.getAlarm(),
    }
  }
}

/** `/NAME/METHOD?N`; the name `new` is a fresh id, 64 hex digits are an id. */
export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url)
    const [, name, method] = pathname.split('/')
    let stub
    if (name === 'new') stub = env.ROOM.get(env.ROOM.newUniqueId())
    else if (name.length === 64) stub = env.ROOM.get(env.ROOM.idFromString(name))
    else stub = env.ROOM.getByName(name)
    return Response.json((await stub[method](Number(search.slice(1)))) ?? null)
  },
}

// Facets: objects inside of an object. Each path is a method of one parent object.

import { DurableObject, env, ServiceStub } from 'cloudflare:workers'

const attempt = async (run) => {
  try {
    const value = await run()
    return value === undefined ? 'undefined' : value
  } catch (error) {
    const { remote, durableObjectReset } = error
    return `${error.name}: ${error.message} ${JSON.stringify({ remote, durableObjectReset })}`
  }
}
const askAll = async (asks) => {
  const answers = {}
  for (const [name, run] of Object.entries(asks)) answers[name] = await attempt(run)
  return answers
}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const never = new Promise(() => {})

export class Facet extends DurableObject {
  log = []
  constructor(ctx, given) {
    super(ctx, given)
    if (ctx.props.fails) throw new Error('constructor')
  }
  hi() {
    return 'hi'
  }
  async add(n = 1) {
    const sum = ((await this.ctx.storage.get('n')) ?? 0) + n
    await this.ctx.storage.put('n', sum)
    return sum
  }
  row(text) {
    const { sql } = this.ctx.storage
    sql.exec('CREATE TABLE IF NOT EXISTS t (text)')
    if (text !== undefined) sql.exec('INSERT INTO t VALUES (?)', text)
    return sql.exec('SELECT rowid, text FROM t').raw().toArray()
  }
  about() {
    const { ctx } = this
    return {
      id: String(ctx.id),
      kind: typeof ctx.id,
      name: ctx.id.name ?? null,
      props: ctx.props,
      keys: Object.keys(ctx),
      exports: Object.keys(ctx.exports),
    }
  }
  get getter() {
    return 7
  }
  inner(name = 'inner') {
    return this.ctx.facets.get(name, () => ({ class: this.ctx.exports.Facet }))
  }
  addInner() {
    return this.inner().add()
  }
  deep(levels) {
    return levels === 0 ? 'bottom' : this.inner('deep').deep(levels - 1)
  }
  call(callback) {
    return callback('from facet')
  }
  hang() {
    return never
  }
  fails() {
    throw new RangeError('facet')
  }
  abort(reason) {
    this.ctx.abort(reason)
  }
  failSection() {
    return this.ctx.blockConcurrencyWhile(async () => {
      throw new Error('section')
    })
  }
  setAlarm() {
    return attempt(() => this.ctx.storage.setAlarm(Date.now() + 1000))
  }
  alarms() {
    const { storage } = this.ctx
    return askAll({ get: () => storage.getAlarm(), delete: () => storage.deleteAlarm() })
  }
  deleteAll() {
    return this.ctx.storage.deleteAll()
  }
  take(stub) {
    return attempt(() => stub.hi())
  }
  fetch(request) {
    if (!request.url.endsWith('/socket')) return new Response(`facet ${request.url}`)
    const [client, server] = Object.values(new WebSocketPair())
    this.ctx.acceptWebSocket(server, ['tag'])
    return new Response(null, { status: 101, webSocket: client })
  }
  webSocketMessage(socket, message) {
    socket.send(`${this.ctx.getTags(socket)} ${message}`)
  }
}

export class Plain {
  constructor(ctx) {
    this.ctx = ctx
  }
  fetch() {
    return new Response(`plain ${this.ctx.id.name}`)
  }
}

export class Other extends DurableObject {
  hi() {
    return 'other'
  }
  take(stub) {
    return attempt(() => stub.hi())
  }
}

export class Parent extends DurableObject {
  started = []

  facet(name, props = { p: 1 }) {
    return this.ctx.facets.get(name, () => {
      this.started.push(name)
      return { class: this.ctx.exports.Facet({ props }) }
    })
  }

  async basics() {
    const facet = this.facet('basic')
    return {
      members: [Object.keys(facet), facet.constructor.name, Object.prototype.toString.call(facet)],
      instance: facet instanceof ServiceStub,
      json: JSON.stringify(facet),
      ...(await askAll({
        before: () => [...this.started],
        about: () => facet.about(),
        started: () => [...this.started],
        getter: async () => facet.getter,
        fetch: async () => (await facet.fetch('http://x/y')).text(),
        add: async () => [await facet.add(), await facet.add()],
        again: () => this.facet('basic').add(),
        once: () => [...this.started],
        callback: () => facet.call((value) => `got ${value}`),
        throws: () => facet.fails(),
        sql: () => facet.row('a'),
        own: async () => [(await this.ctx.storage.list()).size, this.ctx.id.name],
        order: () => Promise.all([1, 2, 3, 4, 5].map(() => this.facet('order').add())),
        alarms: () => facet.alarms(),
        section: () => this.ctx.blockConcurrencyWhile(async () => [await this.facet('section').hi(), await this.facet('section').call(() => 'in')]),
        transaction: () => this.ctx.storage.transaction(() => this.facet('section').hi()),
        facets: () => Object.prototype.toString.call(this.ctx.facets),
      })),
    }
  }

  async starts() {
    const { facets, exports } = this.ctx
    const with_ = (name, options) => facets.get(name, () => options)
    return askAll({
      noName: () => facets.get(),
      noCallback: () => facets.get('a'),
      number: () => facets.get('a', 5),
      numberAsName: () => facets.get(5, () => ({ class: exports.Facet })).hi(),
      noClass: () => with_('b', {}).hi(),
      rawClass: () => with_('c', { class: Facet }).hi(),
      loopback: () => with_('d', { class: exports.Facet }).about(),
      bound: () => with_('e', { class: exports.Other }).hi(),
      namespace: () => with_('f', { class: env.OTHER }).hi(),
      gaveNumber: () => with_('g', 5).hi(),
      gaveNothing: () => with_('h', undefined).hi(),
      gavePromise: () =>
        facets.get('i', async () => {
          await sleep(1)
          return { class: exports.Facet }
        }).hi(),
      throws: () =>
        facets.get('j', () => {
          throw new RangeError('start')
        }).hi(),
      staysFailed: () => this.facet('j').hi(),
      untilAborted: () => {
        facets.abort('j', 'enough')
        return this.facet('j').hi()
      },
      constructorFails: () => with_('k', { class: exports.Facet({ props: { fails: true } }) }).hi(),
      textAsId: () => with_('l', { class: exports.Facet, id: 'my id' }).about(),
      idOfOther: () => with_('m', { class: exports.Facet, id: env.OTHER.idFromName('z') }).about(),
      numberAsId: () => with_('n', { class: exports.Facet, id: 5 }).about(),
      plain: async () => (await with_('o', { class: exports.Plain }).fetch('http://x/')).text(),
      lazily: async () => {
        this.facet('lazy')
        await sleep(1)
        return this.started.includes('lazy')
      },
      runningIsKept: async () => [(await this.facet('p', { p: 1 }).about()).props, (await this.facet('p', { p: 2 }).about()).props],
    })
  }

  names() {
    const { facets, exports } = this.ctx
    const start = () => ({ class: exports.Facet })
    const long = 'x'.repeat(257)
    return askAll({
      longest: () => facets.get('x'.repeat(256), start).hi(),
      tooLong: () => facets.get(long, start),
      bytes: () => facets.get('é'.repeat(129), start),
      abort: () => facets.abort(),
      abortNoReason: () => facets.abort('a'),
      abortNone: () => facets.abort('none', 1),
      abortLong: () => facets.abort(long, 1),
      delete: () => facets.delete(),
      deleteNone: () => facets.delete('none'),
      deleteLong: () => facets.delete(long),
      clone: () => facets.clone(),
      cloneOne: () => facets.clone('a'),
      cloneNone: () => facets.clone('none', 'other'),
      cloneLong: () => facets.clone(long, 'a'),
      depth: async () => [await this.facet('deep').deep(0), await this.facet('deep').deep(2)],
      tooDeep: () => this.facet('deep').deep(3),
    })
  }

  async aborts() {
    const { facets } = this.ctx
    const facet = this.facet('a')
    const unused = this.facet('a')
    await facet.add()
    const hanging = attempt(() => facet.hang())
    await sleep(20)
    return askAll({
      abort: () => facets.abort('a', new RangeError('why')),
      hanging: () => hanging,
      old: () => facet.add(),
      unused: () => unused.add(),
      again: () => this.facet('a').add(),
      text: async () => {
        const next = this.facet('a')
        await next.hi()
        facets.abort('a', 'text')
        return next.hi()
      },
      byItself: () => this.facet('a').abort('self'),
      afterItself: () => this.facet('a').add(),
      section: () => this.facet('a').failSection(),
      afterSection: () => this.facet('a').add(),
      starts: () => this.started.length,
      parent: () => this.ctx.storage.put('x', 1),
    })
  }

  async deletes() {
    const { facets, storage } = this.ctx
    const facet = this.facet('a')
    await facet.add()
    await facet.row('text')
    await facet.addInner()
    return askAll({
      delete: () => facets.delete('a'),
      old: () => facet.add(),
      again: () => this.facet('a').add(),
      rows: () => this.facet('a').row(),
      inner: () => this.facet('a').addInner(),
      ofUnused: async () => {
        const unused = this.facet('b')
        facets.delete('b')
        return unused.add()
      },
      own: async () => {
        await this.facet('a').deleteAll()
        return [await this.facet('a').add(), await this.facet('a').addInner()]
      },
      all: async () => {
        const before = this.facet('a')
        await before.add()
        await storage.put('mine', 1)
        await storage.deleteAll()
        return [await attempt(() => before.add()), await this.facet('a').add(), (await storage.list()).size]
      },
    })
  }

  async clones() {
    const { facets } = this.ctx
    const [source, target] = [this.facet('source'), this.facet('target')]
    await source.add(5)
    await source.row('one')
    await source.addInner()
    await source.addInner()
    await target.add(100)
    return askAll({
      clone: () => facets.clone('source', 'target'),
      old: () => target.add(),
      target: async () => [await this.facet('target').add(), await this.facet('target').row('two'), await this.facet('target').addInner()],
      source: async () => [await source.add(), await source.row(), await source.addInner()],
      twice: async () => {
        facets.clone('source', 'second')
        facets.clone('second', 'third')
        return [await this.facet('third').add(), await this.facet('third').row()]
      },
      ofNothing: async () => {
        facets.clone('nothing', 'target')
        return this.facet('target').add()
      },
      deletedAtOnce: async () => {
        facets.clone('source', 'fourth')
        facets.delete('fourth')
        return [await this.facet('fourth').add(), await this.facet('fourth').addInner()]
      },
    })
  }

  async stubs() {
    const facet = this.facet('a')
    return askAll({
      toOther: () => env.OTHER.getByName('x').take(facet),
      toFacet: () => facet.take(this.facet('b')),
      inward: () => facet.take(env.OTHER.getByName('x')),
    })
  }

  giveStub() {
    return this.facet('a')
  }

  fetch(request) {
    return this.facet('socket').fetch(request)
  }

  keep() {
    return this.facet('kept').add()
  }

  die() {
    this.ctx.abort('parent')
  }
}

export default {
  async fetch(request) {
    const path = new URL(request.url).pathname.slice(1)
    const parent = () => env.PARENT.getByName(path)
    if (path !== 'around') return Response.json(await parent()[path]())
    return Response.json(
      await askAll({
        returned: () => parent().giveStub(),
        parentDies: async () => [await parent().keep(), await attempt(() => parent().die()), await parent().keep()],
        socket: async () => {
          const response = await parent().fetch('http://x/socket', { headers: { upgrade: 'websocket' } })
          const { webSocket } = response
          webSocket.accept()
          const message = new Promise((resolve) => webSocket.addEventListener('message', resolve))
          webSocket.send('text')
          return (await message).data
        },
        socketOfDead: async () => {
          const response = await parent().fetch('http://x/socket', { headers: { upgrade: 'websocket' } })
          const { webSocket } = response
          webSocket.accept()
          const closed = new Promise((resolve) => webSocket.addEventListener('close', resolve))
          await attempt(() => parent().die())
          return (await closed).code
        },
      }),
    )
  },
}

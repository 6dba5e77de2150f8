// GET /<kind>/<count> makes so many calls.

import { DurableObject, RpcTarget } from 'cloudflare:workers'

class Target extends RpcTarget {
  noop() {}
}

export class Callee extends DurableObject {
  noop() {}
  echo(value) {
    return value
  }
  target() {
    return new Target()
  }
  async callBack(fn, count) {
    for (let i = 0; i < count; i += 1) await fn()
  }
}

const value = { id: 1, name: 'name', tags: ['a', 'b'], at: { x: 1.5, y: 2.5 } }

const kinds = {
  async sequence(stub, count) {
    for (let i = 0; i < count; i += 1) await stub.noop()
  },
  async together(stub, count) {
    const calls = []
    for (let i = 0; i < count; i += 1) calls.push(stub.noop())
    await Promise.all(calls)
  },
  async values(stub, count) {
    for (let i = 0; i < count; i += 1) await stub.echo(value)
  },
  async pipelined(stub, count) {
    for (let i = 0; i < count; i += 1) await stub.target().noop()
  },
  async callbacks(stub, count) {
    await stub.callBack(() => {}, count)
  },
}

export default {
  async fetch(request, env) {
    const [, kind, count] = new URL(request.url).pathname.split('/')
    await kinds[kind](env.Callee.getByName('callee'), Number(count))
    return new Response('done')
  },
}

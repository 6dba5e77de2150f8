// A worker written with the types of Cloudflare; see ../types.test.ts for how it is checked and run.

import { WorkerEntrypoint, env as moduleEnv } from 'cloudflare:workers'
import { Ledger } from './ledger.ts'
import { Room } from './room.ts'

export { Ledger, Room }

export interface Env {
  LEDGER: DurableObjectNamespace<Ledger>
  ROOM: DurableObjectNamespace<Room>
  GREETING: string
}

async function answers(env: Env): Promise<Record<string, unknown>> {
  const id: DurableObjectId = env.LEDGER.idFromName('one')
  const stub: DurableObjectStub<Ledger> = env.LEDGER.get(id, { locationHint: 'weur' })
  using entry = await stub.add('first')
  const texts: string[] = [await entry.read(), await stub.add('second').read()]
  const response: Response = await stub.fetch('http://ledger/', { method: 'POST', body: 'text' })
  await stub.ring()
  const unique = env.LEDGER.newUniqueId()
  return {
    texts,
    rows: await stub.rows(),
    raw: await stub.raw(),
    keys: await stub.keys(),
    syncKeys: await stub.syncKeys(),
    transactions: await stub.transactions(),
    rung: await stub.rung(),
    called: await stub.callBack(async (a, b) => a + b),
    name: await env.LEDGER.getByName('one').ownName(),
    same: id.equals(env.LEDGER.idFromString(id.toString())) && stub.id.equals(id),
    unique: unique.name === undefined && stub.name === 'one',
    fetched: await response.json(),
    env: (moduleEnv as unknown as Env).GREETING,
    forgotten: (await stub.forget()) === undefined,
  }
}

export class Plain extends WorkerEntrypoint<Env> {
  greet(name: string): string {
    this.ctx.waitUntil(Promise.resolve())
    return `${this.env.GREETING} ${name}`
  }
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    ctx.waitUntil(scheduler.wait(1))
    if (new URL(request.url).pathname === '/room') return env.ROOM.getByName('r').fetch(request)
    return Response.json(await answers(env))
  },
} satisfies ExportedHandler<Env>

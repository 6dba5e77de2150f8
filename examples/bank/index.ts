// A bank whose accounts are durable objects. This worker checks what comes in and serves the page.

import type { Account } from './account.ts'
import { type Env, vault } from './money.ts'
import { page } from './page.ts'

export { Account } from './account.ts'
export { Bank } from './bank.ts'

const stormMax = 2_000
const stormConcurrency = 100
const amountMax = 1_000_000_000_00
const namePattern = /^[\p{L}\d][\p{L}\d ._-]{0,31}$/u

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      return await route(request, env)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return Response.json({ error: error.message }, { status: error.status })
    }
  },
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

async function route(request: Request, env: Env): Promise<Response> {
  const path = new URL(request.url).pathname
  const bank = env.BANK.getByName('bank')
  switch (`${request.method} ${path}`) {
    case 'GET /':
      return new Response(page, { headers: { 'content-type': 'text/html; charset=utf-8' } })
    case 'GET /api/accounts':
      return Response.json(await bank.summaries())
    case 'POST /api/accounts':
      return openAccount(await readJson(request), env)
    case 'POST /api/payments':
      return makePayment(await readJson(request), env)
    case 'POST /api/storm':
      return makeStorm(await readJson(request), env)
    case 'GET /api/audit':
      return Response.json(await bank.audit())
  }
  const name = /^\/api\/accounts\/([^/]+)$/.exec(path)?.[1]
  if (request.method === 'GET' && name !== undefined) {
    const account = await requireAccount(decodeURIComponent(name), env)
    const [summary, movements] = await Promise.all([account.summary(), account.movements(12)])
    return Response.json({ ...summary, movements })
  }
  throw new Refusal(404, `there is no ${request.method} ${path}`)
}

async function openAccount(body: Record<string, unknown>, env: Env): Promise<Response> {
  const { name, deposit } = body
  if (typeof name !== 'string' || !namePattern.test(name) || name.toLowerCase() === vault) {
    throw new Refusal(400, 'a name has up to 32 letters, digits, spaces, dots and dashes')
  }
  const isNew = await env.BANK.getByName('bank').open(name, requireAmount(deposit, 0))
  if (!isNew) throw new Refusal(409, `there is an account '${name}' already`)
  return Response.json({ name }, { status: 201 })
}

async function makePayment(body: Record<string, unknown>, env: Env): Promise<Response> {
  const { from, to } = body
  const id = body['id'] ?? crypto.randomUUID()
  if (typeof id !== 'string' || id === '' || id.length > 100) {
    throw new Refusal(400, 'an id is a text of up to 100 characters')
  }
  const amount = requireAmount(body['amount'], 1)
  if (typeof from !== 'string' || typeof to !== 'string' || from === to) {
    throw new Refusal(400, 'a payment goes from one account to another')
  }
  const payer = await requireAccount(from, env)
  await requireAccount(to, env)
  const receipt = await payer.pay({ id, from, to, amount })
  if (receipt.status === 'refused') throw new Refusal(409, receipt.reason)
  return Response.json({ id, from, to, amount, balance: receipt.balance })
}

/** Many small payments between random accounts, a hundred at a time. */
async function makeStorm(body: Record<string, unknown>, env: Env): Promise<Response> {
  const count = requireAmount(body['count'], 1)
  if (count > stormMax) throw new Refusal(400, `a storm has at most ${stormMax} payments`)
  const names = await env.BANK.getByName('bank').names()
  if (names.length < 2) throw new Refusal(409, 'a storm needs two accounts')
  const startedAt = Date.now()
  let left = count
  let done = 0
  const payOn = async (): Promise<void> => {
    while (left-- > 0) {
      const first = Math.floor(Math.random() * names.length)
      const second = (first + 1 + Math.floor(Math.random() * (names.length - 1))) % names.length
      const [from, to] = [names[first] ?? '', names[second] ?? '']
      const amount = 1 + Math.floor(Math.random() * 200)
      const payment = { id: crypto.randomUUID(), from, to, amount }
      const receipt = await env.ACCOUNT.getByName(from).pay(payment)
      if (receipt.status === 'done') done += 1
    }
  }
  await Promise.all(Array.from({ length: stormConcurrency }, payOn))
  return Response.json({ done, refused: count - done, ms: Date.now() - startedAt })
}

// Accounts are never closed, so this memory cannot be wrong.
const known = new Set<string>()

async function requireAccount(name: string, env: Env): Promise<DurableObjectStub<Account>> {
  if (!known.has(name)) {
    if (!(await env.BANK.getByName('bank').has(name))) {
      throw new Refusal(404, `there is no account '${name}'`)
    }
    known.add(name)
  }
  return env.ACCOUNT.getByName(name)
}

function requireAmount(value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isInteger(value)) {
    if (value >= least && value <= amountMax) return value
  }
  throw new Refusal(400, `an amount is a whole number of cents, at least ${least}`)
}

async function readJson(request: Request): Promise<Record<string, unknown>> {
  try {
    const body: unknown = await request.json()
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new Refusal(400, 'the body has to be a JSON object')
}

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { RunningServer } from '../../test/workerd/running-server.ts'
import { runtimeUnderTest, startRuntime } from '../../test/workerd/start.ts'
import type { Audit, Payment, Summary } from './money.ts'

const project = fileURLToPath(new URL('.', import.meta.url))
const names = ['ada', 'bob', 'cleo', 'dan', 'eve']
const deposit = 10_000_00

function start(data: string): Promise<RunningServer> {
  return startRuntime(runtimeUnderTest(), { project, data })
}

function makeFolder(): string {
  const data = mkdtempSync(join(tmpdir(), 'sluice-bank-'))
  after(() => rmSync(data, { recursive: true, force: true }))
  return data
}

async function get<T>(server: RunningServer, path: string): Promise<T> {
  const response = await fetch(`${server.url}/api${path}`)
  assert.equal(response.status, 200)
  return (await response.json()) as T
}

function post(server: RunningServer, path: string, body: unknown): Promise<Response> {
  return fetch(`${server.url}/api${path}`, { method: 'POST', body: JSON.stringify(body) })
}

async function openAccounts(server: RunningServer): Promise<void> {
  const answers = await Promise.all(
    names.map((name) => post(server, '/accounts', { name, deposit })),
  )
  assert.deepEqual(
    answers.map((answer) => answer.status),
    names.map(() => 201),
  )
}

async function checkAudit(server: RunningServer): Promise<Audit> {
  const audit = await get<Audit>(server, '/audit')
  assert.equal(audit.difference, 0, JSON.stringify(audit))
  assert.equal(audit.paidIn, names.length * deposit)
  assert.equal(audit.inAccounts + audit.onTheWay, audit.paidIn)
  return audit
}

async function balances(server: RunningServer): Promise<Record<string, number>> {
  const summaries = await get<Summary[]>(server, '/accounts')
  return Object.fromEntries(summaries.map(({ name, balance }) => [name, balance]))
}

function apply(payments: Iterable<Payment>): Record<string, number> {
  const expected = Object.fromEntries(names.map((name) => [name, deposit]))
  for (const { from, to, amount } of payments) {
    expected[from] = (expected[from] ?? 0) - amount
    expected[to] = (expected[to] ?? 0) + amount
  }
  return expected
}

function choosePayment(index: number): Payment {
  const from = names[index % names.length] ?? ''
  const to = names[(index + 1 + (index % (names.length - 1))) % names.length] ?? ''
  return { id: `payment-${index}`, from, to, amount: 1 + (index % 100) }
}

test('a payment with the same id is made once', async () => {
  await using server = await start(makeFolder())
  await openAccounts(server)
  const payment: Payment = { id: 'rent', from: 'ada', to: 'bob', amount: 2500 }
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => post(server, '/payments', payment)),
  )
  assert.ok(answers.every((answer) => answer.status === 200))
  assert.deepEqual(await balances(server), apply([payment]))
  assert.equal((await post(server, '/payments', { ...payment, amount: 1 })).status, 409)
  await checkAudit(server)
})

test('what an account does not have cannot be paid, however many try at once', async () => {
  await using server = await start(makeFolder())
  await openAccounts(server)
  const half = { from: 'ada', to: 'bob', amount: deposit / 2 }
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => post(server, '/payments', half)),
  )
  const statuses = answers.map((answer) => answer.status).toSorted()
  assert.deepEqual(statuses, [200, 200, ...Array.from({ length: 8 }, () => 409)])
  assert.equal((await balances(server))['ada'], 0)
  await checkAudit(server)
})

test('what makes no sense is refused with a reason', async () => {
  await using server = await start(makeFolder())
  await openAccounts(server)
  for (const [path, body, status] of [
    ['/payments', { from: 'ada', to: 'nobody', amount: 1 }, 404],
    ['/payments', { from: 'vault', to: 'ada', amount: 1 }, 404],
    ['/payments', { from: 'ada', to: 'ada', amount: 1 }, 400],
    ['/payments', { from: 'ada', to: 'bob', amount: 0.5 }, 400],
    ['/accounts', { name: 'ada', deposit: 1 }, 409],
    ['/accounts', { name: '<b>', deposit: 1 }, 400],
    ['/accounts', { name: 'Vault', deposit: 1 }, 400],
    ['/accounts', 'text', 400],
  ] as const) {
    const answer = await post(server, path, body)
    assert.equal(answer.status, status, JSON.stringify(body))
    assert.equal(typeof ((await answer.json()) as { error: unknown }).error, 'string')
  }
  await checkAudit(server)
  const page = await fetch(server.url)
  assert.match(await page.text(), /<title>Bank/)
})

test('every audit adds up while payments run, and some find money on the way', async () => {
  await using server = await start(makeFolder())
  await openAccounts(server)
  let isOver = false
  let next = 0
  const load = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      const answer = await post(server, '/payments', choosePayment(next++))
      assert.equal(answer.status, 200)
    }
  })
  const seen = { audits: 0, onTheWay: 0 }
  while (seen.audits < 40 || (seen.onTheWay === 0 && seen.audits < 1000)) {
    const audit = await checkAudit(server)
    seen.audits += 1
    if (audit.onTheWay > 0) seen.onTheWay += 1
  }
  isOver = true
  await Promise.all(load)
  assert.ok(seen.onTheWay > 0, `none of ${seen.audits} audits found money on the way`)
  assert.equal((await checkAudit(server)).onTheWay, 0)
  assert.deepEqual(
    await balances(server),
    apply(Array.from({ length: next }, (_, i) => choosePayment(i))),
  )
})

test('a killed server neither loses nor makes money', async () => {
  const data = makeFolder()
  const acknowledged = new Map<string, Payment>()
  const asked = new Map<string, Payment>()
  let next = 0
  let server = await start(data)
  await openAccounts(server)
  for (let round = 1; round <= 3; round += 1) {
    const target = acknowledged.size + 60
    const load = Array.from({ length: 16 }, async () => {
      for (;;) {
        const payment = choosePayment(next++)
        asked.set(payment.id, payment)
        const answer = await post(server, '/payments', payment)
        assert.equal(answer.status, 200, await answer.text())
        acknowledged.set(payment.id, payment)
      }
    })
    const ended = Promise.allSettled(load)
    while (acknowledged.size < target) await new Promise((resolve) => setTimeout(resolve, 2))
    await server.kill()
    for (const result of await ended) {
      // The load ends with the server: `fetch` fails with a TypeError, and with nothing else.
      assert.equal(result.status === 'rejected' && result.reason instanceof TypeError, true)
    }
    server = await start(data)
    await checkAudit(server)
  }
  assert.ok(asked.size > acknowledged.size, 'no payment was cut off')

  // The cut-off payments are asked for again, as a careful client does: then each is made once.
  for (const [id, payment] of asked) {
    if (acknowledged.has(id)) continue
    assert.equal((await post(server, '/payments', payment)).status, 200)
  }
  while ((await checkAudit(server)).onTheWay > 0) await new Promise((done) => setTimeout(done, 20))
  assert.deepEqual(await balances(server), apply(asked.values()))
  await server.stop()
})

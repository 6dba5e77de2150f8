// Every way out of an object, measured over the real command line with each confirm delayed.

import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { type Measured, measureEgress } from './measure.ts'

const confirmDelayMs = 1000
// Clocks are read in whole milliseconds on both sides.
const heldMsMin = confirmDelayMs - 5
// So far below the delay that only a machine at a standstill comes near.
const freeMsMax = 800

describe('with each confirm 1000 ms late', () => {
  let measured: Measured
  before(async () => {
    measured = await measureEgress(confirmDelayMs)
  })

  function timing(name: string): number {
    const ms = measured.timings[name]
    assert.equal(typeof ms, 'number', `'${name}' gave ${ms}`)
    return ms as number
  }

  function assertHeld(...names: string[]): void {
    for (const name of names) {
      const ms = timing(name)
      assert.ok(ms >= heldMsMin, `'${name}' left ${ms} ms after the write`)
    }
  }

  function assertFree(...names: string[]): void {
    for (const name of names) {
      const ms = timing(name)
      assert.ok(ms < freeMsMax, `'${name}' left only ${ms} ms after the write`)
    }
  }

  test('[EG1] a value returned over RPC leaves after the write is confirmed', () =>
    assertHeld('rpc return', 'rpc return, put awaited'))
  test('[EG2] a Response leaves after the write is confirmed', () => {
    assertHeld('fetch response')
    assert.ok(measured.overHttpMs >= heldMsMin, `over HTTP it left after ${measured.overHttpMs} ms`)
  })
  test('[EG3] an error thrown over RPC leaves after the write is confirmed', () =>
    assertHeld('rpc throw'))
  test('[EG3] an exception from fetch() leaves after the write is confirmed', () =>
    assertHeld('fetch throw'))
  test('[EG4] a call of another object is sent after the write is confirmed', () =>
    assertHeld('method of another object'))
  test('[EG4] stub.fetch() is sent after the write is confirmed', () =>
    assertHeld('fetch of another object'))
  test('[EG4] calls leave in the order made, whatever is written between them', () =>
    assertHeld('calls in order'))
  test('[EG5] a global fetch() is sent after the write is confirmed', () =>
    assertHeld('global fetch'))
  test("[EG6] a call of the caller's function is sent after the write is confirmed", () =>
    assertHeld('callback'))
  test('[EG7] a request that only reads is answered after the writes before it are confirmed', () =>
    assertHeld('reading request behind a write'))
  test('[EG8] sync() resolves when the writes before it are confirmed', () => assertHeld('sync'))
  test('[EG9] a chunk of a body leaves after the writes before it are confirmed', () =>
    assertHeld('chunk after the write'))
  test('[EG9] a chunk of a body does not wait for later writes', () =>
    assertFree('chunk before the write'))
  test('[EG10] a body that fails in the middle does not look complete', () =>
    assert.equal(measured.brokenBody, 'broken'))
  test('[EG11] every way to write holds: entries, delete, SQL, transactions', () =>
    assertHeld('entries at once', 'delete', 'sql', 'transaction', 'transactionSync'))
  test('[EG11] setting and deleting an alarm holds', () =>
    assertHeld('setAlarm', 'setAlarm in a transaction', 'deleteAlarm'))
  test('[EG4] [AL4] what the handler of an alarm sends waits as well', () =>
    assertHeld('method called by an alarm'))
  test("[EG12] what one object learns in another's turn leaves after both have confirmed", () =>
    assertHeld('return after a shared promise'))
  test('[EG13] deleteAll() holds like a put', () =>
    assertHeld('deleteAll', 'deleteAll, allowUnconfirmed'))
  test('[EG14] a confirmed write holds also when an unconfirmed one precedes it', () =>
    assertHeld('confirmed after unconfirmed'))

  test('[EG15] an unconfirmed write holds nothing', () =>
    assertFree('unconfirmed', 'unconfirmed, put awaited', 'setAlarm, allowUnconfirmed'))
  test('[EG16] what was sent before the write does not wait for it', () =>
    assertFree('method called before the write', 'global fetch begun before the write'))
  test('[EG17] the object itself runs on and reads its writes at once', () =>
    assertFree('own reads, transaction and timer'))
  test('[EG18] a write in waitUntil after the response does not hold it', () =>
    assertFree('write in waitUntil after the response'))
  test('[EG19] a message waits for the writes before it and not for later ones', () =>
    assertFree('answer behind the first of two writes'))
  test('[EG20] the writes of one object hold nothing of another', () =>
    assertFree('another object', 'no write at all'))
})

test('without a delay nothing takes long and nothing fails', async () => {
  const { timings, overHttpMs, brokenBody } = await measureEgress(0)
  assert.ok(Object.keys(timings).length >= 25)
  for (const [name, ms] of Object.entries(timings)) {
    assert.equal(typeof ms, 'number', `'${name}' gave ${ms}`)
    assert.ok((ms as number) < 5000, `'${name}' took ${ms} ms`)
  }
  assert.ok(overHttpMs < 5000)
  assert.equal(brokenBody, 'broken')
})

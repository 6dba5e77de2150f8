import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toKeys, toListOptions, toPut, toReadOptions } from './kv-arguments.ts'

const at = { type: 'T', method: 'm' }

test('[ST42] keys and bounds become well-formed text, once, when they are read', () => {
  assert.deepEqual(toKeys([['a', 1, null, '\uD83D']], at), ['a', '1', 'null', '\uFFFD'])
  assert.equal(toKeys([new Set(['a'])], at), '[object Set]')
  assert.throws(() => toKeys([], at), {
    message: "Failed to execute 'm' on 'T': parameter 1 is not of type 'string or Array'.",
  })
  assert.throws(() => toKeys([[Symbol('s')]], at), {
    message: 'Cannot convert a Symbol value to a string',
  })
  const options = toListOptions({ start: 1, prefix: '\uD83D', limit: '2', reverse: 'x' }, at)
  assert.equal(options.start, '1')
  assert.equal(options.prefix, '\uFFFD')
  assert.equal(options.limit, 2)
  assert.equal(options.reverse, true)
})

test('[ST42] options are objects, or nothing', () => {
  for (const nothing of [undefined, null]) {
    assert.deepEqual(toReadOptions(nothing, 2, 'GetOptions', at), {})
  }
  assert.equal(toReadOptions({ noCache: 1 }, 2, 'GetOptions', at).noCache, true)
  assert.throws(() => toReadOptions('x', 2, 'GetOptions', at), {
    message: "Failed to execute 'm' on 'T': parameter 2 is not of type 'GetOptions'.",
  })
})

test('[ST42] entries of a put that are undefined are left out, and options follow them', () => {
  const { entries, options } = toPut([{ a: 1, b: undefined }, { allowUnconfirmed: true }], at)
  assert.deepEqual(entries, [['a', 1]])
  assert.equal(options.allowUnconfirmed, true)
  assert.deepEqual(toPut([['x'], 1], at).entries, [['x', 1]])
  assert.throws(() => toPut([{ a: 1 }, 'x'], at), /^TypeError: put\(\) may only be called with/)
  assert.throws(() => toPut(['a', undefined], at), {
    message: 'put() called with undefined value.',
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdFactory } from './index.ts'

test('[NM1] ids of names equal the test vectors of the reference', () => {
  const ids = new IdFactory('mykey')
  const vectors = {
    'http://foo/': '59002eb8cf872e541722977a258a12d6a93bbe8192b502e1c0cb250aa91af234',
    'http://foo/bar': '02b496f65dd35cbac90e3e72dc5a398ee93926ea4a3821e26677082d2e6f9b79',
    name: '3652ef6221834806dc8df802d1d216e27b7d07e0a6b7adf6cfdaeec90f06459a',
  }
  for (const [name, hex] of Object.entries(vectors)) {
    assert.equal(ids.idFromName(name).toString(), hex)
  }
})

test('[NM2] a name gives the same id every time, and the id knows its name', () => {
  const ids = new IdFactory('mykey')
  const id = ids.idFromName('a')
  assert.ok(id.equals(new IdFactory('mykey').idFromName('a')))
  assert.ok(!id.equals(ids.idFromName('b')))
  assert.equal(id.name, 'a')
  assert.equal(JSON.stringify(id), '{"name":"a"}')
  assert.equal(ids.newUniqueId().name, undefined)
  assert.equal(ids.idFromName('x'.repeat(1025)).name, undefined)
})

test('[NM3] an id is read back from its digits, and refused by another namespace', () => {
  const ids = new IdFactory('mykey')
  const id = ids.newUniqueId()
  assert.ok(ids.idFromString(id.toString().toUpperCase()).equals(id))
  assert.throws(() => ids.idFromString('abc'), {
    name: 'TypeError',
    message: 'Invalid Durable Object ID: must be 64 hex digits',
  })
  const refusal = {
    name: 'TypeError',
    message: 'Durable Object ID is not valid for this namespace.',
  }
  assert.throws(() => new IdFactory('other').idFromString(id.toString()), refusal)
  const requireOwn = (id: unknown): void => IdFactory.prototype.requireOwn.call(ids, id)
  assert.throws(() => requireOwn(new IdFactory('other').idFromName('name')), refusal)
  assert.equal(ids.idFromString(ids.idFromName('name').toString()).name, undefined)
  assert.throws(() => requireOwn({}), refusal)
  requireOwn(ids.idFromName('name'))
})

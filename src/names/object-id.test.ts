import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdFactory, type ObjectId, storedNameOf } from './index.ts'

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
  assert.equal(ids.idFromName('x'.repeat(1025)).name?.length, 1025)
  assert.equal(storedNameOf(ids.idFromName('x'.repeat(1025))), undefined)
  assert.equal(storedNameOf(ids.idFromName('é'.repeat(512)))?.length, 512)
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
  const requireOwn = (id: ObjectId): void => ids.requireOwn(id)
  assert.throws(() => requireOwn(new IdFactory('other').idFromName('name')), refusal)
  assert.equal(ids.idFromString(ids.idFromName('name').toString()).name, undefined)
  requireOwn(ids.idFromName('name'))
})

test('[NM4] a jurisdiction is part of an id: other digits, read back from them, kept apart', () => {
  const ids = new IdFactory('mykey')
  const eu = ids.within('eu')
  const id = eu.idFromName('name')
  assert.equal(id.jurisdiction, 'eu')
  assert.notEqual(String(id), String(ids.idFromName('name')))
  assert.equal(JSON.stringify(id), '{"jurisdiction":"eu","name":"name"}')
  // What a later process reads, from the digits alone.
  const later = new IdFactory('mykey')
  for (const jurisdiction of ['eu', 'fedramp', 'fedramp-high', 'us']) {
    const unique = ids.within(jurisdiction).newUniqueId()
    assert.equal(later.idFromString(String(unique)).jurisdiction, jurisdiction)
    later.requireOwn(unique)
  }
  const elsewhere = {
    name: 'TypeError',
    message: 'get called on jurisdictional subnamespace with an ID from a different jurisdiction',
  }
  assert.throws(() => eu.requireOwn(ids.within('us').newUniqueId()), elsewhere)
  assert.throws(() => eu.requireOwn(ids.newUniqueId()), elsewhere)
  assert.equal(eu.within(undefined), ids)
  assert.equal(eu.within('us').jurisdiction, 'us')
  assert.throws(() => ids.within('mars'), {
    name: 'TypeError',
    message: "Cannot use the jurisdiction 'mars': one of eu, fedramp, fedramp-high, us was wanted",
  })
})

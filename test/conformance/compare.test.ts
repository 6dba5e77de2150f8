import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareAnswers, parseRecording } from './compare.ts'

test('a changed, a missing and an added value are each reported with their path', () => {
  const differences = compareAnswers(
    { same: [1, 2], changed: ['a', 'x'], added: true },
    { same: [1, 2], changed: ['a', 'b'], missing: null },
  )
  assert.deepEqual(differences, [
    { path: '.changed.1', actual: '"x"', expected: '"b"' },
    { path: '.missing', actual: 'nothing', expected: 'null' },
    { path: '.added', actual: 'true', expected: 'nothing' },
  ])
})

test('an array is not an object with the same keys', () => {
  assert.equal(compareAnswers({ log: { 0: 'a' } }, { log: ['a'] }).length, 1)
})

test('ids and bookmarks are compared by kind, also inside of texts', () => {
  const first = `id ${'ab'.repeat(32)} at 00000001-0000000a-00000000-${'0'.repeat(32)}`
  const second = `id ${'cd'.repeat(32)} at 00000002-0000000b-00000000-${'1'.repeat(32)}`
  assert.deepEqual(compareAnswers([first], [second]), [])
  assert.equal(compareAnswers(['id abc'], [second]).length, 1)
})

test('a number at a variable path is compared by kind, elsewhere exactly', () => {
  assert.deepEqual(compareAnswers({ ms: 1 }, { ms: 30_002 }, ['.ms']), [])
  assert.equal(compareAnswers({ ms: 'x' }, { ms: 30_002 }, ['.ms']).length, 1)
  assert.equal(compareAnswers({ n: 1 }, { n: 2 }, ['.ms']).length, 1)
})

test('a recording may hold several values one after another', () => {
  assert.deepEqual(parseRecording('{"a":1}{"b":{}}\n{\n  "c":3\n}\n'), [
    { a: 1 },
    { b: {} },
    { c: 3 },
  ])
})

// Random programs for one object.

import fc from 'fast-check'
import type { Op, OpOptions, Program, TransactionEnd } from './world.ts'
import type { ListOptions } from './model.ts'

// Prefixes of each other, the empty key, and a pair that UTF-16 and UTF-8 order differently.
const keys = ['', 'a', 'a\0', 'aa', 'ab', 'b', 'c', '\uffee', '\u{1f600}']

const key = fc.constantFrom(...keys)
const value = fc.nat(3)
const options: fc.Arbitrary<OpOptions> = fc.record(
  {
    allowConcurrency: fc.boolean(),
    allowUnconfirmed: fc.boolean(),
    noCache: fc.boolean(),
  },
  { requiredKeys: [] },
)
const range: fc.Arbitrary<ListOptions> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({}) },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        start: key,
        end: key,
        prefix: fc.constantFrom('', 'a', 'b', '\u{1f600}'),
        reverse: fc.boolean(),
        limit: fc.integer({ min: 1, max: 4 }),
      },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ startAfter: key, limit: fc.constantFrom(1, 2, 9) }) },
)

const isAwaited = fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false))

const simpleOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('get' as const), isAwaited, key, options }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('getMany' as const),
      isAwaited,
      keys: fc.array(key, { maxLength: 4 }),
      options,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('list' as const), isAwaited, range, options }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('put' as const), isAwaited, key, value, options }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('putMany' as const),
      isAwaited,
      entries: fc.uniqueArray(fc.tuple(key, value), { maxLength: 4, selector: ([name]) => name }),
      options,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('delete' as const), isAwaited, key, options }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('deleteMany' as const),
      isAwaited,
      keys: fc.uniqueArray(key, { maxLength: 4 }),
      options,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('sync', 'outside', 'outside', 'send', 'send', 'deleteAll'),
      isAwaited,
    }),
  },
) as fc.Arbitrary<Op>

function ops(depth: number): fc.Arbitrary<Op[]> {
  const op: fc.Arbitrary<Op> =
    depth === 0
      ? simpleOp
      : fc.oneof(
          { weight: 8, arbitrary: simpleOp },
          {
            weight: 1,
            arbitrary: fc.record({
              kind: fc.constant('transaction' as const),
              isAwaited: fc.constant(true),
              body: ops(depth - 1),
              end: fc.constantFrom<TransactionEnd>('commit', 'commit', 'throw', 'roll back'),
            }),
          },
        )
  return fc.array(op, { minLength: 1, maxLength: depth === 2 ? 9 : 5 })
}

/** Rarely, something breaks the object in the middle of it. */
const event: fc.Arbitrary<Op[]> = fc
  .tuple(ops(2), fc.nat(40))
  .map(([list, dice]) => (dice === 40 ? [...list, { kind: 'abort', isAwaited: true }] : list))

export const program: fc.Arbitrary<Program> = fc.record({
  initial: fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }),
  events: fc.array(event, { minLength: 1, maxLength: 3 }),
  limits: fc.record({
    softBytes: fc.constantFrom(0, 250, 600, 1_000_000),
    hardBytes: fc.constant(1_000_000_000),
    unflushedBytes: fc.constantFrom(0, 300, 1_000_000),
    staleMs: fc.constant(30_000),
    keysPerRead: fc.constantFrom(1, 2, 128),
  }),
  schedule: fc.integer(),
})

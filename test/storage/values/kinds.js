// One value of each kind that can be stored. Errors have no stack, which tells lines of files.

const bare = (error) => {
  delete error.stack
  return error
}

const cyclic = () => {
  const value = { name: 'cycle', list: [] }
  value.self = value
  value.list.push(value, value.list)
  return value
}

const sparse = (list) => {
  list[5] = 2
  return list
}

const oneBuffer = () => {
  const { buffer } = new Uint8Array([1, 2, 3, 4])
  return [new Uint8Array(buffer, 1, 2), new Uint16Array(buffer)]
}

export const kinds = {
  null: () => null,
  true: () => true,
  false: () => false,
  // Larger ones are doubles in workerd's V8, which compresses pointers; they read the same.
  integers: () => [0, 1, -1, 63, 64, 127, 128, 16_383, 16_384, 2 ** 30 - 1, -(2 ** 30)],
  doubles: () => [-0, 1.5, 2 ** 31, 2 ** 53, Number.NaN, Infinity, -Infinity, 5e-324],
  bigints: () => [0n, -1n, 2n ** 64n, -(2n ** 200n)],
  'short text': () => 'ascii',
  'latin text': () => 'é',
  'wide text': () => '\u{1F600}',
  'half a pair': () => '\uD83D',
  'wide text in an object': () => ({ a: '€', bc: '€' }),
  'long text': () => 'x'.repeat(1000),
  date: () => new Date(1e12 + 1),
  'invalid date': () => new Date(Number.NaN),
  regexp: () => /[\\/]é/gimsuy,
  boxed: () => [new Number(1), new String('s'), new Boolean(false), new Boolean(true), Object(1n)],
  array: () => [1, [2, [3]], undefined, null],
  'array of doubles': () => [1.5, 2.5],
  'array of texts': () => ['a', 'b'],
  'sparse array': () => sparse([1]),
  'array with properties': () => Object.assign([1, 2], { extra: 1 }),
  'empty object': () => ({}),
  object: () => ({ b: 1, a: 2, 10: 'x', 2: 'y', undefined: undefined }),
  'without prototype': () => Object.assign(Object.create(null), { a: 1 }),
  'own __proto__': () => JSON.parse('{"__proto__": {"a": 1}, "b": 2}'),
  instance: () =>
    new (class Point {
      x = 1
    })(),
  map: () =>
    new Map([
      [1, 'a'],
      ['k', new Map()],
      [Number.NaN, new Set()],
    ]),
  set: () => new Set([1, 'a', new Set([null])]),
  buffers: () => [new ArrayBuffer(0), new Uint8Array([1, 2, 3]).buffer],
  'resizable buffer': () => new ArrayBuffer(2, { maxByteLength: 8 }),
  'views of a resizable buffer': () => {
    const buffer = new ArrayBuffer(8, { maxByteLength: 16 })
    return [new Uint8Array(buffer), new Uint8Array(buffer, 2, 2), new DataView(buffer)]
  },
  'typed arrays': () => [
    new Int8Array([-1]),
    new Uint8Array([1, 255]),
    new Uint8ClampedArray([300]),
    new Int16Array([-2]),
    new Uint16Array([3]),
    new Int32Array([-4]),
    new Uint32Array([5]),
    new Float32Array([0.5]),
    new Float64Array([Math.PI]),
    new BigInt64Array([-6n]),
    new BigUint64Array([7n]),
    new DataView(new ArrayBuffer(2)),
  ],
  'half floats': () => new Float16Array([1.5]),
  'views of one buffer': oneBuffer,
  cyclic,
  shared: () => {
    const part = { n: 1 }
    return [part, part, new Map([[part, part]])]
  },
  error: () => bare(new Error('m')),
  'errors of all classes': () =>
    [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((E) =>
      bare(new E('m')),
    ),
  'error without message': () => bare(new Error()),
  'error with properties': () =>
    bare(Object.assign(new TypeError('m'), { code: 'C', data: new Map([[1, new Date(1)]]) })),
  'error with a name': () => bare(Object.assign(new TypeError('m'), { name: 'Named' })),
  'error with the name of another class': () =>
    bare(Object.assign(new TypeError('m'), { name: 'RangeError' })),
  'error of a class': () => bare(new (class Mine extends RangeError {})('m')),
  'error with a cause': () => bare(new Error('m', { cause: bare(new RangeError('c')) })),
  'error with an undefined cause': () => bare(new Error('m', { cause: undefined })),
  'error with a stack of its own': () => Object.assign(new Error('m'), { stack: 'mine' }),
  AggregateError: () => bare(new AggregateError([bare(new Error('a')), 1], 'm')),
  SuppressedError: () => bare(new SuppressedError(bare(new Error('a')), 1, 'm')),
  'errors among values': () => {
    const error = bare(new Error('m'))
    return {
      b: [error, error, { c: error }],
      a: new Map([[error, new Set([error, 1])]]),
      d: oneBuffer(),
    }
  },
  DOMException: () =>
    Object.defineProperty(new DOMException('m', 'AbortError'), 'stack', { value: 'mine' }),
}

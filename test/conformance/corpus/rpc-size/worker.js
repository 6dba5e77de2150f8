// Reference 1.14: how large a message may be. By itself, since it keeps a processor busy for a while.

import { DurableObject } from 'cloudflare:workers'
import { attempt, serve, Subject } from '../harness.js'

export { Subject }

export class Rpc extends DurableObject {
  big(n) {
    return new Uint8Array(n)
  }
  size(value) {
    return value.length ?? value.byteLength
  }
  echo(value) {
    return value
  }
}

const cases = {}
function on(key, act) {
  cases[key] = { drive: (given) => act({ ...given, stub: given.env.Rpc.getByName(key) }) }
}

on('R14.30 values of more than 32 MiB', async ({ stub }) =>
  [
    await attempt(async () => (await stub.big(31 << 20)).length),
    await attempt(() => stub.big(33 << 20)),
    await attempt(() => stub.size(new Uint8Array(33 << 20))),
    await attempt(() => stub.size('x'.repeat(33 << 20))),
    await attempt(() => stub.size('\u{1F600}'.repeat(9 << 20))),
    await attempt(() => stub.size(new Uint8Array((32 << 20) - 20))),
    await attempt(() => stub.size(new Uint8Array((32 << 20) - 19))),
    await attempt(() => stub.big((32 << 20) - 15)),
    await attempt(() => stub.echo(Array.from({ length: 3 }, () => new Uint8Array(11 << 20)))),
  ].map((v) => (v?.Uint8Array ? 'bytes' : v)),
)

export default serve(cases)

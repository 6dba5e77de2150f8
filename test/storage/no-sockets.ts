import { HibernatableSockets } from '../../src/objects/index.ts'

/** The sockets of an object that has none. */
export function noSockets(): HibernatableSockets {
  return new HibernatableSockets({
    clock: { unixMs: () => 0, monotonicMs: () => 0 },
    wake: () => {
      throw new Error('nothing can wake an object without sockets')
    },
    report: (message, error) => {
      throw new Error(message, { cause: error })
    },
  })
}

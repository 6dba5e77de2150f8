// Makes starts cheap, for thousands of them in one process. The program is bundled once. The log writer
// runs in the thread of the shard, which also makes each time the same: of node:worker_threads,
// `log/file-log.ts` gets a Worker that imports the module, and that module the other end of the channel.

import { EventEmitter } from 'node:events'
import { registerHooks, stripTypeScriptTypes } from 'node:module'

const fileLog = /\/log\/file-log\.[tj]s$/
const writer = /\/log\/log-writer\.[tj]s\?writer=(\d+)$/
const projectSource = /\/runtime\/project-source\.[tj]s$/
const self = import.meta.url.split('?')[0] as string

// Each session has a module of its own; its types are stripped once.
let writerSource: string | undefined

function stripped(source: unknown): string {
  return stripTypeScriptTypes(Buffer.from(source as Uint8Array).toString())
}

export function installInsideWriter(): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier === 'esbuild' && projectSource.test(context.parentURL ?? '')) {
        return { url: new URL('cached-build.ts', import.meta.url).href, shortCircuit: true }
      }
      if (specifier !== 'node:worker_threads') return nextResolve(specifier, context)
      const parent = context.parentURL ?? ''
      if (fileLog.test(parent)) return { url: `${self}?side=shard`, shortCircuit: true }
      const number = writer.exec(parent)?.[1]
      if (number === undefined) return nextResolve(specifier, context)
      return { url: `inside-writer:${number}`, format: 'module', shortCircuit: true }
    },
    load(url, context, nextLoad) {
      if (writer.test(url)) {
        writerSource ??= stripped(nextLoad(url, context).source)
        return { format: 'module', source: writerSource, shortCircuit: true }
      }
      const number = /^inside-writer:(\d+)$/.exec(url)?.[1]
      if (number === undefined) return nextLoad(url, context)
      const source = `const { workerData, parentPort } = globalThis.insideWriters.get(${number})
        export { workerData, parentPort }`
      return { format: 'module', source, shortCircuit: true }
    },
  })
}

declare global {
  var insideWriters: Map<number, { workerData: unknown; parentPort: EventEmitter }>
}
globalThis.insideWriters ??= new Map()

let count = 0

/** What file-log.ts uses of a Worker. Messages take a turn of the event loop, as between threads. */
export class Worker extends EventEmitter {
  readonly #port: EventEmitter
  readonly #ready: Promise<unknown>

  constructor(module: URL, { workerData }: { workerData: unknown }) {
    super()
    count += 1
    const number = count
    this.#port = Object.assign(new EventEmitter(), {
      postMessage: (message: unknown) => setImmediate(() => this.emit('message', message)),
      close: () => {
        globalThis.insideWriters.delete(number)
        setImmediate(() => this.emit('exit'))
      },
    })
    globalThis.insideWriters.set(number, { workerData, parentPort: this.#port })
    this.#ready = import(`${module.href}?writer=${number}`)
    this.#ready.catch((error: unknown) => this.emit('error', error))
  }

  postMessage(message: unknown): void {
    void this.#ready.then(() => setImmediate(() => this.#port.emit('message', message)))
  }

  ref(): void {}
  unref(): void {}
}

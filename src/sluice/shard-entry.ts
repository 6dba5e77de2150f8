// Where a shard begins in a worker thread or a child process.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import {
  type Port,
  ProjectError,
  serveShard,
  Shard,
  type ShardOptions,
  TurnWatch,
} from '../runtime/index.ts'
import { type HttpServer, serveHttp } from '../server/index.ts'

/** The first message of a shard: it is ready, or why it cannot be. */
export type StartMessage =
  | { readonly kind: 'started' }
  | { readonly kind: 'refused'; readonly message: string; readonly isProjectError: boolean }

const port = isMainThread ? processPort() : threadPort()

function threadPort(): Port {
  return {
    send: (message) => parentPort?.postMessage(message),
    onMessage: (listener) => parentPort?.on('message', listener),
  }
}

function processPort(): Port {
  // The front is gone: nobody can ask for an orderly end any more, and the log makes a hard one safe.
  process.on('disconnect', () => process.exit(1))
  return {
    send: (message) => process.send?.(message),
    onMessage: (listener) => process.on('message', listener),
  }
}

async function start(options: ShardOptions): Promise<void> {
  let shard: Shard
  try {
    shard = await Shard.start(options)
  } catch (error) {
    const { message } = error as Error
    const isProjectError = error instanceof ProjectError
    port.send({ kind: 'refused', message, isProjectError } satisfies StartMessage)
    return
  }
  const servers: HttpServer[] = []
  serveShard(port, {
    fetch: (message) => shard.fetch(message),
    listen: async (listenOptions) => {
      const server = await serveHttp(shard, listenOptions)
      servers.push(server)
      return { host: server.host, port: server.port }
    },
    stop: async () => {
      await Promise.all(servers.map((server) => server.close()))
      await shard.stop()
    },
  })
  port.send({ kind: 'started' } satisfies StartMessage)
}

function startWatched(options: ShardOptions): Promise<void> {
  const { cpuMs } = options.limits
  if (cpuMs === undefined) return start(options)
  const { buffer } = new TurnWatch()
  const path = import.meta.url.endsWith('.ts') ? './watchdog-entry.ts' : './watchdog-entry.js'
  new Worker(new URL(path, import.meta.url), { workerData: { buffer, limitMs: cpuMs } }).unref()
  return start({ ...options, turnBuffer: buffer })
}

if (isMainThread) {
  process.once('message', (options) => void startWatched(options as ShardOptions))
  // Signals of the terminal reach the whole group; the front decides when to stop.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
} else void start(workerData as ShardOptions)

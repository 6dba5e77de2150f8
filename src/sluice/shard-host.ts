import { type ChildProcess, fork } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { DurableError } from '../base/index.ts'
import type { RequestMessage, ResponseMessage } from '../globals/index.ts'
import {
  linkShard,
  type ListenAddress,
  type ListenOptions,
  type Port,
  ProjectError,
  Shard,
  type ShardLink,
  type ShardOptions,
  stuckText,
  TurnWatch,
} from '../runtime/index.ts'
import { type HttpServer, serveHttp } from '../server/index.ts'
import type { StartMessage } from './shard-entry.ts'

/** A shard, wherever it runs, as its front sees it. */
export interface ShardHost {
  fetch(message: RequestMessage): Promise<ResponseMessage>
  listen(options: ListenOptions): Promise<ListenAddress>
  stop(): Promise<void>
  /** Resolves when the shard ends without having been stopped. */
  readonly lost: Promise<Error>
}

const entry = new URL(
  import.meta.url.endsWith('.ts') ? './shard-entry.ts' : './shard-entry.js',
  import.meta.url,
)

/** Runs the shard on the caller's own thread. */
export async function startInline(options: ShardOptions): Promise<ShardHost> {
  const shard = await Shard.start(options)
  const servers: HttpServer[] = []
  return {
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
    // It ends with its thread, and then nobody is left to be told.
    lost: new Promise(() => {}),
  }
}

/** Runs the shard in a worker thread of this process. */
export function startThread(options: ShardOptions): Promise<ShardHost> {
  const watch = new TurnWatch()
  const worker = new Worker(entry, { workerData: withWatch(options, watch) })
  const { cpuMs } = options.limits
  let stuck: DurableError | undefined
  const stopWatch =
    cpuMs === undefined
      ? (): void => {}
      : watch.look(cpuMs, (label, runsForMs) => {
          stuck = new DurableError(stuckText(label, runsForMs, cpuMs))
          console.error(`sluice: ${stuck.message}`)
          void worker.terminate()
        })
  const port: Port = {
    send: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on('message', listener),
  }
  return host(port, {
    onEnd: (ended) => {
      worker.on('error', (error) => ended(error))
      worker.on('exit', (code) => {
        stopWatch()
        ended(stuck ?? new DurableError(`the shard's thread ended with code ${code}`))
      })
    },
    end: async () => {
      await worker.terminate()
    },
  })
}

// Turns are told of only where somebody looks: it costs something in each.
function withWatch(options: ShardOptions, { buffer }: TurnWatch): ShardOptions {
  return options.limits.cpuMs === undefined ? options : { ...options, turnBuffer: buffer }
}

/** Runs the shard in a child process. */
export function startProcess(options: ShardOptions): Promise<ShardHost> {
  const child: ChildProcess = fork(entry, { serialization: 'advanced' })
  const port: Port = {
    // A message that cannot be sent any more has the end of the process behind it, which is heard.
    send: (message) => void child.send(message as object, () => {}),
    onMessage: (listener) => child.on('message', listener),
  }
  child.send(options)
  return host(port, {
    onEnd: (ended) => {
      child.on('error', (error) => ended(error))
      child.on('exit', (code, signal) =>
        ended(new DurableError(`the shard's process ended with ${signal ?? `code ${code}`}`)),
      )
    },
    end: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      }),
  })
}

interface Container {
  onEnd(ended: (error: Error) => void): void
  /** Ends thread or process at once. */
  end(): Promise<void>
}

async function host(port: Port, container: Container): Promise<ShardHost> {
  let isStopping = false
  let link: ShardLink | undefined
  const lost = Promise.withResolvers<Error>()
  const started = Promise.withResolvers<void>()
  container.onEnd((error) => {
    started.reject(error)
    link?.lost(error)
    if (!isStopping) lost.resolve(error)
  })
  port.onMessage((received) => {
    const message = received as StartMessage
    if (message.kind === 'started') started.resolve()
    if (message.kind === 'refused') {
      const type = message.isProjectError ? ProjectError : DurableError
      started.reject(new type(message.message))
    }
  })
  try {
    await started.promise
  } catch (error) {
    isStopping = true
    await container.end()
    throw error
  }
  link = linkShard(port)
  const { fetch, listen, stop } = link
  return {
    fetch,
    listen,
    lost: lost.promise,
    stop: async () => {
      isStopping = true
      await stop()
      await container.end()
    },
  }
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ConfigError, loadProject } from '../config/index.ts'
import { hostBodyOf, messageOfHostRequest, native, type ResponseMessage } from '../globals/index.ts'
import type { ShardLimits } from '../runtime/index.ts'
import { receiveWebSocket, type UserWebSocket } from '../sockets/index.ts'
import { type ShardHost, startInline, startProcess, startThread } from './shard-host.ts'

export interface RuntimeOptions {
  /** A folder with a Wrangler config, or a single `.ts` or `.js` file. */
  readonly project?: string
  /** The main module, when there is no config: as `project` with a file. */
  readonly main?: string
  /**
   * Folder of all durable state; made when absent. One process at a time may have it open. Without
   * it, state lives in a temporary folder that `close` deletes.
   */
  readonly data?: string
  /** Delays every confirmation of durability by this many milliseconds; 0 by default. */
  readonly confirmDelayMs?: number
  /**
   * When a segment of the commit log is larger than this many bytes, its objects are checkpointed and
   * it is deleted; 256 MiB by default.
   */
  readonly logSegmentBytes?: number
  /**
   * Makes storage take this many milliseconds to answer, as a remote one would; 0 by default. Objects
   * then have keys and values only, no SQL, and a cache before them; nothing is less durable.
   */
  readonly storageDelayMs?: number
  /**
   * `'reference'` (default): what the reference allows by itself. `'production'`: what it allows where it
   * is hosted, with its texts: 128 keys a call, 2 MB a row, 10 GB a database, 30 s of computing for an
   * event; keys of 2,048 bytes and values of 128 KiB for classes without SQL.
   */
  readonly limits?: 'reference' | 'production'
  /**
   * What an object may compute after an event has come to it, in milliseconds; 30,000 with the limits of
   * `'production'`, otherwise any time. One that used more is reset. A turn that does not end at all ends
   * its shard, all objects with it, when the shard is a thread or a process; inline, nobody can.
   */
  readonly cpuLimitMs?: number
  /** Of one object's database; 10,000,000,000 with the limits of `'production'`, otherwise none. */
  readonly databaseBytesMax?: number
  /** An object without anything under way for this long leaves memory; 10,000 by default. */
  readonly idleMs?: number
  /**
   * So many databases stay open at once, each with two files and some 200 KB of memory; 1,000 by
   * default. An object whose database is closed stays in memory, and opens it when it needs it.
   */
  readonly openDatabases?: number
  /** Where user code runs: on the caller's thread (default), in a thread, in a child process. */
  readonly shard?: 'inline' | 'thread' | 'process'
}

/** The program's end of a WebSocket: `accept()` it, and use it like any other. */
export type RuntimeWebSocket = Pick<
  UserWebSocket,
  | 'accept'
  | 'addEventListener'
  | 'binaryType'
  | 'close'
  | 'protocol'
  | 'readyState'
  | 'removeEventListener'
  | 'send'
>

/** A Response of the project's worker. */
export type RuntimeResponse = Response & {
  /** With status 101, for a request with `Upgrade: websocket`. */
  readonly webSocket: RuntimeWebSocket | null
}

/** A running project. */
export interface Runtime {
  /**
   * Sends a request to the project's worker, without a port. Bodies stream both ways. A request with
   * the header `Upgrade: websocket` may be answered with a `webSocket`.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<RuntimeResponse>
  /**
   * Serves the project over HTTP.
   *
   * @param options.port 0 (default) chooses a free one
   * @param options.host `127.0.0.1` by default
   * @throws the error of the operating system, such as EADDRINUSE
   */
  listen(options?: { port?: number; host?: string }): Promise<{
    host: string
    port: number
    url: string
  }>
  /** Finishes what is under way (10 s at most), makes everything durable, closes every file. */
  close(): Promise<void>
  /** Resolves when the runtime is over: with the reason when it ended by itself. */
  readonly ended: Promise<Error | undefined>
}

/**
 * Starts a project inside this program.
 *
 * @throws ConfigError when the project cannot be read; ProjectError when it cannot be built or bound;
 *   nothing is left on disk then
 * @example
 * ```ts
 * const runtime = await createRuntime({ project: './my-project', data: './data' })
 * const response = await runtime.fetch('http://localhost/room/42')
 * await runtime.close()
 * ```
 */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const limits = limitsOf(options)
  const path = options.project ?? options.main
  if (path === undefined) {
    throw new ConfigError('Cannot start a runtime: neither `project` nor `main` is given')
  }
  const project = loadProject(path)
  const isTemporary = options.data === undefined
  const data = isTemporary ? mkdtempSync(join(tmpdir(), 'sluice-')) : resolve(options.data)
  const start = { inline: startInline, thread: startThread, process: startProcess }
  const removeTemporary = (): void => {
    if (isTemporary) rmSync(data, { recursive: true, force: true })
  }
  let shard: ShardHost
  try {
    shard = await start[options.shard ?? 'inline']({
      project: {
        name: project.name,
        main: project.main,
        durableObjects:
          project.durableObjects === 'all-exported'
            ? 'all-exported'
            : project.durableObjects.map(({ binding, className, hasSql }) => ({
                binding,
                className,
                hasSql,
              })),
        vars: project.vars,
        compatibilityDate: project.compatibilityDate,
        compatibilityFlags: project.compatibilityFlags,
      },
      dataDirectory: data,
      confirmDelayMs: options.confirmDelayMs ?? 0,
      logSegmentBytes: options.logSegmentBytes ?? 256 * 1024 * 1024,
      storageDelayMs: options.storageDelayMs ?? 0,
      limits,
      idleMs: options.idleMs ?? 10_000,
      openDatabases: options.openDatabases ?? 1000,
    })
  } catch (error) {
    removeTemporary()
    throw error
  }
  return runtimeOf(shard, removeTemporary)
}

function runtimeOf(shard: ShardHost, removeTemporary: () => void): Runtime {
  const ended = Promise.withResolvers<Error | undefined>()
  void shard.lost.then(ended.resolve)
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await shard.stop()
    removeTemporary()
    ended.resolve(undefined)
  }
  return {
    ended: ended.promise,
    fetch: async (input, init) => {
      const request = new native.Request(input, init)
      return responseOf(await shard.fetch(messageOfHostRequest(request)))
    },
    listen: async ({ port = 0, host = '127.0.0.1' } = {}) => {
      const address = await shard.listen({ port, host })
      const shown = address.host.includes(':') ? `[${address.host}]` : address.host
      return { ...address, url: `http://${shown}:${address.port}` }
    },
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

const productionCpuMs = 30_000

/** @throws ConfigError for what is none of the limits */
function limitsOf(options: RuntimeOptions): ShardLimits {
  const { limits: name = 'reference', cpuLimitMs, databaseBytesMax } = options
  if (name !== 'reference' && name !== 'production') {
    throw new ConfigError(
      `Cannot use the limits '${String(name)}': 'reference' or 'production' was wanted`,
    )
  }
  for (const [option, value] of Object.entries({ cpuLimitMs, databaseBytesMax })) {
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new ConfigError(`Cannot use the ${option} ${value}: a number above 0 was wanted`)
    }
  }
  return {
    name,
    databaseBytes: databaseBytesMax,
    cpuMs: cpuLimitMs ?? (name === 'production' ? productionCpuMs : undefined),
  }
}

function responseOf(message: ResponseMessage): RuntimeResponse {
  const { webSocket } = message
  const headers = message.headers as [string, string][]
  if (webSocket === undefined) {
    const { status, statusText } = message
    const response = new native.Response(hostBodyOf(message.body), { status, statusText, headers })
    return Object.defineProperty(response, 'webSocket', { value: null }) as RuntimeResponse
  }
  const response = new native.Response(null, { headers })
  const protocol = response.headers.get('sec-websocket-protocol') ?? ''
  // Node's class refuses the status 101, which only a server could need.
  return Object.defineProperties(response, {
    status: { value: message.status },
    statusText: { value: message.statusText },
    ok: { value: false },
    webSocket: { value: receiveWebSocket(webSocket, protocol) },
  }) as RuntimeResponse
}

import { compatibilityOf } from '../base/index.ts'
import {
  installGlobals,
  lendRequest,
  type RequestMessage,
  type ResponseMessage,
  UserRequest,
} from '../globals/index.ts'
import { pump, runAsHost } from '../turns/index.ts'
import type { Entrypoint } from './entrypoint.ts'
import { callFetch, packResponse } from './fetch-handler.ts'
import { guardProcess } from './guards.ts'
import { localRouter } from './namespace.ts'
import { ObjectTable } from './object-table.ts'
import { ProjectBindings } from './project-bindings.ts'
import { importProject } from './project-source.ts'
import { scopeExports } from './project-scope.ts'
import { type ShardLimits, storageLimitsOf } from './shard-limits.ts'
import { TurnWatch } from './turn-watch.ts'
import { ShardAlarms } from './shard-alarms.ts'
import { ShardLog } from './shard-log.ts'
import { backgroundTimers, systemClock, systemRandom, systemTimers } from './system-timers.ts'
import { UnsafeModule } from './unsafe-module.ts'

/** What a shard needs to run a project; plain data, so that it can cross to a thread or process. */
export interface ShardOptions {
  readonly project: ProjectDescription
  /** All durable state of this shard. */
  readonly dataDirectory: string
  /** Every confirmation of durability comes this much later. */
  readonly confirmDelayMs: number
  /** A log segment that is larger is checkpointed and deleted. */
  readonly logSegmentBytes: number
  /** An object without anything under way for this long leaves memory. */
  readonly idleMs: number
  /** So many databases stay open at once; others are opened when they are needed. */
  readonly openDatabases: number
  /** Objects have keys and values only, in storage that takes this long to answer; 0: SQLite. */
  readonly storageDelayMs: number
  readonly limits: ShardLimits
  /** Where the shard tells of its turns, for a watchdog on another thread. */
  readonly turnBuffer?: SharedArrayBuffer
}

export interface ProjectDescription {
  readonly name: string
  /** Absolute path of the main module. */
  readonly main: string
  /** Which classes are bound under which names; or every exported class under its own. */
  readonly durableObjects:
    | readonly { binding: string; className: string; hasSql: boolean }[]
    | 'all-exported'
  readonly vars: Readonly<Record<string, unknown>>
  /** `YYYY-MM-DD` */
  readonly compatibilityDate: string
  readonly compatibilityFlags: readonly string[]
}

const sweepMs = 1000
const drainMs = 10_000
// A stop that takes longer leaves the rest to the recovery of the next start.
const checkpointMs = 5_000

/**
 * The part of the runtime that runs user code: loads a project, answers requests with its stateless
 * worker, keeps its objects. The same code inline, in a thread and in a process.
 */
export class Shard {
  readonly #worker: Entrypoint
  readonly #table: ObjectTable
  readonly #log: ShardLog
  readonly #alarms: ShardAlarms
  readonly #stops: (() => void)[] = []
  #activeRequests = 0
  #drained: (() => void) | undefined

  private constructor(parts: {
    worker: Entrypoint
    table: ObjectTable
    log: ShardLog
    alarms: ShardAlarms
  }) {
    this.#worker = parts.worker
    this.#table = parts.table
    this.#log = parts.log
    this.#alarms = parts.alarms
    const loopEnded = (): void => {
      parts.log.commits.flush()
      parts.table.trimDatabases()
    }
    this.#stops.push(pump.onLoopEnded(loopEnded))
    const sweep = setInterval(() => this.#table.sweep(), sweepMs)
    sweep.unref()
    this.#stops.push(() => clearInterval(sweep))
  }

  /**
   * Loads the project, recovers the data folder, and is ready.
   *
   * @throws ProjectError when the project cannot be built, loaded or bound; nothing is left on disk
   */
  static async start(options: ShardOptions): Promise<Shard> {
    installGlobals()
    guardProcess()
    if (options.turnBuffer !== undefined) new TurnWatch(options.turnBuffer).tell()
    const bindings = new ProjectBindings(options.project)
    const { compatibilityDate, compatibilityFlags } = options.project
    const compatibility = compatibilityOf(compatibilityDate, compatibilityFlags)
    const objects: { table?: ObjectTable } = {}
    const unsafe = new UnsafeModule(objects)
    const exports = await importProject(options.project.main, {
      scope: scopeExports(bindings.scope),
      unsafe: compatibility.unsafeModule ? unsafe : undefined,
    })
    const worker = bindings.load(exports, compatibility, (error) => report('worker', error))
    const log = await ShardLog.open(options)
    if (log.recovery !== undefined) console.error(`sluice: ${log.recovery}`)
    const table = new ObjectTable({
      directory: log.objectsDirectory,
      log: log.commits,
      pending: log.pending,
      restored: log.restored,
      clock: systemClock,
      timers: systemTimers,
      idleMs: options.idleMs,
      openDatabases: options.openDatabases,
      isKnown: (key) => log.catalogue.hasFile(key),
      nameOf: (key) => log.catalogue.nameOf(key),
      facetsOf: (key) => log.catalogue.facetsOf(key),
      storageDelayMs: options.storageDelayMs,
      limitsOf: storageLimitsOf(options.project, options.limits),
      cpuMs: options.limits.cpuMs,
      compatibility,
      report,
    })
    log.checkpointWith(table)
    objects.table = table
    bindings.useRouter(localRouter(table))
    const alarms = new ShardAlarms({
      table,
      catalogue: log.catalogue,
      classes: bindings.objectClasses,
      clock: systemClock,
      timers: backgroundTimers,
      random: systemRandom,
      report,
    })
    log.onAlarm((key, alarmAt) => alarms.confirmed(key, alarmAt))
    return new Shard({ worker, table, log, alarms })
  }

  /** Answers a request with the stateless worker. Never throws; exactly one callback is called. */
  handle(
    message: RequestMessage,
    reply: (response: ResponseMessage) => void,
    fail: (error: Error) => void,
  ): void {
    this.#activeRequests += 1
    const owner = this.#worker.newRequest()
    const lent = lendRequest(message)
    owner.deliver({
      kind: 'fetch',
      invoke: (target) => callFetch(target, UserRequest.receive(lent.message)),
      pack: (value) => lent.answered(packResponse(value, message)),
      reply: (packed) =>
        runAsHost(() => {
          this.#requestEnded()
          reply(packed as ResponseMessage)
        }),
      fail: (error) =>
        runAsHost(() => {
          this.#requestEnded()
          fail(error instanceof Error ? error : new Error(String(error)))
        }),
    })
  }

  /** As {@link handle}, as a promise. */
  fetch(message: RequestMessage): Promise<ResponseMessage> {
    return new Promise((resolve, reject) => this.handle(message, resolve, reject))
  }

  /** Waits for requests and alarms under way (10 s at most), confirms every write, closes every file. */
  async stop(): Promise<void> {
    await this.#drain(this.#alarms.stop())
    await this.#table.end(new Error('The runtime is shutting down.'))
    await this.#log.checkpointAll(checkpointMs)
    for (const stop of this.#stops) stop()
    this.#table.close()
    await this.#log.close()
  }

  async #drain(alarms: Promise<void>): Promise<void> {
    const requests =
      this.#activeRequests === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            this.#drained = resolve
          })
    const limit = Promise.withResolvers<void>()
    const timer = systemTimers.after(drainMs, limit.resolve)
    await Promise.race([Promise.all([requests, alarms]), limit.promise])
    timer.cancel()
  }

  #requestEnded(): void {
    this.#activeRequests -= 1
    if (this.#activeRequests === 0) this.#drained?.()
  }
}

function report(message: string, error: unknown): void {
  console.error(`sluice: ${message}:`, error)
}

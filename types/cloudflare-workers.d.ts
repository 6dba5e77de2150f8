// Types for programs that import `cloudflare:workers` (or `sluice/workers`, the same) and do not have
// @cloudflare/workers-types installed, beside the types of Node. What compiles with those compiles with
// these: test/types has the program that has to.

declare const scheduler: {
  wait(delayMs: number, options?: { signal?: AbortSignal }): Promise<void>
}

type DurableObjectJurisdiction = string

interface DurableObjectId {
  readonly name?: string
  readonly jurisdiction?: string
  toString(): string
  equals(other: DurableObjectId): boolean
}

// How values look on the other side of a call: functions and RpcTargets stay where they are, and a stub
// arrives; everything else is copied.
type RpcCopied =
  | void
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | ReadableStream
  | WritableStream
  | Request
  | Response
  | Headers
type RpcReceived<T> = T extends RpcCopied
  ? T
  : T extends RpcTargetBranded
    ? RpcStub<T>
    : T extends (...values: infer P) => infer R
      ? RpcFunction<P, R> & Disposable
      : T extends Map<infer K, infer V>
        ? Map<RpcReceived<K>, RpcReceived<V>>
        : T extends Set<infer V>
          ? Set<RpcReceived<V>>
          : T extends object
            ? { [K in keyof T]: RpcReceived<T[K]> }
            : T

/** What a call gives: a promise, whose members may be used before it settles. */
type RpcPromise<T> = Promise<RpcReceived<T>> & RpcPipelined<T> & Disposable
type RpcPipelined<T> = T extends RpcCopied
  ? unknown
  : T extends (...values: infer P) => infer R
    ? RpcFunction<P, R>
    : T extends object
      ? RpcMethods<T>
      : unknown
type RpcFunction<P extends unknown[], R> = (...values: P) => RpcPromise<Awaited<R>>

type RpcReserved =
  | 'fetch'
  | 'connect'
  | 'ctx'
  | 'env'
  | 'alarm'
  | 'webSocketMessage'
  | 'webSocketClose'
  | 'webSocketError'
  | 'constructor'
  | 'dup'

type RpcMethods<T> = {
  [K in keyof T as K extends string ? (K extends RpcReserved ? never : K) : never]: T[K] extends (
    ...values: infer P
  ) => infer R
    ? RpcFunction<P, R>
    : RpcPromise<Awaited<T[K]>>
}

/** A value of another object or worker. Disposed, it gives up what it holds there. */
type RpcStub<T> = RpcMethods<T> & Disposable & { dup(): RpcStub<T> }

declare const rpcTargetBrand: unique symbol
interface RpcTargetBranded {
  readonly [rpcTargetBrand]: never
}

interface Fetcher {
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
}

type DurableObjectStub<T = unknown> = RpcMethods<T> &
  Fetcher & {
    readonly id: DurableObjectId
    readonly name?: string
  }

interface DurableObjectNamespaceGetDurableObjectOptions {
  locationHint?: string
  routingMode?: 'primary-only'
}

interface DurableObjectNamespace<T = unknown> {
  newUniqueId(options?: { jurisdiction?: DurableObjectJurisdiction }): DurableObjectId
  idFromName(name: string): DurableObjectId
  idFromString(hex: string): DurableObjectId
  get(
    id: DurableObjectId,
    options?: DurableObjectNamespaceGetDurableObjectOptions,
  ): DurableObjectStub<T>
  getByName(
    name: string,
    options?: DurableObjectNamespaceGetDurableObjectOptions,
  ): DurableObjectStub<T>
  jurisdiction(jurisdiction: DurableObjectJurisdiction): DurableObjectNamespace<T>
}

interface DurableObjectGetOptions {
  allowConcurrency?: boolean
  noCache?: boolean
}

interface DurableObjectPutOptions extends DurableObjectGetOptions {
  allowUnconfirmed?: boolean
}

interface DurableObjectListOptions extends DurableObjectGetOptions {
  start?: string
  startAfter?: string
  end?: string
  prefix?: string
  reverse?: boolean
  limit?: number
}

interface DurableObjectGetAlarmOptions {
  allowConcurrency?: boolean
}

interface DurableObjectSetAlarmOptions extends DurableObjectGetAlarmOptions {
  allowUnconfirmed?: boolean
}

interface AlarmInvocationInfo {
  readonly scheduledTime: number
  readonly retryCount: number
  readonly isRetry: boolean
}

interface DurableObjectTransaction {
  get<T = unknown>(key: string, options?: DurableObjectGetOptions): Promise<T | undefined>
  get<T = unknown>(keys: string[], options?: DurableObjectGetOptions): Promise<Map<string, T>>
  put<T>(key: string, value: T, options?: DurableObjectPutOptions): Promise<void>
  put<T>(entries: Record<string, T>, options?: DurableObjectPutOptions): Promise<void>
  delete(key: string, options?: DurableObjectPutOptions): Promise<boolean>
  delete(keys: string[], options?: DurableObjectPutOptions): Promise<number>
  list<T = unknown>(options?: DurableObjectListOptions): Promise<Map<string, T>>
  getAlarm(options?: DurableObjectGetAlarmOptions): Promise<number | null>
  setAlarm(time: number | Date, options?: DurableObjectSetAlarmOptions): Promise<void>
  deleteAlarm(options?: DurableObjectSetAlarmOptions): Promise<void>
  rollback(): void
  /** Throws: everything is deleted outside of transactions. */
  deleteAll(): never
}

type SqlStorageValue = ArrayBuffer | string | number | null

interface SqlStorageCursor<T extends Record<string, SqlStorageValue>> extends IterableIterator<T> {
  toArray(): T[]
  one(): T
  raw<U extends SqlStorageValue[] = SqlStorageValue[]>(): IterableIterator<U> & { toArray(): U[] }
  readonly columnNames: string[]
  readonly rowsRead: number
  readonly rowsWritten: number
}

interface SqlStorage {
  exec<T extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>>(
    query: string,
    ...values: unknown[]
  ): SqlStorageCursor<T>
  readonly databaseSize: number
  /** The class of cursors, for `instanceof`. */
  readonly Cursor: abstract new () => SqlStorageCursor<Record<string, SqlStorageValue>>
  readonly Statement: abstract new () => object
}

interface SyncKvStorage {
  get<T = unknown>(key: string): T | undefined
  put<T>(key: string, value: T): void
  delete(key: string): boolean
  list<T = unknown>(options?: DurableObjectListOptions): Iterable<[string, T]>
}

interface DurableObjectStorage extends Omit<DurableObjectTransaction, 'rollback' | 'deleteAll'> {
  readonly sql: SqlStorage
  readonly kv: SyncKvStorage
  transaction<T>(closure: (txn: DurableObjectTransaction) => Promise<T>): Promise<T>
  transactionSync<T>(closure: () => T): T
  deleteAll(options?: DurableObjectPutOptions): Promise<void>
  sync(): Promise<void>
  getCurrentBookmark(): Promise<string>
  getBookmarkForTime(time: number | Date): Promise<string>
  onNextSessionRestoreBookmark(bookmark: string): Promise<string>
}

interface WebSocket {
  /** Takes this end into use: what has arrived is delivered from now on. */
  accept(options?: { allowHalfOpen?: boolean }): void
  /** Keeps a copy of `value` with the socket, also while its object hibernates. */
  serializeAttachment(value: unknown): void
  deserializeAttachment(): unknown
}

declare class WebSocketPair {
  readonly 0: WebSocket
  readonly 1: WebSocket;
  [Symbol.iterator](): Iterator<WebSocket>
}

declare class WebSocketRequestResponsePair {
  constructor(request: string, response: string)
  readonly request: string
  readonly response: string
}

interface ResponseInit {
  webSocket?: WebSocket | null
}

interface Response {
  /** The client's end of the socket, of a response with status 101. */
  readonly webSocket?: WebSocket | null
}

interface FacetStartupOptions {
  class: unknown
  id?: DurableObjectId | string
}

/** Objects inside of this one, each with storage of its own. */
interface DurableObjectFacets {
  get<T = unknown>(
    name: string,
    getStartupOptions: () => FacetStartupOptions | Promise<FacetStartupOptions>,
  ): RpcMethods<T> & Fetcher
  abort(name: string, reason: unknown): void
  delete(name: string): void
  clone(source: string, target: string): void
}

interface DurableObjectState<Props = unknown> {
  readonly id: DurableObjectId
  readonly props: Props
  /** The classes that the worker exports, each as a namespace or a class for facets. */
  readonly exports: Readonly<Record<string, unknown>>
  readonly facets: DurableObjectFacets
  /** There are no containers. */
  readonly container?: undefined
  readonly storage: DurableObjectStorage
  waitUntil(promise: Promise<unknown>): void
  acceptWebSocket(webSocket: WebSocket, tags?: string[]): void
  getWebSockets(tag?: string): WebSocket[]
  getTags(webSocket: WebSocket): string[]
  setWebSocketAutoResponse(pair?: WebSocketRequestResponsePair): void
  getWebSocketAutoResponse(): WebSocketRequestResponsePair | null
  getWebSocketAutoResponseTimestamp(webSocket: WebSocket): Date | null
  setHibernatableWebSocketEventTimeout(timeoutMs?: number): void
  getHibernatableWebSocketEventTimeout(): number | null
  blockConcurrencyWhile<T>(callback: () => Promise<T>): Promise<T>
  abort(reason?: unknown, options?: { retryAlarm?: boolean }): void
}

interface ExecutionContext<Props = unknown> {
  waitUntil(promise: Promise<unknown>): void
  passThroughOnException(): void
  readonly props: Props
  readonly exports: Readonly<Record<string, unknown>>
}

/** What a worker exports by default. */
interface ExportedHandler<Env = unknown> {
  fetch?(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response>
}

declare module 'cloudflare:workers' {
  export abstract class DurableObject<Env = unknown> {
    protected readonly ctx: DurableObjectState
    protected readonly env: Env
    constructor(ctx: DurableObjectState, env: Env)
    fetch?(request: Request): Response | Promise<Response>
    alarm?(info: AlarmInvocationInfo): void | Promise<void>
    webSocketMessage?(webSocket: WebSocket, message: string | ArrayBuffer): void | Promise<void>
    webSocketClose?(
      webSocket: WebSocket,
      code: number,
      reason: string,
      wasClean: boolean,
    ): void | Promise<void>
    webSocketError?(webSocket: WebSocket, error: unknown): void | Promise<void>
  }
  export abstract class WorkerEntrypoint<Env = unknown> {
    protected readonly ctx: ExecutionContext
    protected readonly env: Env
    constructor(ctx: ExecutionContext, env: Env)
    fetch?(request: Request): Response | Promise<Response>
  }
  export class RpcTarget implements RpcTargetBranded {
    readonly [rpcTargetBrand]: never
  }
  export const env: Record<string, unknown>
  export const exports: Readonly<Record<string, unknown>>
  export function waitUntil(promise: Promise<unknown>): void
  export function withEnv<T>(env: object, run: () => T): T
  export function withExports<T>(exports: object, run: () => T): T
  export function withEnvAndExports<T>(env: object, exports: object, run: () => T): T
}

declare module 'cloudflare:durable-objects' {
  export const onHibernate: undefined
  /** Marks methods that may be called again when the connection was lost. */
  export function retryable(...methods: ((...values: never[]) => unknown)[]): void
}

declare module 'workerd:unsafe' {
  interface EvictOptions {
    webSockets?: 'hibernate' | 'close'
  }
  const unsafe: {
    evict(stub: Fetcher, options?: EvictOptions): Promise<void>
    evictAllDurableObjects(options?: EvictOptions): Promise<void>
    abortAllDurableObjects(): Promise<void>
    deleteAllDurableObjects(): Promise<void>
  }
  export default unsafe
}

declare module 'sluice/workers' {
  export * from 'cloudflare:workers'
}

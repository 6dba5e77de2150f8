// The load, in a process of its own: node bench/load.ts '{"port":8787,"method":"add",…}'
// Prints one line of JSON when the last answer is in.

import { KeepAliveConnection } from './keep-alive-connection.ts'
import { SocketConnection } from './socket-connection.ts'

export interface LoadOptions {
  readonly port: number
  /** `plain`, `add`, … over HTTP; `accept` and `hibernate` over WebSockets, which echo. */
  readonly method: string
  /** Requests go to `<prefix>0` … `<prefix><objects - 1>` in turn. */
  readonly objects: number
  readonly prefix: string
  readonly connections: number
  /** One request for each object, measured from the first to the last; no warm-up. */
  readonly isOnce: boolean
  /** So many durable writes a second go to 50 other objects meanwhile, evenly spread. */
  readonly writesPerSecond: number
  /** At least this long, and until each object has answered once. */
  readonly warmUpMs: number
  readonly measuredMs: number
}

export interface LoadResult {
  /** Answers within the measured time. */
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers per object, the warm-up included: what a counter in the object must show. */
  readonly acknowledged: readonly number[]
}

async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { port, method, objects, prefix, connections, isOnce, warmUpMs, measuredMs } = options
  const paths = Array.from({ length: objects }, (_, index) => `/${method}/${prefix}${index}`)
  const acknowledged = paths.map(() => 0)
  const latencies: number[] = []
  const warmFrom = performance.now()
  let measureFrom = isOnce ? warmFrom : Number.POSITIVE_INFINITY
  let lastAnswerAt = warmFrom
  let measureUntil = Number.POSITIVE_INFINITY
  let answers = 0
  let next = 0

  const work = async (): Promise<void> => {
    const connection = await openConnection(port, method, paths[next % objects] as string)
    let sentAt = performance.now()
    while (sentAt < measureUntil && !(isOnce && next === objects)) {
      const index = next++ % objects
      await connection.ask(paths[index] as string)
      const answeredAt = performance.now()
      acknowledged[index] = (acknowledged[index] as number) + 1
      answers += 1
      const isWarm = answers >= objects && answeredAt - warmFrom >= warmUpMs
      if (!isOnce && isWarm && measureFrom === Number.POSITIVE_INFINITY) {
        measureFrom = answeredAt
        measureUntil = answeredAt + measuredMs
      }
      if (answeredAt > measureFrom && answeredAt < measureUntil) {
        latencies.push(answeredAt - sentAt)
      }
      lastAnswerAt = answeredAt
      sentAt = answeredAt
    }
    connection.close()
  }
  const stopWriting = startWriting(port, options.writesPerSecond)
  await Promise.all(Array.from({ length: connections }, work))
  await stopWriting()

  latencies.sort((left, right) => left - right)
  const quantile = (part: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(part * latencies.length))] ?? Number.NaN
  return {
    requests: latencies.length,
    seconds: isOnce ? (lastAnswerAt - warmFrom) / 1000 : measuredMs / 1000,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    acknowledged,
  }
}

const writerCount = 50

// Each of 50 writers has its own object, connection and times at which it writes; a server that falls
// behind is asked no more often, which favours it.
function startWriting(port: number, perSecond: number): () => Promise<void> {
  if (perSecond === 0) return async () => {}
  const periodMs = (1000 * writerCount) / perSecond
  let isOver = false
  const write = async (index: number): Promise<void> => {
    const connection = new KeepAliveConnection(port)
    let dueAt = performance.now() + (periodMs * index) / writerCount
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())))
      await connection.get(`/add/writer${index}`)
      dueAt = Math.max(dueAt + periodMs, performance.now())
    }
    connection.close()
  }
  const writers = Promise.all(Array.from({ length: writerCount }, (_, index) => write(index)))
  return async () => {
    isOver = true
    await writers
  }
}

interface Connection {
  ask(path: string): Promise<unknown>
  close(): void
}

async function openConnection(port: number, method: string, path: string): Promise<Connection> {
  if (method === 'accept' || method === 'hibernate') {
    const socket = await SocketConnection.open(port, path)
    return { ask: () => socket.echo(), close: () => socket.close() }
  }
  const connection = new KeepAliveConnection(port)
  return { ask: (each) => connection.get(each), close: () => connection.close() }
}

console.log(JSON.stringify(await runLoad(JSON.parse(process.argv[2] ?? '') as LoadOptions)))

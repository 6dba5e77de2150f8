// The load, in a process of its own: node bench/load.ts '{"port":8787,"method":"add",…}'
// Prints one line of JSON when the last answer is in.

import { KeepAliveConnection } from './keep-alive-connection.ts'
import { SocketConnection } from './socket-connection.ts'

export interface LoadOptions {
  readonly port: number
  /** `plain`, `add`, … over HTTP; `accept` and `hibernate` over WebSockets, which echo. */
  readonly method: string
  /** Requests go to `o0` … `o<objects - 1>` in turn. */
  readonly objects: number
  readonly connections: number
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
  const { port, method, objects, connections, warmUpMs, measuredMs } = options
  const paths = Array.from({ length: objects }, (_, index) => `/${method}/o${index}`)
  const acknowledged = paths.map(() => 0)
  const latencies: number[] = []
  const warmFrom = performance.now()
  let measureFrom = Number.POSITIVE_INFINITY
  let measureUntil = Number.POSITIVE_INFINITY
  let answers = 0
  let next = 0

  const work = async (): Promise<void> => {
    const connection = await openConnection(port, method, paths[next % objects] as string)
    let sentAt = performance.now()
    while (sentAt < measureUntil) {
      const index = next++ % objects
      await connection.ask(paths[index] as string)
      const answeredAt = performance.now()
      acknowledged[index] = (acknowledged[index] as number) + 1
      answers += 1
      const isWarm = answers >= objects && answeredAt - warmFrom >= warmUpMs
      if (isWarm && measureFrom === Number.POSITIVE_INFINITY) {
        measureFrom = answeredAt
        measureUntil = answeredAt + measuredMs
      }
      if (answeredAt > measureFrom && answeredAt < measureUntil) {
        latencies.push(answeredAt - sentAt)
      }
      sentAt = answeredAt
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: connections }, work))

  latencies.sort((left, right) => left - right)
  const quantile = (part: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(part * latencies.length))] ?? Number.NaN
  return {
    requests: latencies.length,
    seconds: measuredMs / 1000,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    acknowledged,
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

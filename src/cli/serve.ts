import { createServer } from 'node:net'
import { join } from 'node:path'
import { loadProject } from '../config/index.ts'
import { createRuntime, type Runtime } from '../sluice/index.ts'

export interface ServeArguments {
  readonly project: string
  readonly port: number
  readonly host: string
  readonly data: string | undefined
  readonly confirmDelayMs: number
  readonly storageDelayMs: number
  readonly limits: 'reference' | 'production'
  readonly cpuLimitMs: number | undefined
  readonly databaseBytesMax: number | undefined
}

/** Serves a project until a signal comes or its shard ends. @returns the exit code */
export async function serve(options: ServeArguments): Promise<number> {
  const project = loadProject(options.project)
  for (const warning of project.warnings) console.error(`sluice: warning: ${warning}`)
  let runtime: Runtime
  let ended: Promise<number>
  try {
    // Before anything is made on disk: a port in use must leave nothing behind.
    await requireFreePort(options)
    runtime = await createRuntime({
      project: options.project,
      data: options.data ?? join(project.root, '.sluice', 'data'),
      confirmDelayMs: options.confirmDelayMs,
      storageDelayMs: options.storageDelayMs,
      limits: options.limits,
      ...(options.cpuLimitMs === undefined ? {} : { cpuLimitMs: options.cpuLimitMs }),
      ...(options.databaseBytesMax === undefined
        ? {}
        : { databaseBytesMax: options.databaseBytesMax }),
      shard: 'thread',
    })
  } catch (error) {
    console.error(`sluice: ${explain(error, options)}`)
    return 1
  }
  try {
    const { url } = await runtime.listen(options)
    // First: whoever reads the line may send a signal at once.
    ended = untilEnd(runtime)
    console.log(`Ready on ${url}`)
  } catch (error) {
    console.error(`sluice: ${explain(error, options)}`)
    await runtime.close()
    return 1
  }
  return ended
}

async function untilEnd(runtime: Runtime): Promise<number> {
  let exitCode = 0
  const stop = (): void => {
    // The second signal means: now.
    process.once('SIGINT', () => process.exit(130))
    process.once('SIGTERM', () => process.exit(130))
    runtime.close().catch((error: unknown) => {
      console.error('sluice: cannot stop cleanly:', error)
      process.exit(1)
    })
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const error = await runtime.ended
  process.off('SIGINT', stop)
  process.off('SIGTERM', stop)
  if (error !== undefined) {
    console.error(`sluice: the shard has ended: ${error.message}`)
    exitCode = 1
  }
  return exitCode
}

function requireFreePort({ host, port }: ServeArguments): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host, port }, () => probe.close(() => resolve()))
  })
}

function explain(error: unknown, { host, port }: ServeArguments): string {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is in use; choose another with --port`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `cannot listen on '${host}': this machine does not have that address`
    case 'EACCES':
      return `no permission: ${message}`
    default:
      return message
  }
}

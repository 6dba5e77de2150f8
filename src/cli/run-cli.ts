import { readFileSync } from 'node:fs'
import { ConfigError } from '../config/index.ts'
import { parse, parseNumber, UsageError } from './arguments.ts'
import { runData } from './data.ts'
import { serve, type ServeArguments } from './serve.ts'

const overview = `Usage: sluice <command>

Commands:
  serve PROJECT   Run a project and serve it over HTTP
  data COMMAND    Look into a data folder, or import one: verify, list, dump, import

Options:
  --help          Show this, or the help of a command
  --version       Show the version`

const serveHelp = `Usage: sluice serve PROJECT [options]

PROJECT is a folder with a Wrangler config (wrangler.jsonc, .json or .toml), or a single .ts or .js
file: each class it exports that extends DurableObject is bound under its own name.

Options:
  --port P              Port; 0 chooses a free one (8787)
  --host H              Address to listen on (127.0.0.1)
  --data DIR            Folder of all durable state (.sluice/data beside the project)
  --confirm-delay MS    Delay every confirmation of durability, to see what the output gate holds (0)
  --storage-delay MS    Make storage take time, to see what the input gate holds: keys and values
                        only, no SQL, with a write-back cache before them (0: SQLite, which never waits)
  --limits NAME         reference (default), or production: what objects may store and compute where
                        the reference is hosted
  --cpu-limit MS        What an object may compute after an event (30000 with production, else any)
  --database-limit B    Bytes of one object's database (10 GB with production, else any)
  --help                Show this`

/** Runs one command. @returns the exit code */
export async function runCli(values: readonly string[]): Promise<number> {
  try {
    return await dispatch(values)
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConfigError)) throw error
    console.error(`sluice: ${error.message}`)
    return 1
  }
}

async function dispatch([command, ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case 'serve': {
      const parsed = parseServe(rest)
      if (parsed !== 'help') return serve(parsed)
      console.log(serveHelp)
      return 0
    }
    case 'data':
      return runData(rest)
    case '--version':
      console.log(version())
      return 0
    case '--help':
    case undefined:
      console.log(overview)
      return command === undefined ? 1 : 0
    default:
      throw new UsageError(`unknown command '${command}'; see 'sluice --help'`)
  }
}

function parseServe(values: readonly string[]): ServeArguments | 'help' {
  const { options, positionals } = parse('serve', values, {
    port: { type: 'string' },
    host: { type: 'string' },
    data: { type: 'string' },
    'confirm-delay': { type: 'string' },
    'storage-delay': { type: 'string' },
    limits: { type: 'string' },
    'cpu-limit': { type: 'string' },
    'database-limit': { type: 'string' },
  })
  if (options.help === true) return 'help'
  const [project, ...others] = positionals
  if (project === undefined) {
    throw new UsageError(
      `serve needs a PROJECT: a folder or a .ts or .js file; see 'sluice serve --help'`,
    )
  }
  if (others.length > 0) throw new UsageError(`serve takes one PROJECT, not also '${others[0]}'`)
  return {
    project,
    port: parseNumber('--port', options.port ?? '8787', 65_535),
    host: options.host ?? '127.0.0.1',
    data: options.data,
    confirmDelayMs: parseNumber('--confirm-delay', options['confirm-delay'] ?? '0', 3_600_000),
    storageDelayMs: parseNumber('--storage-delay', options['storage-delay'] ?? '0', 3_600_000),
    limits: parseLimits(options.limits ?? 'reference'),
    cpuLimitMs: parseLimit('--cpu-limit', options['cpu-limit'], 86_400_000),
    databaseBytesMax: parseLimit('--database-limit', options['database-limit'], 2 ** 50),
  }
}

function parseLimits(name: string): 'reference' | 'production' {
  if (name === 'reference' || name === 'production') return name
  throw new UsageError(`--limits is '${name}', reference or production was wanted`)
}

function parseLimit(option: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = parseNumber(option, text, max)
  if (value === 0) throw new UsageError(`${option} is '0', a number above 0 was wanted`)
  return value
}

function version(): string {
  const path = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

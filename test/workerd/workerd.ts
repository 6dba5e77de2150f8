// The reference, workerd, on a Wrangler project: the same bytes that Sluice runs.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type ParseError, parse as parseJsonc } from 'jsonc-parser'
import { type RunningServer, spawnServer } from './running-server.ts'

export interface WorkerdOptions {
  /** A folder with `wrangler.jsonc` (or `.json`). */
  readonly project: string
  /** Folder for objects' databases; without it storage is in memory. */
  readonly data?: string
  /** A free one without it. */
  readonly port?: number
  readonly pin?: string | undefined
  readonly syncDelayUs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

interface WranglerProject {
  readonly name: string
  readonly main: string
  readonly compatibility_date: string
  readonly compatibility_flags?: readonly string[]
  readonly durable_objects?: {
    readonly bindings: readonly { readonly name: string; readonly class_name: string }[]
  }
  readonly migrations?: readonly { readonly new_sqlite_classes?: readonly string[] }[]
  readonly vars?: Readonly<Record<string, unknown>>
}

const workerdPath = fileURLToPath(new URL('../../node_modules/.bin/workerd', import.meta.url))

/** Starts workerd on 127.0.0.1; `stop` removes what it needed on disk. */
export async function startWorkerd(options: WorkerdOptions): Promise<RunningServer> {
  const folder = resolve(options.project)
  const project = readProject(folder)
  const work = mkdtempSync(join(tmpdir(), 'sluice-workerd-'))
  const main = await emitMain(join(folder, project.main), work)
  const data = options.data === undefined ? undefined : resolve(options.data)
  if (data !== undefined) mkdirSync(data, { recursive: true })
  writeFileSync(join(work, 'config.capnp'), renderConfig(project, main, data, options.port ?? 0))
  // Programs that evict their own objects ask for a module that workerd hides by default.
  const needsUnsafe = project.compatibility_flags?.includes('unsafe_module') === true
  const clean = (): void => rmSync(work, { recursive: true, force: true })
  try {
    const server = await spawnServer({
      command: workerdPath,
      args: [
        'serve',
        join(work, 'config.capnp'),
        '--control-fd=3',
        ...(needsUnsafe ? ['--experimental'] : []),
      ],
      pin: options.pin,
      syncDelayUs: options.syncDelayUs,
      signal: options.signal,
      hasControlPipe: true,
      announce: readListenEvent,
    })
    const stop = (): Promise<void> => server.stop().finally(clean)
    const kill = (): Promise<void> => server.kill().finally(clean)
    return { ...server, stop, kill, [Symbol.asyncDispose]: stop }
  } catch (error) {
    clean()
    throw error
  }
}

/** The Wrangler file of a project folder, with the little of it that is needed here checked. */
export function readProject(folder: string): WranglerProject {
  const path = join(folder, 'wrangler.jsonc')
  const errors: ParseError[] = []
  const project = parseJsonc(readFileSync(path, 'utf8'), errors, {
    allowTrailingComma: true,
  }) as Partial<WranglerProject> | undefined
  if (errors.length > 0) throw new Error(`Cannot read '${path}': it is not JSON with comments`)
  for (const key of ['name', 'main', 'compatibility_date'] as const) {
    if (typeof project?.[key] !== 'string') {
      throw new Error(
        `Cannot read '${path}': '${key}' is ${typeof project?.[key]}, wanted a string`,
      )
    }
  }
  return project as WranglerProject
}

/** Puts the main module into `work` and returns its file name there. */
async function emitMain(path: string, work: string): Promise<string> {
  const isAlone = !/ from '\.{1,2}\//.test(readFileSync(path, 'utf8'))
  if (extname(path) !== '.ts' && isAlone) {
    // As it is: some programs print their own source text.
    cpSync(path, join(work, basename(path)))
    return basename(path)
  }
  await build({
    entryPoints: [path],
    outfile: join(work, 'main.js'),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    keepNames: true,
    external: ['cloudflare:*', 'node:*', 'workerd:*'],
    absWorkingDir: dirname(path),
    logLevel: 'silent',
  })
  return 'main.js'
}

function renderConfig(
  project: WranglerProject,
  main: string,
  data: string | undefined,
  port: number,
): string {
  const bindings = project.durable_objects?.bindings ?? []
  const classes = [...new Set(bindings.map((binding) => binding.class_name))]
  const sqlClasses = project.migrations?.flatMap((step) => step.new_sqlite_classes ?? [])
  const namespaces = classes.map((name) => {
    const uniqueKey = quote(`${project.name}-${name}`)
    const enableSql = sqlClasses === undefined || sqlClasses.includes(name)
    return `(className = ${quote(name)}, uniqueKey = ${uniqueKey}, enableSql = ${enableSql})`
  })
  const values = [
    ...bindings.map(
      ({ name, class_name }) =>
        `(name = ${quote(name)}, durableObjectNamespace = ${quote(class_name)})`,
    ),
    ...Object.entries(project.vars ?? {}).map(([name, value]) =>
      typeof value === 'string'
        ? `(name = ${quote(name)}, text = ${quote(value)})`
        : `(name = ${quote(name)}, json = ${quote(JSON.stringify(value))})`,
    ),
  ]
  const flags = (project.compatibility_flags ?? []).map(quote)
  const disk =
    data === undefined
      ? ''
      : `    (name = "disk", disk = (path = ${quote(data)}, writable = true)),\n`
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
${disk}    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = ${quote(main)}, esModule = embed ${quote(main)})],
  compatibilityDate = ${quote(project.compatibility_date)},
  compatibilityFlags = [${flags.join(', ')}],
  bindings = [${values.join(', ')}],
  durableObjectNamespaces = [${namespaces.join(', ')}],
  durableObjectStorage = ${data === undefined ? '(inMemory = void)' : '(localDisk = "disk")'},
);
`
}

// JSON strings are Cap'n Proto strings as long as no character needs a \u escape.
function quote(text: string): string {
  return JSON.stringify(text)
}

function readListenEvent(line: string): string | undefined {
  const event = JSON.parse(line) as { event: string; socket?: string; port?: number }
  if (event.event !== 'listen' || event.socket !== 'http') return undefined
  return `http://127.0.0.1:${event.port}`
}

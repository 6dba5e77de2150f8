import { readFile } from 'node:fs/promises'
import { registerHooks } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Message } from 'esbuild'
import { DurableError } from '../base/index.ts'
import { withUserClasses } from '../globals/index.ts'
import type { ScopeExports } from './project-scope.ts'

/** The user's program cannot be built or loaded; the message is one line for its author. */
export class ProjectError extends Error {
  override readonly name = 'ProjectError'
}

interface LoadedSource {
  readonly code: string
  readonly given: ProjectModules
}

/** What a project finds in the modules that the runtime provides. */
export interface ProjectModules {
  /** What `cloudflare:workers` has of the project's own. */
  readonly scope: ScopeExports
  /** The default export of `workerd:unsafe`; undefined when the project may not import it. */
  readonly unsafe: object | undefined
}

// Keyed by the URL under which the bundle is imported. Kept for the life of the thread: modules
// cannot be unloaded.
const sources = new Map<string, LoadedSource>()
let sourceCount = 0
let hooksInstalled = false

const workersModuleUrl = siblingUrl('workers-module')
const objectsModuleUrl = siblingUrl('durable-objects-module')

function siblingUrl(name: string): string {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./${name}.${ending}`, import.meta.url).href
}

/**
 * Bundles the program that starts at `main` and evaluates it in this thread.
 *
 * @param main absolute path
 * @returns the exports of the main module
 * @throws ProjectError with file, line and reason
 */
export async function importProject(
  main: string,
  given: ProjectModules,
): Promise<Record<string, unknown>> {
  const code = await bundle(main)
  installHooks()
  sourceCount += 1
  const url = `${pathToFileURL(main).href}?sluice=${sourceCount}`
  sources.set(url, { code, given })
  try {
    return await withUserClasses(async () => (await import(url)) as Record<string, unknown>)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProjectError(`Cannot load '${main}': ${firstLine(reason)}`, { cause: error })
  }
}

async function bundle(main: string): Promise<string> {
  await readFile(main).catch((error: unknown) => {
    throw new ProjectError(`Cannot read '${main}': ${(error as Error).message}`, { cause: error })
  })
  try {
    const { outputFiles } = await build({
      entryPoints: [main],
      outfile: join(dirname(main), `${basename(main)}.bundle.js`),
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      conditions: ['workerd', 'worker', 'browser'],
      target: 'node24',
      external: ['cloudflare:*', 'node:*', 'workerd:*'],
      alias: { 'sluice/workers': 'cloudflare:workers' },
      sourcemap: 'inline',
      keepNames: true,
      logLevel: 'silent',
      absWorkingDir: dirname(main),
    })
    const output = outputFiles[0]
    if (output === undefined)
      throw new DurableError(`Cannot bundle '${main}': esbuild made no file`)
    return output.text
  } catch (error) {
    const first = (error as { errors?: Message[] }).errors?.[0]
    if (first === undefined) throw error
    const place = first.location
    const where = place === null ? '' : ` (${join(dirname(main), place.file)}:${place.line})`
    throw new ProjectError(`Cannot build '${main}': ${firstLine(first.text)}${where}`, {
      cause: error,
    })
  }
}

// What a project may import of the runtime, and how that module's source begins; the rest is the
// project's own.
const runtimeModules: ReadonlyMap<string, (given: string) => string> = new Map<
  string,
  (given: string) => string
>([
  [
    'cloudflare:workers',
    (given) =>
      [
        `export * from ${JSON.stringify(workersModuleUrl)}`,
        `export const { env, exports, withEnv, withExports, withEnvAndExports } = ${given}.scope`,
      ].join('\n'),
  ],
  ['cloudflare:durable-objects', () => `export * from ${JSON.stringify(objectsModuleUrl)}`],
  ['workerd:unsafe', (given) => `export default ${given}.unsafe`],
])

function installHooks(): void {
  if (hooksInstalled) return
  hooksInstalled = true
  process.setSourceMapsEnabled(true)
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (sources.has(specifier)) return { url: specifier, format: 'module', shortCircuit: true }
      const parent = context.parentURL ?? ''
      const given = sources.get(parent)?.given
      if (given === undefined) {
        if (specifier !== 'cloudflare:workers') return nextResolve(specifier, context)
        return { url: workersModuleUrl, format: 'module', shortCircuit: true }
      }
      if (!/^(cloudflare|workerd):/.test(specifier)) return nextResolve(specifier, context)
      if (specifier === 'workerd:unsafe' && given.unsafe === undefined) {
        throw new ProjectError(
          'No such module "workerd:unsafe": the compatibility flag "unsafe_module" lets a project have it',
        )
      }
      if (!runtimeModules.has(specifier)) {
        throw new Error(`No such module "${specifier}".`)
      }
      return { url: `sluice:${specifier}?${parent}`, format: 'module', shortCircuit: true }
    },
    load(url, context, nextLoad) {
      const source = sources.get(url)
      if (source !== undefined) {
        return { format: 'module', source: source.code, shortCircuit: true }
      }
      if (!url.startsWith('sluice:')) return nextLoad(url, context)
      return { format: 'module', source: runtimeModule(url), shortCircuit: true }
    },
  })
}

function runtimeModule(url: string): string {
  const query = url.indexOf('?')
  const specifier = url.slice('sluice:'.length, query)
  const render = runtimeModules.get(specifier)
  if (render === undefined) throw new Error(`No such module "${specifier}".`)
  return [
    `import { modulesOf } from ${JSON.stringify(import.meta.url)}`,
    `const given = modulesOf(${JSON.stringify(url.slice(query + 1))})`,
    render('given'),
  ].join('\n')
}

/** What the project imported as `url` was given. @internal */
export function modulesOf(url: string): ProjectModules {
  const source = sources.get(url)
  if (source === undefined) throw new ProjectError(`Cannot find the project '${url}'`)
  return source.given
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, extname, isAbsolute, join, resolve } from 'node:path'
import { type ParseError, parse as parseJsonc, printParseErrorCode } from 'jsonc-parser'
import { parse as parseToml, TomlError } from 'smol-toml'

/** The project cannot be read; the message is one line for its author. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** A class of objects, and the name that it is bound to. */
export interface BoundClass {
  readonly binding: string
  readonly className: string
  /** Its objects have SQL: no migration of the project declares the class by `new_classes`. */
  readonly hasSql: boolean
}

/** What a project says about itself, checked. */
export interface Project {
  /** Part of the key of every namespace: renaming a project gives it new objects. */
  readonly name: string
  /** Absolute path of the folder that holds the project. */
  readonly root: string
  /** Absolute path of the main module. */
  readonly main: string
  /** `YYYY-MM-DD` */
  readonly compatibilityDate: string
  readonly compatibilityFlags: readonly string[]
  /** Which classes are bound under which names; `all-exported` for a project that is a single file. */
  readonly durableObjects: readonly BoundClass[] | 'all-exported'
  readonly vars: Readonly<Record<string, unknown>>
  /** One line for each key that is not supported: what it is, and what happens without it. */
  readonly warnings: readonly string[]
}

const configNames = ['wrangler.json', 'wrangler.jsonc', 'wrangler.toml']
const moduleExtensions = new Set(['.ts', '.js', '.mts', '.mjs', '.tsx', '.jsx'])
const knownKeys = new Set([
  '$schema',
  'compatibility_date',
  'compatibility_flags',
  'durable_objects',
  'main',
  'migrations',
  'name',
  'vars',
])

/**
 * Reads the project at `path`: a folder with a Wrangler config, or a single module.
 *
 * @throws ConfigError
 */
export function loadProject(path: string): Project {
  const absolute = resolve(path)
  const stat = statSync(absolute, { throwIfNoEntry: false })
  if (stat === undefined) throw new ConfigError(`Cannot find the project '${path}'`)
  if (stat.isDirectory()) return loadFolder(absolute)
  if (configNames.includes(basename(absolute))) return loadConfig(absolute)
  return singleModule(absolute)
}

function loadFolder(root: string): Project {
  for (const name of configNames) {
    const path = join(root, name)
    if (existsSync(path)) return loadConfig(path)
  }
  throw new ConfigError(
    `Cannot find a config in '${root}': wrangler.jsonc, wrangler.json or wrangler.toml was wanted`,
  )
}

function singleModule(path: string): Project {
  if (!moduleExtensions.has(extname(path))) {
    throw new ConfigError(
      `Cannot use '${path}' as a project: a folder, or a file that ends in ${[...moduleExtensions].join(', ')}, was wanted`,
    )
  }
  return {
    name: basename(path, extname(path)),
    root: dirname(path),
    main: path,
    compatibilityDate: new Date().toISOString().slice(0, 10),
    compatibilityFlags: [],
    durableObjects: 'all-exported',
    vars: {},
    warnings: [],
  }
}

function loadConfig(path: string): Project {
  const config = new Section(path, '', parseConfig(path))
  const root = dirname(path)
  const main = config.requireText('main')
  const mainPath = isAbsolute(main) ? main : join(root, main)
  if (!existsSync(mainPath)) {
    throw new ConfigError(`Cannot read '${path}': 'main' names '${main}', which does not exist`)
  }
  return {
    name: config.text('name') ?? basename(root),
    root,
    main: mainPath,
    compatibilityDate: config.date('compatibility_date'),
    compatibilityFlags: config.texts('compatibility_flags'),
    durableObjects: durableObjectsOf(config),
    vars: config.section('vars').values,
    warnings: config.keys
      .filter((key) => !knownKeys.has(key))
      .map((key) => `'${key}' in ${path} is not supported: the project runs without it`),
  }
}

function durableObjectsOf(config: Section): BoundClass[] {
  const withoutSql = classesWithoutSql(config)
  const bindings = config.section('durable_objects').sections('bindings')
  const seen = new Set<string>()
  return bindings.map((binding) => {
    const name = binding.requireText('name')
    if (seen.has(name)) binding.refuse(`the name '${name}' is bound twice`)
    seen.add(name)
    if (binding.text('script_name') !== undefined) {
      binding.refuse(`'script_name' binds a class of another worker, which is not supported`)
    }
    const className = binding.requireText('class_name')
    return { binding: name, className, hasSql: !withoutSql.has(className) }
  })
}

// A class that no migration names has SQL, unlike in Wrangler, which gives it none.
function classesWithoutSql(config: Section): ReadonlySet<string> {
  const names = new Set<string>()
  for (const step of config.sections('migrations')) {
    for (const name of step.texts('new_classes')) names.add(name)
    for (const name of step.texts('new_sqlite_classes')) names.delete(name)
    for (const name of step.texts('deleted_classes')) names.delete(name)
    for (const renamed of step.sections('renamed_classes')) {
      const from = renamed.requireText('from')
      if (names.delete(from)) names.add(renamed.requireText('to'))
    }
  }
  return names
}

function parseConfig(path: string): unknown {
  const text = readFileSync(path, 'utf8')
  if (path.endsWith('.toml')) {
    try {
      return parseToml(text)
    } catch (error) {
      if (!(error instanceof TomlError)) throw error
      const reason = error.message.split('\n', 1)[0]
      throw new ConfigError(`Cannot read '${path}', line ${error.line}: ${reason}`, {
        cause: error,
      })
    }
  }
  const errors: ParseError[] = []
  const value: unknown = parseJsonc(text, errors, { allowTrailingComma: true })
  const first = errors[0]
  if (first === undefined) return value
  const line = text.slice(0, first.offset).split('\n').length
  throw new ConfigError(`Cannot read '${path}', line ${line}: ${printParseErrorCode(first.error)}`)
}

/** A table of the config whose entries are checked as they are read. */
class Section {
  readonly values: Readonly<Record<string, unknown>>
  readonly #path: string
  readonly #name: string

  constructor(path: string, name: string, value: unknown) {
    this.#path = path
    this.#name = name
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.refuse(`a table was wanted, not ${describe(value)}`)
    }
    this.values = value as Record<string, unknown>
  }

  get keys(): string[] {
    return Object.keys(this.values)
  }

  refuse(reason: string): never {
    const where = this.#name === '' ? '' : `'${this.#name}': `
    throw new ConfigError(`Cannot read '${this.#path}': ${where}${reason}`)
  }

  text(key: string): string | undefined {
    const value = this.values[key]
    if (value === undefined || (typeof value === 'string' && value !== '')) return value
    return this.refuse(`'${key}' is ${describe(value)}, a text was wanted`)
  }

  requireText(key: string): string {
    return this.text(key) ?? this.refuse(`'${key}' is missing, a text was wanted`)
  }

  texts(key: string): string[] {
    const value = this.values[key] ?? []
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
    return this.refuse(`'${key}' is ${describe(value)}, a list of texts was wanted`)
  }

  date(key: string): string {
    const value = this.text(key) ?? new Date().toISOString().slice(0, 10)
    if (/^\d{4}-\d{2}-\d{2}$/.test(value)) return value
    return this.refuse(`'${key}' is '${value}', a date such as 2026-11-01 was wanted`)
  }

  section(key: string): Section {
    return new Section(this.#path, this.#inner(key), this.values[key] ?? {})
  }

  sections(key: string): Section[] {
    const value = this.values[key] ?? []
    if (!Array.isArray(value)) this.refuse(`'${key}' is ${describe(value)}, a list was wanted`)
    return (value as unknown[]).map(
      (item, i) => new Section(this.#path, `${this.#inner(key)}[${i}]`, item),
    )
  }

  #inner(key: string): string {
    return this.#name === '' ? key : `${this.#name}.${key}`
  }
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (value === '') return 'empty'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a table' : `a ${typeof value}`
}

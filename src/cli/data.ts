import { inspect } from 'node:util'
import {
  type DumpedObject,
  dumpObject,
  FolderReader,
  importFolder,
  isOfTheWorld,
  type ListedObject,
  toJson,
  verifyFolder,
} from '../data/index.ts'
import { parse, parseNumber, UsageError } from './arguments.ts'
import { Progress } from './progress.ts'

const help = {
  data: `Usage: sluice data <command>

Looks into a data folder that no process has open, and changes nothing in it; or imports one.

Commands:
  verify DIR              Check every database and every record of the log
  list DIR                List the objects
  dump DIR OBJECT         Print the state of one object
  import FROM --data DIR  Take over what wrangler dev, miniflare or workerd has stored

Options:
  --help                  Show this, or the help of a command`,

  verify: `Usage: sluice data verify DIR

Checks every database and every record of the log in the data folder DIR, and that the catalogue has
them all. Prints a line for each fault, and a summary; the exit code is 1 when there is a fault.
A database that the log has changes for is checked as a copy in the folder for temporary files.

Options:
  --help        Show this`,

  list: `Usage: sluice data list DIR [options]

Lists the objects in the data folder DIR: class, alarm, size, and name, or the id when the name is not
known.

Options:
  --class NAME  Only the objects of this class
  --limit N     At most so many
  --json        A JSON object per line
  --help        Show this`,

  dump: `Usage: sluice data dump DIR OBJECT [options]

Prints the state of one object in the data folder DIR: its alarm, its keys with their values, and its
SQL tables. OBJECT is Class/name or Class/id, with the 64 hex digits of the id; when several projects
have the class, project-Class/name.

Options:
  --json        JSON; what it has no word for has a "$type"
  --sql         SQL that sqlite3 reads back into the same database: sluice data dump … --sql | sqlite3 FILE
  --help        Show this`,

  import: `Usage: sluice data import FROM --data DIR [options]

Copies the objects that wrangler dev, miniflare or workerd has stored in FROM into the data folder DIR.
FROM is a project's folder, its .wrangler folder, or a storage folder, and must not be in use; it stays
as it is. Objects are found again by a project of the same name with the same classes.

Options:
  --data DIR    The data folder; it is made when there is none
  --overwrite   Replace objects that are in it already, instead of refusing
  --help        Show this`,
}

type Command = Exclude<keyof typeof help, 'data'>

/** Runs `sluice data …`. @returns the exit code */
export async function runData([command, ...values]: readonly string[]): Promise<number> {
  // Whoever reads our output may have seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  switch (command) {
    case 'verify':
    case 'list':
    case 'dump':
    case 'import':
      return run(command, values)
    case '--help':
    case undefined:
      console.log(help.data)
      return command === undefined ? 1 : 0
    default:
      throw new UsageError(`unknown command 'data ${command}'; see 'sluice data --help'`)
  }
}

async function run(command: Command, values: readonly string[]): Promise<number> {
  try {
    const perform = { verify, list, dump, import: importInto }[command]
    return await perform(values)
  } catch (error) {
    if (!isOfTheWorld(error)) throw error
    console.error(`sluice: ${error.message}`)
    return 1
  }
}

async function verify(values: readonly string[]): Promise<number> {
  const { options, positionals } = parse('data verify', values, {})
  if (options.help === true) return show('verify')
  const [directory] = take('verify', positionals, ['DIR'])
  const progress = new Progress('objects')
  const report = await verifyFolder(directory, {
    fault: (line) => progress.line(`fault: ${line}`),
    progress: (done, total) => progress.show(done, total),
  }).finally(() => progress.end())
  const { log } = report
  console.log(
    `objects ${report.objectCount}, databases ${report.databaseCount} with the catalogue’s, bytes ${report.databaseBytes}`,
  )
  console.log(
    log === undefined
      ? 'log: damaged'
      : `log: segments ${log.segments.length}, records ${log.recordCount}, torn tail ${log.tornBytes} bytes, keys in no database yet ${report.pendingKeyCount}`,
  )
  console.log(report.faultCount === 0 ? 'no faults' : `faults ${report.faultCount}`)
  return report.faultCount === 0 ? 0 : 1
}

async function list(values: readonly string[]): Promise<number> {
  const { options, positionals } = parse('data list', values, {
    class: { type: 'string' },
    limit: { type: 'string' },
    json: { type: 'boolean' },
  })
  if (options.help === true) return show('list')
  const [directory] = take('list', positionals, ['DIR'])
  const limit =
    options.limit === undefined
      ? Number.POSITIVE_INFINITY
      : parseNumber('--limit', options.limit, Number.MAX_SAFE_INTEGER)
  await withReader(directory, (reader) => {
    let left = limit
    for (const object of objectsOf(reader, options.class)) {
      if (left === 0) return
      left -= 1
      console.log(options.json === true ? JSON.stringify(summary(object)) : describe(object))
    }
  })
  return 0
}

function* objectsOf(reader: FolderReader, className: string | undefined): Generator<ListedObject> {
  for (const namespace of reader.namespaces) {
    for (const object of reader.objects(namespace)) {
      if (className !== undefined && object.className !== className) break
      yield object
    }
  }
}

async function dump(values: readonly string[]): Promise<number> {
  const { options, positionals } = parse('data dump', values, {
    json: { type: 'boolean' },
    sql: { type: 'boolean' },
  })
  if (options.help === true) return show('dump')
  const [directory, object] = take('dump', positionals, ['DIR', 'OBJECT'])
  if (options.json === true && options.sql === true) {
    throw new UsageError(`dump takes --json or --sql, not both; see 'sluice data dump --help'`)
  }
  await withReader(directory, (reader) => {
    dumpObject(reader, object, (dumped) => {
      if (options.sql === true) for (const statement of dumped.sql()) console.log(statement)
      else if (options.json === true) console.log(JSON.stringify(jsonOf(dumped), undefined, 2))
      else printObject(dumped)
    })
  })
  return 0
}

async function importInto(values: readonly string[]): Promise<number> {
  const { options, positionals } = parse('data import', values, {
    data: { type: 'string' },
    overwrite: { type: 'boolean' },
  })
  if (options.help === true) return show('import')
  const [from] = take('import', positionals, ['FROM'])
  if (options.data === undefined) {
    throw new UsageError(`import needs --data DIR; see 'sluice data import --help'`)
  }
  const progress = new Progress('objects')
  const report = await importFolder({
    from,
    data: options.data,
    overwrite: options.overwrite === true,
    fault: (line) => progress.line(`fault: ${line}`),
    progress: (done, total) => progress.show(done, total),
  }).finally(() => progress.end())
  console.log(
    `imported: objects ${report.objectCount}, keys ${report.keyCount}, rows ${report.rowCount}, alarms ${report.alarmCount}`,
  )
  if (report.emptyCount > 0) console.log(`not imported, because empty: ${report.emptyCount}`)
  if (report.facetCount > 0) console.log(`facets among them: ${report.facetCount}`)
  if (report.faultCount > 0) console.log(`faults ${report.faultCount}`)
  return report.faultCount === 0 ? 0 : 1
}

async function withReader(path: string, act: (reader: FolderReader) => void): Promise<void> {
  const reader = await FolderReader.open(path)
  try {
    act(reader)
    reader.requireUnused()
  } finally {
    await reader.close()
  }
}

function show(command: Command): number {
  console.log(help[command])
  return 0
}

/** The positional arguments, as many as wanted. */
function take<const T extends readonly string[]>(
  command: Command,
  positionals: readonly string[],
  wanted: T,
): { [K in keyof T]: string } {
  const missing = wanted[positionals.length]
  const see = `see 'sluice data ${command} --help'`
  if (missing !== undefined) throw new UsageError(`${command} needs ${missing}; ${see}`)
  const extra = positionals[wanted.length]
  if (extra !== undefined) {
    throw new UsageError(`${command} takes ${wanted.join(' and ')}, not also '${extra}'; ${see}`)
  }
  return positionals as unknown as { [K in keyof T]: string }
}

function summary(object: ListedObject): Record<string, unknown> {
  const { className, namespace, id, name, facet, alarmAt, bytes } = object
  const alarm = timeOf(alarmAt)
  const inside = facet === undefined ? {} : { facet: facet.name, parent: facet.parentId }
  return { class: className, namespace, id, name: name ?? null, ...inside, alarm, bytes }
}

function describe(object: ListedObject): string {
  const alarm = timeOf(object.alarmAt) ?? 'no alarm'
  const size = `${object.bytes} bytes`
  return `${object.className}  ${alarm.padEnd(24)}  ${size.padStart(16)}  ${labelOf(object)}`
}

function labelOf({ name, id, facet }: ListedObject): string {
  if (facet !== undefined) return `${id} facet ${JSON.stringify(facet.name)} of ${facet.parentId}`
  return name === undefined ? id : JSON.stringify(name)
}

function timeOf(alarmAt: number | null): string | null {
  return alarmAt === null ? null : new Date(alarmAt).toISOString()
}

function jsonOf(dumped: DumpedObject): unknown {
  return {
    ...summary({ ...dumped.object, alarmAt: dumped.alarmAt }),
    keys: Array.from(dumped.keys(), ([key, value]) => ({ key, value: toJson(value) })),
    schema: dumped.schema,
    tables: dumped.tables.map(({ name, columns, rows }) => ({
      name,
      columns,
      rows: Array.from(rows(), (row) => row.map((value) => toJson(plain(value)))),
    })),
  }
}

function printObject(dumped: DumpedObject): void {
  const { object, alarmAt, schema, tables } = dumped
  console.log(`${object.className} ${labelOf(object)}`)
  console.log(`key:   ${object.key}`)
  console.log(`alarm: ${timeOf(alarmAt) ?? 'none'}`)
  for (const [key, value] of dumped.keys())
    console.log(`${JSON.stringify(key)} => ${textOf(value)}`)
  for (const sql of schema) console.log(`\n${sql};`)
  for (const { name, columns, rows } of tables) {
    console.log(`\n${name} (${columns.join(', ')})`)
    for (const row of rows())
      console.log(`  ${row.map((value) => textOf(plain(value))).join(', ')}`)
  }
}

function textOf(value: unknown): string {
  return inspect(value, {
    depth: Number.POSITIVE_INFINITY,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: 100,
  })
}

/** Integers are bigints only where a number would lose some of it. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value
}

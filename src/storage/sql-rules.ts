// What SQL of the user's program may do, as the reference has it: functions, pragmas and modules by
// list, no temporary objects, no other database, nothing of the store's own tables (reference 1.10).

import { constants } from './sqlite.ts'

const {
  SQLITE_ALTER_TABLE: alterTable,
  SQLITE_ANALYZE: analyze,
  SQLITE_ATTACH: attach,
  SQLITE_CREATE_INDEX: createIndex,
  SQLITE_CREATE_TABLE: createTable,
  SQLITE_CREATE_TRIGGER: createTrigger,
  SQLITE_CREATE_VIEW: createView,
  SQLITE_CREATE_VTABLE: createModule,
  SQLITE_DELETE: deleteRow,
  SQLITE_DETACH: detach,
  SQLITE_DROP_INDEX: dropIndex,
  SQLITE_DROP_TABLE: dropTable,
  SQLITE_DROP_TRIGGER: dropTrigger,
  SQLITE_DROP_VIEW: dropView,
  SQLITE_DROP_VTABLE: dropModule,
  SQLITE_FUNCTION: callFunction,
  SQLITE_INSERT: insertRow,
  SQLITE_PRAGMA: pragma,
  SQLITE_READ: readColumn,
  SQLITE_RECURSIVE: recursive,
  SQLITE_REINDEX: reindex,
  SQLITE_SAVEPOINT: savepoint,
  SQLITE_SELECT: select,
  SQLITE_TRANSACTION: transaction,
  SQLITE_UPDATE: updateColumn,
} = constants

/** One thing that a statement does, as SQLite's authorizer tells it. */
export interface SqlAction {
  readonly code: number
  readonly first: string | null
  readonly second: string | null
  readonly database: string | null
}

/** What is known of a statement once it is compiled. */
export class SqlEffects {
  /** Running it may change the database. */
  writes = false
  /** Running it may change the schema. */
  changesSchema = false
  /** It changes a setting of the connection, which closing it would lose. */
  changesSetting = false
  /** It asks for checks at the next COMMIT, so there must be a transaction. */
  defersChecks = false
  /** BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE. */
  controlsTransaction = false
  /** The table that it inserts into, updates or deletes from, and how; the first of several. */
  target: { readonly code: number; readonly table: string } | undefined
  /** The columns that it sets, when it updates. */
  readonly columns: Set<string> = new Set()
  /** What it creates or alters, when it does. */
  changed: SqlAction | undefined

  /** @returns whether SQLite may compile it */
  judge(action: SqlAction): boolean {
    const { code, first, second, database } = action
    switch (code) {
      case select:
      case recursive:
        return true
      case readColumn:
        return isForeign(first) && first !== 'dbstat'
      case callFunction:
        return functions.has((second ?? '').toLowerCase()) || isInternal(second ?? '')
      case pragma:
        return database !== 'temp' && this.#judgePragma((first ?? '').toLowerCase(), second)
      case insertRow:
      case updateColumn:
      case deleteRow:
        return this.#judgeRow(action)
      case savepoint:
      case transaction:
        this.controlsTransaction = true
        return false
      case analyze:
        this.writes = true
        return true
      case reindex:
        this.writes = true
        return isForeign(first)
      case attach:
      case detach:
        return false
      default:
        return this.#judgeSchema(action)
    }
  }

  #judgeRow({ code, first, second, database }: SqlAction): boolean {
    this.writes = true
    // CREATE, ALTER and DROP write to these, and ALTER to the temporary one as well; programs cannot.
    if (first === 'sqlite_master' || first === 'sqlite_temp_master') return true
    if (first === null || database === 'temp' || !isForeign(first)) return false
    this.target ??= { code, table: first }
    if (code === updateColumn && second !== null && this.target.table === first) {
      this.columns.add(second)
    }
    return true
  }

  #judgeSchema(action: SqlAction): boolean {
    const { code, first, second, database } = action
    this.writes = true
    this.changesSchema = true
    const rule = schemaRules.get(code)
    if (rule === undefined || database === 'temp') return false
    if (rule !== 'drop') this.changed ??= action
    if (rule === 'create module' && !modules.has((second ?? '').toLowerCase())) return false
    return isForeign(first) && isForeign(second)
  }

  #judgePragma(name: string, value: string | null): boolean {
    if (!isForeign(value)) return false
    if (readPragmas.has(name)) return value === null
    if (tablePragmas.has(name)) return value !== null
    if (optionalPragmas.has(name)) {
      if (name === 'optimize') this.writes = true
      return true
    }
    if (!switches.has(name)) return false
    if (value === null) return true
    this.changesSetting = true
    if (name === 'defer_foreign_keys') {
      this.writes = true
      this.defersChecks = true
    }
    return switchValue.test(value)
  }
}

function isForeign(name: string | null): boolean {
  return name === null || name.slice(0, 4).toLowerCase() !== '_cf_'
}

// What ALTER TABLE calls; SQLite lets no program call them by name.
function isInternal(name: string): boolean {
  return /^sqlite_(?:rename_|drop_|add_|find_|fail$)/.test(name)
}

const schemaRules: ReadonlyMap<number, 'create' | 'create module' | 'alter' | 'drop'> = new Map([
  [createIndex, 'create'],
  [createTable, 'create'],
  [createTrigger, 'create'],
  [createView, 'create'],
  [createModule, 'create module'],
  [alterTable, 'alter'],
  [dropIndex, 'drop'],
  [dropModule, 'drop'],
  [dropTable, 'drop'],
  [dropTrigger, 'drop'],
  [dropView, 'drop'],
])

const modules = words('fts5 fts5vocab rtree rtree_i32')
const readPragmas = words('data_version page_size')
const switches = words(
  'case_sensitive_like defer_foreign_keys foreign_keys ignore_check_constraints legacy_alter_table recursive_triggers reverse_unordered_selects',
)
const switchValue = /^(?:on|off|yes|no|true|false|1|0)/i
/** Those about one thing, which must be named. */
const tablePragmas = words(
  'foreign_key_list index_info index_list index_xinfo table_info table_xinfo',
)
const optionalPragmas = words('foreign_key_check optimize quick_check table_list')

const functions = words(`
  abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil changes char coalesce concat concat_ws cos
  cosh count cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp
  first_value floor format glob group_concat hex highlight ifnull iif instr json json_array
  json_array_length json_extract json_group_array json_group_object json_insert json_object json_patch
  json_quote json_remove json_replace json_set json_type json_valid jsonb jsonb_array jsonb_extract
  jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace
  jsonb_set julianday lag last_insert_rowid last_value lead length like likelihood likely ln
  load_extension log log2 lower ltrim match max min mod nth_value ntile nullif octet_length
  percent_rank pi pow printf quote radians random randomblob rank replace round row_number rtreecheck
  rtrim sign sin sinh snippet sqrt strftime string_agg substr substring sum tan tanh time timediff
  total total_changes trim trunc typeof unhex unicode unixepoch unlikely upper zeroblob -> ->>
`)

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}

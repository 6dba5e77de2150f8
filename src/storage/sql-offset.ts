// Where in a statement SQLite found its error. node:sqlite tells the text of an error but not its
// place, so the place is looked for: by the name in the text, and, when it comes more than once, by
// compiling variants of the statement. Only a statement that failed pays for it.

import { parametersOf, type SqlToken, tokensOf } from './sql-tokens.ts'

/** Compiles SQL and throws it away. @returns the text of the error, if there is one */
export type Compile = (sql: string) => string | undefined

/** @returns in bytes of UTF-8; undefined for an error that has no place, or whose place is not found */
export function findErrorOffset(
  sql: string,
  message: string,
  compile: Compile,
): number | undefined {
  const place = findPlace(sql, message, compile)
  return place === undefined ? undefined : Buffer.byteLength(sql.slice(0, place))
}

function findPlace(sql: string, message: string, compile: Compile): number | undefined {
  const tokens = [...tokensOf(sql)]
  const find = (pattern: RegExp): string | undefined => pattern.exec(message)?.[1]
  const search: Search = { sql, message, compile, tokens }

  const unexpected =
    find(/^near "([\s\S]*)": syntax error$/) ?? find(/^unrecognized token: "([\s\S]*)"$/)
  if (unexpected !== undefined) return findUnexpected(search, unexpected)

  const column = find(/^(?:no such column|ambiguous column name): "?([\s\S]*?)"?$/)
  if (column !== undefined) return findColumn(search, column)

  for (const pattern of functionErrors) {
    const name = find(pattern)
    if (name !== undefined) return findCall(search, name)
  }
  const created = find(/^(?:table|view|trigger) ([\s\S]*) already exists$/)
  if (created !== undefined) return findName(search, created)
  const database = find(/^unknown database ([\s\S]*)$/)
  if (database !== undefined) return findName(search, database)
  if (/^variable number must be|^too many SQL variables$/.test(message)) {
    return findParameter(search)
  }
  return undefined
}

interface Search {
  readonly sql: string
  readonly message: string
  readonly compile: Compile
  readonly tokens: readonly SqlToken[]
}

const functionErrors: readonly RegExp[] = [
  /^not authorized to use function: ([\s\S]*)$/,
  /^no such function: ([\s\S]*)$/,
  /^too many arguments on function ([\s\S]*)$/,
  /^wrong number of arguments to function ([\s\S]*)\(\)$/,
  /^misuse of (?:aggregate|window)(?: function|:)? ([\s\S]*)\(\)$/,
  /^second argument to ([\s\S]*?)\(\)/,
  /^([\s\S]*)\(\) may not be used as a window function$/,
]

// A parser fails at the first token that cannot follow, whatever comes behind it.
function findUnexpected(
  { sql, message, compile, tokens }: Search,
  text: string,
): number | undefined {
  return tokens.find(
    (token) => token.text === text && compile(sql.slice(0, token.at + text.length)) === message,
  )?.at
}

function findColumn(search: Search, name: string): number | undefined {
  const { sql, message, compile, tokens } = search
  const parts = name.split('.')
  const places = tokens.flatMap((first, i): Place[] => {
    const isHere = parts.every(
      (part, k) =>
        isName(tokens[i + 2 * k], part) && (k === 0 || tokens[i + 2 * k - 1]?.text === '.'),
    )
    const last = tokens[i + 2 * parts.length - 2]
    const next = tokens[i + 2 * parts.length - 1]?.text
    const isAlone = tokens[i - 1]?.text !== '.' && next !== '.' && next !== '('
    return isHere && isAlone && last !== undefined && !isInJoin(tokens, i)
      ? [{ at: first.at, end: endOf(last) }]
      : []
  })
  if (/^\s*(?:create|alter)\b/i.test(sql)) return places[0]?.at
  // Where an expression stands, a sign may stand before it; SET and column lists have no place.
  const inExpression = places.filter(
    ({ at }) => compile(`${sql.slice(0, at)}+${sql.slice(at)}`) === message,
  )
  return findAlone(search, inExpression, '1')?.at ?? inExpression[0]?.at
}

// SQLite keeps no places of what ON says of a join.
function isInJoin(tokens: readonly SqlToken[], at: number): boolean {
  for (let i = at - 1; i >= 0; i -= 1) {
    const word = tokens[i]?.text.toUpperCase() ?? ''
    if (word === 'ON')
      return (
        isName(tokens[i + 1], 'CONFLICT') === false && tokens[0]?.text.toUpperCase() !== 'CREATE'
      )
    if (clauseWords.has(word)) return false
  }
  return false
}

const clauseWords: ReadonlySet<string> = new Set(
  'SELECT FROM JOIN WHERE GROUP HAVING ORDER LIMIT WINDOW SET VALUES RETURNING UNION'.split(' '),
)

interface Place {
  readonly at: number
  readonly end: number
}

// The place that fails alone, when something else stands in all the others.
function findAlone(search: Search, places: readonly Place[], other: string): Place | undefined {
  if (places.length < 2) return places[0]
  return places.find((place) => {
    let variant = search.sql
    for (const { at, end } of places.toReversed()) {
      if (at !== place.at) variant = variant.slice(0, at) + other + variant.slice(end)
    }
    return search.compile(variant) === search.message
  })
}

function endOf(token: SqlToken): number {
  return token.at + token.text.length
}

function findCall(search: Search, name: string): number | undefined {
  const { message, tokens } = search
  const named = tokens.filter((token) => isName(token, name))
  const calls = named
    .filter((token) => tokens[tokens.indexOf(token) + 1]?.text === '(')
    .map((token) => ({ at: token.at, end: endOf(token) }))
  // `char` takes any number of arguments.
  const alone = findAlone(search, calls, 'char')
  if (alone !== undefined) return alone.at
  // An operator such as REGEXP is a call as well.
  if (calls.length === 0) return named[0]?.at
  return calls[message.startsWith('misuse') ? calls.length - 1 : 0]?.at
}

function findName({ tokens }: Search, name: string): number | undefined {
  return tokens.find((token) => isName(token, name))?.at
}

function findParameter({ sql, tokens }: Search): number | undefined {
  return tokens.find(({ text, at }) => {
    if (!/^(?:\?|[:@$].|#\D)/.test(text)) return false
    if (/^\?\d/.test(text)) return Number(text.slice(1)) < 1 || Number(text.slice(1)) > 100
    return parametersOf(sql.slice(0, at + text.length)).length > 100
  })?.at
}

function isName(token: SqlToken | undefined, name: string): boolean {
  if (token === undefined) return false
  const { text } = token
  const quote = text[0] ?? ''
  if (!'"`['.includes(quote)) return text.toLowerCase() === name.toLowerCase()
  const inner = text.slice(1, -1)
  return (quote === '[' ? inner : inner.replaceAll(quote + quote, quote)) === name
}

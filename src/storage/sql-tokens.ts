/** One token of SQL text, as SQLite's tokenizer cuts it: neither a blank nor a comment. */
export interface SqlToken {
  readonly text: string
  readonly at: number
}

// A blob, a number with what cannot follow one (an illegal token then), a string or quoted name (which
// may lack its end), a parameter, a word, an operator of several characters, any other character.
const token =
  /[xX]'[^']*'?|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?[\w$\u0080-\uffff]*|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|\?\d*|[$@:#][\w$\u0080-\uffff]+(?:::[\w$\u0080-\uffff]+)*(?:\([^\s)]*\))?|[\w$\u0080-\uffff]+|->>?|\|\||<<|>>|<=|>=|<>|==|!=|[\s\S]/y
const blank = /(?:[ \t\n\f\r]+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))+/y

/** The tokens of `sql` from `from` on. Like SQLite it stops at a NUL. */
export function* tokensOf(sql: string, from = 0): Generator<SqlToken> {
  let at = from
  while (at < sql.length) {
    blank.lastIndex = at
    if (blank.test(sql)) at = blank.lastIndex
    token.lastIndex = at
    const text = token.exec(sql)?.[0]
    if (text === undefined || text === '\0') return
    yield { text, at }
    at += text.length
  }
}

/**
 * Where the first statement of `sql` from `from` on ends: behind its semicolon. The body of a trigger
 * has semicolons of its own.
 *
 * @returns undefined when there is no statement, only blanks, comments and semicolons
 */
export function findStatementEnd(sql: string, from: number): number | undefined {
  const words: string[] = []
  let last = ''
  let beforeLast = ''
  for (const { text, at } of tokensOf(sql, from)) {
    if (text === ';' && words.length > 0) {
      if (!isTrigger(words) || (last === 'END' && beforeLast === ';')) return at + 1
    }
    if (text === ';' && words.length === 0) continue
    const word = text.toUpperCase()
    if (words.length < 7) words.push(word)
    beforeLast = last
    last = word
  }
  if (words.length === 0) return undefined
  const nul = sql.indexOf('\0', from)
  return nul === -1 ? sql.length : nul
}

// [EXPLAIN [QUERY PLAN]] CREATE [TEMP|TEMPORARY] TRIGGER
function isTrigger(words: readonly string[]): boolean {
  const explain = words[0] !== 'EXPLAIN' ? 0 : words[1] === 'QUERY' ? 3 : 1
  if (words[explain] !== 'CREATE') return false
  const next = words[explain + 1]
  return (
    next === 'TRIGGER' || (next?.startsWith('TEMP') === true && words[explain + 2] === 'TRIGGER')
  )
}

/**
 * The parameters of a statement by their position, as SQLite numbers them: a name, or undefined for
 * one without. A name that comes again is the same parameter.
 */
export function parametersOf(sql: string): readonly (string | undefined)[] {
  const parameters: (string | undefined)[] = []
  if (!/[?:@$#]/.test(sql)) return parameters
  for (const { text } of tokensOf(sql)) {
    if (text === '?') parameters.push(undefined)
    else if (text[0] === '?') parameters.length = Math.max(parameters.length, Number(text.slice(1)))
    else if (/^(?:[:@$].|#\D)/.test(text) && !parameters.includes(text)) parameters.push(text)
  }
  return parameters
}

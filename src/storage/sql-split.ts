/**
 * Cuts SQL text into its statements, each with its semicolon. node:sqlite runs the first statement of
 * a text and silently ignores the rest.
 *
 * Knows strings, quoted names, comments and trigger bodies; what is no statement (blanks, comments,
 * lone semicolons) is left out.
 */
export function splitStatements(sql: string): string[] {
  const statements: string[] = []
  let start = 0
  let words: string[] = []
  let depth = 0
  for (const { text, at } of tokens(sql)) {
    if (text === ';' && depth === 0) {
      if (words.length > 0) statements.push(sql.slice(start, at + 1))
      start = at + 1
      words = []
      continue
    }
    const word = text.toUpperCase()
    if (isTrigger(words)) {
      // BEGIN opens the body; CASE inside it has an END of its own.
      if (word === 'BEGIN' || word === 'CASE') depth += 1
      if (word === 'END' && depth > 0) depth -= 1
    }
    if (words.length < 4) words.push(word)
    else if (words.length === 4) words.push('')
  }
  if (words.length > 0) statements.push(sql.slice(start))
  return statements
}

/** How many values a statement takes; a named or numbered parameter counts once. */
export function countParameters(sql: string): number {
  const named = new Set<string>()
  let highest = 0
  for (const { text } of tokens(sql)) {
    if (text === '?') highest += 1
    else if (text.startsWith('?')) highest = Math.max(highest, Number(text.slice(1)))
    else if (/^[:@$]./.test(text) && !named.has(text)) {
      named.add(text)
      highest += 1
    }
  }
  return highest
}

// CREATE [TEMP|TEMPORARY] TRIGGER
function isTrigger(words: readonly string[]): boolean {
  if (words[0] !== 'CREATE') return false
  return words[1] === 'TRIGGER' || (words[1]?.startsWith('TEMP') === true && words[2] === 'TRIGGER')
}

const token =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|\?\d*|[:@$][\p{L}\p{N}_]+|[\p{L}\p{N}_$]+|\s+|[\s\S]/gu

function* tokens(sql: string): Generator<{ text: string; at: number }> {
  for (const match of sql.matchAll(token)) {
    const text = match[0]
    if (text.startsWith('--') || text.startsWith('/*') || text.trim() === '') continue
    yield { text, at: match.index }
  }
}

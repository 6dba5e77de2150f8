// Compares what a program answered with what the reference answered when it was recorded.

/** One place where two answers differ; the texts are for people. */
export interface Difference {
  readonly path: string
  readonly actual: string
  readonly expected: string
}

/**
 * The differences of two parsed JSON answers, in the order of `expected`.
 *
 * Object ids, bookmarks and the references of internal errors are compared by kind, since they
 * depend on the name of the deployment and on time; so is every number found at one of the `variable` paths (`.ms`, `.dbsize`).
 */
export function compareAnswers(
  actual: unknown,
  expected: unknown,
  variable: readonly string[] = [],
): Difference[] {
  const differences: Difference[] = []
  walk(actual, expected, '')
  return differences

  function walk(left: unknown, right: unknown, path: string): void {
    if (isTree(left) && isTree(right) && Array.isArray(left) === Array.isArray(right)) {
      for (const key of new Set([...Object.keys(right), ...Object.keys(left)])) {
        walk(Reflect.get(left, key), Reflect.get(right, key), `${path}.${key}`)
      }
      return
    }
    const isVariable = variable.includes(path)
    const texts = [left, right].map((value) => render(value, isVariable)) as [string, string]
    if (texts[0] !== texts[1]) differences.push({ path, actual: texts[0], expected: texts[1] })
  }
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function render(value: unknown, isVariable: boolean): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  const kind = text
    .replaceAll(/\b[0-9a-f]{64}\b/g, '<id>')
    .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{8}){2}-[0-9a-f]{32}\b/g, '<bookmark>')
    .replaceAll(/(?<=; reference = )[0-9a-z]{24}\b/g, '<reference>')
  return isVariable ? kind.replaceAll(/\d+(\.\d+)?/g, '<number>') : kind
}

/** The JSON objects that stand one after another in a recording; no text in it holds `}{`. */
export function parseRecording(text: string): unknown[] {
  return text
    .trim()
    .split(/(?<=\})\s*(?=\{)/)
    .map((value) => JSON.parse(value) as unknown)
}

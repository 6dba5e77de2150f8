import { parseArgs } from 'node:util'

/** The arguments are wrong; the message is one line. */
export class UsageError extends Error {}

type OptionKinds = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>

type Options<T extends OptionKinds> = {
  [K in keyof T]?: T[K]['type'] extends 'string' ? string : boolean
} & { help?: boolean }

/** @throws UsageError naming `command`, whose help tells more */
export function parse<T extends OptionKinds>(
  command: string,
  values: readonly string[],
  kinds: T,
): { options: Options<T>; positionals: string[] } {
  try {
    const { values: options, positionals } = parseArgs({
      args: [...values],
      allowPositionals: true,
      options: { ...kinds, help: { type: 'boolean' } },
    })
    return { options: options as Options<T>, positionals }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    const option = /^Option '(--[\w-]+)/.exec(message)?.[1]
    const wanted = message.includes('does not take') ? 'takes no value' : 'needs a value'
    // Of an unknown option the first sentence tells all; Node's advice about `--` does not help here.
    const reason = option === undefined ? message.split('. ', 1)[0] : `${option} ${wanted}`
    throw new UsageError(`${reason}; see 'sluice ${command} --help'`)
  }
}

export function parseNumber(option: string, text: string, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= max) return value
  throw new UsageError(`${option} is '${text}', a whole number from 0 to ${max} was wanted`)
}

// What the runtime imports as esbuild where thousands of sessions load the same program.

import { type BuildOptions, type BuildResult, build as buildAnew } from 'esbuild'

const results = new Map<string, Promise<BuildResult>>()

export function build(options: BuildOptions): Promise<BuildResult> {
  const key = JSON.stringify(options)
  let result = results.get(key)
  if (result === undefined) results.set(key, (result = buildAnew(options)))
  return result
}

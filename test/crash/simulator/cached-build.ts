// What the runtime imports as esbuild where thousands of sessions load the same program: it is bundled
// and evaluated once, and each session's bundle exports that one. So no session has a module state of
// its own, which the program does not use.

import { type BuildOptions, type BuildResult, build as buildAnew } from 'esbuild'
import { registerHooks } from 'node:module'

const programs = new Map<string, string>()
let result: Promise<BuildResult> | undefined

registerHooks({
  resolve: (specifier, context, nextResolve) =>
    programs.has(specifier)
      ? { url: specifier, format: 'module', shortCircuit: true }
      : nextResolve(specifier, context),
  load: (url, context, nextLoad) => {
    const source = programs.get(url)
    if (source === undefined) return nextLoad(url, context)
    return { format: 'module', source, shortCircuit: true }
  },
})

export function build(options: BuildOptions): Promise<BuildResult> {
  result ??= buildOnce(options)
  return result
}

async function buildOnce(options: BuildOptions): Promise<BuildResult> {
  const built = await buildAnew(options)
  const url = 'simulator:program'
  programs.set(url, built.outputFiles?.[0]?.text ?? '')
  const text = `export * from '${url}'; export { default } from '${url}'`
  return { ...built, outputFiles: [{ text }] } as BuildResult
}

// config: what a project says about itself. Reads Wrangler configs and single modules, checks what
// it understands, and names what it does not. Knows nothing of runtimes.

export { ConfigError, loadProject, type Project } from './load-project.ts'

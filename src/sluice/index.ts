// sluice: what `import … from 'sluice'` gives. Composes shard, front door and config into a runtime
// that any Node program can embed. Knows where user code runs: inline, in a thread, in a process.

export {
  createRuntime,
  type Runtime,
  type RuntimeOptions,
  type RuntimeResponse,
  type RuntimeWebSocket,
} from './create-runtime.ts'

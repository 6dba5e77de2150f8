// gates: who may enter and who may leave one object. An input gate with nested critical sections,
// and an output gate with holds. Pure: callbacks only, no promises, no time, no I/O; the caller runs
// the turns and makes the commits. Rules: docs/spec/gates.md.

export {
  CriticalSection,
  InputGate,
  type InputGateHooks,
  InputLock,
  type InputWaiter,
} from './input-gate.ts'
export { OutputGate, type OutputGateHooks, OutputHold, type OutputWaiter } from './output-gate.ts'

// testing: what `import … from 'sluice/testing'` gives: suites that any implementation of one of
// Sluice's ports has to pass. Knows the ports (`base`) and node:test, no implementation.

export { type LogUnderTest, testCommitLog } from './log-suite.ts'

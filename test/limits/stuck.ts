// Lets an object compute without an end, in a shard elsewhere: `node stuck.ts PROJECT thread|process`.

import { createRuntime } from '../../src/sluice/index.ts'

const [, , project = '', shard] = process.argv
const runtime = await createRuntime({
  project,
  shard: shard === 'process' ? 'process' : 'thread',
  cpuLimitMs: 1000,
})
const body = JSON.stringify({ className: 'Sql', method: 'compute', values: [1e12] })
const answer = runtime.fetch('http://x/', { method: 'POST', body }).then(
  () => 'an answer',
  (error: unknown) => String(error),
)
console.log(`ended: ${(await runtime.ended)?.message}`)
console.log(`the caller has: ${await answer}`)
process.exit(0)

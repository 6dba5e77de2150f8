// Reference 1.4: blockConcurrencyWhile.

import { attempt, serve, Subject } from '../harness.js'

export { Subject }

export default serve({
  'R4.1 gives what the callback returns': async ({ ctx }) => [
    await ctx.blockConcurrencyWhile(async () => 'value'),
    await ctx.blockConcurrencyWhile(async () => {}),
  ],
  'R4.2 the callback may be synchronous': async ({ ctx }) => [
    await ctx.blockConcurrencyWhile(() => 7),
    await ctx.blockConcurrencyWhile(() => undefined),
    ctx.blockConcurrencyWhile(() => 7) instanceof Promise,
  ],
  'R4.14 a new stub reaches a new instance, and the old stub stays broken': {
    steps: {
      fail: ({ ctx }) =>
        ctx.blockConcurrencyWhile(() => {
          throw new Error('no')
        }),
      ask: ({ log }, value) => log.push(value),
    },
    drive: async ({ fresh }) => {
      const object = fresh()
      return [
        await object.do('ask', 1),
        await attempt(() => object.do('fail')),
        await attempt(() => object.do('ask', 2)),
        await object.renew().do('ask', 3),
      ]
    },
  },
})

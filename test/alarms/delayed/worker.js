// An object with alarms that uses the asynchronous API alone. GET /<name>/<method>/<JSON arguments>.

import { DurableObject } from 'cloudflare:workers'

export class Sleeper extends DurableObject {
  async arm(delayMs, plan) {
    await this.ctx.storage.put({ plan, log: [] })
    await this.ctx.storage.setAlarm(Date.now() + delayMs)
  }

  async state() {
    const { storage } = this.ctx
    return { log: (await storage.get('log')) ?? [], isArmed: (await storage.getAlarm()) !== null }
  }

  async alarm({ retryCount }) {
    const { storage } = this.ctx
    const [step, ...plan] = await storage.get('plan')
    const log = await storage.get('log')
    // While the handler runs there is no alarm but a new one.
    await storage.put({ plan, log: [...log, [step, retryCount, await storage.getAlarm()]] })
    if (step === 'again') await storage.setAlarm(Date.now() + 20)
    if (step === 'rolled back') {
      await storage
        .transaction(async (txn) => {
          await txn.setAlarm(Date.now() + 20)
          throw new Error('back')
        })
        .catch(() => {})
    }
    if (step === 'throw') throw new Error('on purpose')
  }
}

export default {
  async fetch(request, env) {
    const [, name, method, values = '[]'] = new URL(request.url).pathname.split('/')
    const stub = env.Sleeper.getByName(name)
    return Response.json((await stub[method](...JSON.parse(decodeURIComponent(values)))) ?? null)
  },
}

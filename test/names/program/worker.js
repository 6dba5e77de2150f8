// Objects whose ids carry a jurisdiction, asked by their digits.

import { DurableObject } from 'cloudflare:workers'

export class Labeled extends DurableObject {
  about() {
    const { jurisdiction, name } = this.ctx.id
    return { jurisdiction, name, kept: this.ctx.storage.kv.get('kept') }
  }

  async keep(delayMs) {
    this.ctx.storage.kv.put('kept', 'before')
    await this.ctx.storage.setAlarm(Date.now() + delayMs)
  }

  // Tells another object, since a question to this one by its digits would wake it without its name.
  async alarm() {
    const { jurisdiction, name } = this.ctx.id
    await this.env.LABELED.getByName('witness').witness(`${name} rang in ${jurisdiction}`)
  }

  witness(line) {
    this.ctx.storage.kv.put('kept', line)
  }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    if (url.pathname === '/make') {
      const stub = env.LABELED.jurisdiction('eu').getByName('box')
      await stub.keep(Number(url.searchParams.get('delay')))
      const elsewhere = await env.LABELED.getByName('box').about()
      return Response.json({ id: String(stub.id), about: await stub.about(), elsewhere })
    }
    if (url.pathname === '/witness') {
      return Response.json({ about: await env.LABELED.getByName('witness').about() })
    }
    const id = env.LABELED.idFromString(url.pathname.slice(1))
    return Response.json({ id: { ...id }, about: await env.LABELED.get(id).about() })
  },
}

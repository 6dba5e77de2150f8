// Objects that write to storage between two chunks of each kind of stream. The second chunk says when
// the write was made; readers say when the chunks came.
import { DurableObject } from 'cloudflare:workers'

const encode = (text) => new TextEncoder().encode(text)
const decode = (bytes) => new TextDecoder().decode(bytes)
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const gapMs = 50
const tell = (error) => ({ name: error.name, message: error.message, ...error })

// `write` stores something and returns the time before it, always 13 digits.
const kinds = {
  'start()': (write) =>
    new ReadableStream({
      async start(controller) {
        controller.enqueue(encode('first'))
        await sleep(gapMs)
        controller.enqueue(encode(write()))
        controller.close()
      },
    }),
  // No time passes between: the second pull() is asked for by the read of the first chunk.
  'pull()': (write) => {
    let count = 0
    return new ReadableStream({
      pull(controller) {
        count += 1
        controller.enqueue(encode(count === 1 ? 'first' : write()))
        if (count === 2) controller.close()
      },
    })
  },
  'pull(), without a queue': (write) => {
    let count = 0
    const source = {
      async pull(controller) {
        count += 1
        controller.enqueue(count === 1 ? 'first' : write())
        if (count === 2) controller.close()
      },
    }
    return new ReadableStream(source, { highWaterMark: 0 })
  },
  'type bytes': (write) => {
    let count = 0
    return new ReadableStream({
      type: 'bytes',
      pull(controller) {
        count += 1
        controller.enqueue(encode(count === 1 ? 'first' : write()))
        if (count === 2) controller.close()
      },
    })
  },
  'type bytes, with a queue': (write) => {
    let count = 0
    const source = {
      type: 'bytes',
      pull(controller) {
        count += 1
        controller.enqueue(encode(count === 1 ? 'first' : write()))
        if (count === 2) controller.close()
      },
    }
    return new ReadableStream(source, { highWaterMark: 1 })
  },
  'byob requests': (write) => {
    let count = 0
    return new ReadableStream({
      type: 'bytes',
      autoAllocateChunkSize: 64,
      pull(controller) {
        count += 1
        const bytes = encode(count === 1 ? 'first' : write())
        controller.byobRequest.view.set(bytes)
        controller.byobRequest.respond(bytes.byteLength)
        if (count === 2) controller.close()
      },
    })
  },
  TransformStream: (write) => through(new TransformStream(), write),
  IdentityTransformStream: (write) => through(new IdentityTransformStream(), write),
  FixedLengthStream: (write) => through(new FixedLengthStream(18), write),
  'transform()': (write) => {
    const { readable, writable } = new TransformStream({
      transform: (chunk, controller) =>
        controller.enqueue(encode(chunk === 'second' ? write() : chunk)),
    })
    const writer = writable.getWriter()
    void (async () => {
      await writer.write('first')
      await sleep(gapMs)
      await writer.write('second')
      await writer.close()
    })()
    return readable
  },
  'tee()': (write) => {
    const [mine, other] = kinds['start()'](write).tee()
    void new Response(mine).text()
    return other
  },
  'pipeThrough()': (write) => kinds['start()'](write).pipeThrough(new TransformStream()),
  'pipeTo()': (write) => {
    const { readable, writable } = new IdentityTransformStream()
    void kinds['start()'](write).pipeTo(writable)
    return readable
  },
  'ReadableStream.from()': (write) =>
    ReadableStream.from(
      (async function* () {
        yield encode('first')
        yield encode(write())
      })(),
    ),
  TextEncoderStream: (write) => {
    const { readable, writable } = new TextEncoderStream()
    const writer = writable.getWriter()
    void (async () => {
      await writer.write('first')
      await sleep(gapMs)
      await writer.write(write())
      await writer.close()
    })()
    return readable
  },
  // Bytes that were compressed and decompressed on their way.
  DecompressionStream: (write) => {
    let count = 0
    const source = {
      async pull(controller) {
        count += 1
        const gzip = new Response(count === 1 ? 'first' : write()).body
          .pipeThrough(new CompressionStream('gzip'))
          .pipeThrough(new DecompressionStream('gzip'))
        controller.enqueue(await new Response(gzip).bytes())
        if (count === 2) controller.close()
      },
    }
    return new ReadableStream(source, { highWaterMark: 0 })
  },
}

function through({ readable, writable }, write) {
  const writer = writable.getWriter()
  void (async () => {
    await writer.write(encode('first'))
    const second = encode(write())
    await writer.write(second)
    await writer.close()
  })()
  return readable
}

// Ways in which a stream that has sent 'first' goes on after a write.
const endings = {
  end: (controller) => controller.close(),
  error: (controller) => controller.error(new RangeError('gone wrong')),
}

/** When the two chunks came, and when the write between them was made. */
async function readTimes(stream) {
  const reader = stream.getReader()
  let text = ''
  let firstAt
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    text += decode(value)
    if (text === 'first') firstAt = Date.now()
  }
  const writtenAt = Number(text.slice('first'.length))
  return { firstAt, writtenAt, secondAt: Date.now() }
}

/** As {@link readTimes}, of a stream that says nothing after `first`. */
async function readEnding(stream) {
  const reader = stream.getReader()
  const text = decode((await reader.read()).value)
  const firstAt = Date.now()
  const ending = await reader.read().then(
    ({ done, value }) => (done ? 'end' : decode(value)),
    (error) => tell(error),
  )
  return { text, firstAt, ending, endedAt: Date.now() }
}

export class Streamer extends DurableObject {
  log = []
  pulls = 0
  bytes = 0
  instance = crypto.randomUUID()

  #write = () => {
    const at = Date.now()
    this.ctx.storage.put('key', at)
    this.writtenAt = at
    return String(at)
  }

  make(kind) {
    return kinds[kind](this.#write)
  }

  end(how) {
    return new ReadableStream({
      start: async (controller) => {
        controller.enqueue(encode('first'))
        await sleep(gapMs)
        this.#write()
        endings[how](controller)
      },
    })
  }

  // Writes nothing.
  pace(how) {
    return new ReadableStream({
      async start(controller) {
        controller.enqueue(encode('first'))
        await sleep(4 * gapMs)
        if (how === 'stall') return
        controller.enqueue(encode('second'))
        controller.close()
      },
    })
  }

  async relay(other, then) {
    const stream = await this.env.STREAMER.getByName(other).pace(then === 'abort' && 'stall')
    this.#act(then)
    return stream
  }

  #act(how) {
    setTimeout(() => (how === 'abort' ? this.ctx.abort('enough') : this.#write()), gapMs)
  }

  getWrittenAt() {
    return this.writtenAt
  }

  getInstance() {
    return this.instance
  }

  takeLog() {
    return this.log.splice(0)
  }

  getCounts() {
    return { pulls: this.pulls, bytes: this.bytes }
  }

  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    const kind = searchParams.get('kind')
    switch (pathname) {
      case '/make':
        return new Response(this.make(kind))
      case '/end':
        return new Response(this.end(kind))
      case '/read':
        return Response.json(await readTimes(request.body))
      case '/readEnding':
        return Response.json(await readEnding(request.body))
      case '/echo':
        return new Response(request.body)
      case '/break':
        return new Response(this.breaking(kind), length(searchParams))
      case '/endless':
        return new Response(this.endless())
      case '/count':
        for await (const chunk of request.body) {
          this.bytes += chunk.byteLength
          if (searchParams.has('slow')) await sleep(20)
        }
        return new Response(String(this.bytes))
      case '/pace':
        return new Response(this.pace(kind))
      case '/relay': {
        const then = searchParams.get('then')
        const { body } = await this.env.STREAMER.getByName(kind).fetch(
          `http://object/pace${then === 'abort' ? '?kind=stall' : ''}`,
        )
        this.#act(then)
        return new Response(body)
      }
      case '/upload':
        try {
          this.bytes = (await request.bytes()).byteLength
        } catch (error) {
          this.log.push(tell(error))
        }
        return new Response('?')
      case '/stall':
        await sleep(Number(kind))
        return new Response(String((await request.bytes()).byteLength))
      default:
        return new Response('?', { status: 404 })
    }
  }

  read(stream) {
    return readTimes(stream)
  }

  readEnding(stream) {
    return readEnding(stream)
  }

  // This object writes, and sends to another one.

  passTo(other, kind) {
    return this.env.STREAMER.getByName(other).read(this.make(kind))
  }

  async postTo(other, kind) {
    const body = this.make(kind)
    const object = this.env.STREAMER.getByName(other)
    return (await object.fetch('http://object/read', { method: 'POST', body })).json()
  }

  async postOutside(url, kind) {
    const body = this.make(kind)
    return (await fetch(url, { method: 'POST', body, duplex: 'half' })).json()
  }

  async endArgument(other, how) {
    const ended = await this.env.STREAMER.getByName(other).readEnding(this.end(how))
    return { ...ended, writtenAt: this.writtenAt }
  }

  async endRequest(other, how) {
    const object = this.env.STREAMER.getByName(other)
    const body = this.end(how)
    const answer = await object.fetch('http://object/readEnding', { method: 'POST', body })
    return { ...(await answer.json()), writtenAt: this.writtenAt }
  }

  async writeInto(writable, how) {
    const writer = writable.getWriter()
    await writer.write(encode('first'))
    const at = this.#write()
    if (how === 'write') {
      await writer.write(encode(at))
      await writer.close()
    } else if (how === 'close') await writer.close()
    else await writer.abort(new RangeError('given up'))
    return Number(at)
  }

  // Its writes are acknowledged when this object's storage is durable.
  getWritable() {
    return new WritableStream({
      write: () => {
        this.#write()
      },
    })
  }

  async writeAndCancel(other, way) {
    const object = this.env.STREAMER.getByName(other)
    const stream =
      way === 'body' ? (await object.fetch('http://object/endless')).body : await object.endless()
    const reader = stream.getReader()
    await reader.read()
    const writtenAt = Number(this.#write())
    await reader.cancel(new RangeError('enough'))
    return writtenAt
  }

  async writeAndAbort(url) {
    const control = new AbortController()
    const response = await fetch(url, { signal: control.signal })
    const reader = response.body.getReader()
    await reader.read()
    const at = Number(this.#write())
    control.abort(new RangeError('aborted'))
    const error = await reader.read().then(() => 'no error', tell)
    return { at, error, ms: Date.now() - at }
  }

  async abortByTime(url) {
    const response = await fetch(url, { signal: AbortSignal.timeout(gapMs) })
    const aborted = response.text().catch(tell)
    // The signal is a timer of this object: it does not fire inside of a section begun before.
    const inside = await this.ctx.blockConcurrencyWhile(async () => {
      await sleep(4 * gapMs)
      return Promise.race([aborted, 'not yet'])
    })
    const { name } = await aborted
    return [inside, name]
  }

  getDroppable() {
    return new WritableStream({ abort: (reason) => void this.log.push(tell(reason)) })
  }

  async cancelRequest(other) {
    const log = []
    const body = new ReadableStream({
      pull: async (controller) => {
        await sleep(1)
        controller.enqueue(encode('x'))
      },
      cancel: (reason) => void log.push(tell(reason)),
    })
    const object = this.env.STREAMER.getByName(other)
    const answer = await object.fetch('http://object/nothing', { method: 'POST', body })
    while (log.length === 0) await sleep(5)
    return [answer.status, ...log]
  }

  endless() {
    return new ReadableStream(
      {
        pull: async (controller) => {
          this.pulls += 1
          await sleep(1)
          controller.enqueue(new Uint8Array(65_536))
        },
        cancel: (reason) => {
          this.log.push({ cancelled: reason === undefined ? null : tell(reason), at: Date.now() })
        },
      },
      { highWaterMark: 0 },
    )
  }

  // Sends 'first' and breaks; whatever it sends after its last write nobody may see.
  breaking(how) {
    return new ReadableStream({
      start: async (controller) => {
        controller.enqueue(encode('first'))
        await sleep(gapMs)
        const { storage } = this.ctx
        // With nothing on its way.
        if (how === 'silent abort') this.ctx.abort('enough')
        if (how === 'abort') {
          this.#write()
          controller.enqueue(encode('second'))
          controller.close()
          // The chunk and the end wait at the gate by then.
          await sleep(gapMs)
          this.ctx.abort('enough')
        }
        storage.sql.exec('CREATE TABLE parents (id INTEGER PRIMARY KEY)')
        storage.sql.exec(
          'CREATE TABLE children (parent REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)',
        )
        storage.sql.exec('INSERT INTO children VALUES (1)')
        controller.enqueue(encode('second'))
        controller.close()
      },
    })
  }

  async readInSection(other) {
    const object = this.env.STREAMER.getByName(other)
    const reader = (await object.make('start()')).getReader()
    return this.ctx.blockConcurrencyWhile(async () => decode((await reader.read()).value))
  }

  async holdGate(ms) {
    await this.ctx.blockConcurrencyWhile(async () => {
      this.log.push({ section: 'begins' })
      await sleep(ms)
      this.log.push({ section: 'ends' })
    })
  }

  async readSome(other, count) {
    const object = this.env.STREAMER.getByName(other)
    this.reader = (await object.endless()).getReader()
    for (let read = 0; read < count; read += 1) await this.reader.read()
    await sleep(200)
    return object.getCounts()
  }

  stopReading() {
    return this.reader.cancel()
  }

  async writeSome(writable, count) {
    const writer = writable.getWriter()
    let written = 0
    const all = Array.from({ length: count }, () =>
      writer.write(new Uint8Array(1)).then(() => {
        written += 1
      }),
    )
    all.forEach((write) => write.catch(() => {}))
    await sleep(200)
    return written
  }

  // For the lifetime of objects.
  slow(ms) {
    let count = 0
    return new ReadableStream(
      {
        pull: async (controller) => {
          count += 1
          controller.enqueue(encode(`${this.instance} `))
          if (count === 3) controller.close()
          await sleep(ms)
        },
        cancel: (reason) => void this.log.push(tell(reason)),
      },
      { highWaterMark: 0 },
    )
  }
}

const length = (searchParams) =>
  searchParams.has('length') ? { headers: { 'content-length': searchParams.get('length') } } : {}

const scenarios = {
  kinds: () => Object.keys(kinds),
  response: async (get, kind) =>
    readTimes((await get().fetch(`http://object/make?kind=${encodeURIComponent(kind)}`)).body),
  result: async (get, kind) => readTimes(await get().make(kind)),
  argument: (get, kind) => get().passTo(crypto.randomUUID(), kind),
  request: (get, kind) => get().postTo(crypto.randomUUID(), kind),
  outside: (get, kind, to) => get().postOutside(to, kind),
  handedOn: async (get, kind) => {
    // Through an object that does not look at it.
    const body = await get().make(kind)
    const answer = await get().fetch('http://object/echo', { method: 'POST', body })
    return readTimes(answer.body)
  },
  endResponse: async (get, how) => {
    const object = get()
    const ended = await readEnding((await object.fetch(`http://object/end?kind=${how}`)).body)
    return { ...ended, writtenAt: await object.getWrittenAt() }
  },
  endResult: async (get, how) => {
    const object = get()
    const ended = await readEnding(await object.end(how))
    return { ...ended, writtenAt: await object.getWrittenAt() }
  },
  endArgument: (get, how) => get().endArgument(crypto.randomUUID(), how),
  endRequest: (get, how) => get().endRequest(crypto.randomUUID(), how),
  writable: async (get, how) => {
    const log = []
    const note = (what) => void log.push({ what, at: Date.now() })
    const writable = new WritableStream({
      write: (chunk) => note(decode(chunk)),
      close: () => note('close'),
      abort: (reason) => note(tell(reason)),
    })
    const writtenAt = await get().writeInto(writable, how)
    while (how !== 'write' && log.length < 2) await sleep(5)
    return { log, writtenAt }
  },
  acknowledge: async (get) => {
    const object = get()
    const writer = (await object.getWritable()).getWriter()
    await writer.write(encode('x'))
    const acknowledgedAt = Date.now()
    return { acknowledgedAt, writtenAt: await object.getWrittenAt() }
  },
  cancel: async (get, way) => {
    const name = crypto.randomUUID()
    const writtenAt = await get().writeAndCancel(name, way)
    const other = get(name)
    for (;;) {
      const [entry] = await other.takeLog()
      if (entry !== undefined) return { writtenAt, ...entry }
      await sleep(5)
    }
  },
  abort: (get, _how, to) => get().writeAndAbort(to),
  abortByTime: (get, _how, to) => get().abortByTime(to),
  dropWritable: async (get, name) => {
    const writer = (await get(name).getDroppable()).getWriter()
    await writer.write(encode('x'))
    return null
  },
  passOn: async (_get, _kind, to) => {
    const { headers, body } = await fetch(`${to}encoded`)
    return [headers.get('content-encoding'), await new Response(body).text()]
  },
  cancelRequest: (get) => get().cancelRequest(crypto.randomUUID()),
  breakResponse: async (get, how) =>
    readEnding(
      (await get().fetch(`http://object/break?${new URLSearchParams({ kind: how })}`)).body,
    ),
  breakResult: async (get, how) => readEnding(await get().breaking(how)),
  relay: async (get, way) => {
    const object = get()
    const other = crypto.randomUUID()
    const ended = await readEnding(
      way === 'body'
        ? (await object.fetch(`http://object/relay?kind=${other}`)).body
        : await object.relay(other),
    )
    return { ...ended, writtenAt: await object.getWrittenAt() }
  },
  breakRelay: async (get, way) => {
    const object = get()
    const other = crypto.randomUUID()
    return readEnding(
      way === 'body'
        ? (await object.fetch(`http://object/relay?then=abort&kind=${other}`)).body
        : await object.relay(other, 'abort'),
    )
  },
  section: (get) => get().readInSection(crypto.randomUUID()),
  readSome: async (get) => {
    const object = get()
    const counts = await object.readSome(crypto.randomUUID(), 3)
    await object.stopReading()
    return counts
  },
  writeSome: (get) =>
    get().writeSome(new WritableStream({ write: () => new Promise(() => {}) }), 5),
  blob: async (get) => {
    const response = await get().fetch('http://object/make?kind=start()')
    return (await response.blob()).size
  },
  clone: async (get) => {
    const response = await get().fetch('http://object/make?kind=TransformStream')
    const copy = response.clone()
    return [(await copy.text()).length, (await response.text()).length]
  },
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url)
    const get = (name = crypto.randomUUID()) => env.STREAMER.getByName(name)
    const scenario = scenarios[pathname.slice('/run/'.length)]
    if (!pathname.startsWith('/run/') || scenario === undefined) {
      const object = get(searchParams.get('name') ?? undefined)
      const method = pathname.slice('/call/'.length)
      if (!pathname.startsWith('/call/')) return object.fetch(request)
      const value = await object[method](...JSON.parse(searchParams.get('values') ?? '[]'))
      return value instanceof ReadableStream ? new Response(value) : Response.json(value ?? null)
    }
    return Response.json(await scenario(get, searchParams.get('kind'), searchParams.get('to')))
  },
}

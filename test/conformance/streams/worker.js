// What streams carry, how they end and what their errors say: in bodies, over RPC, in the classes
// of their own. GET / answers { <case>: outcome }; each case has objects of its own.
import { DurableObject } from 'cloudflare:workers'

const encoder = new TextEncoder()
const bytes = (text) => encoder.encode(text)
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const tell = (error) =>
  error instanceof Error || error instanceof DOMException
    ? `${error.name}: ${error.message}${['remote', 'retryable', 'overloaded', 'durableObjectReset'].filter((trait) => error[trait]).map((trait) => ` +${trait}`).join('')}`
    : `thrown ${String(error)}`

// The value, the error, or that nothing came.
async function outcome(run, limitMs = 2000) {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve('nothing came'), limitMs)
  })
  const told = (async () => {
    try {
      return await run()
    } catch (error) {
      return tell(error)
    }
  })()
  const value = await Promise.race([told, late])
  clearTimeout(timer)
  return value ?? null
}

const kinds = {
  start: () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(bytes('one,'))
        controller.enqueue(bytes('two'))
        controller.close()
      },
    }),
  pull: () => {
    const parts = ['one,', 'two']
    return new ReadableStream({
      async pull(controller) {
        await sleep(1)
        controller.enqueue(bytes(parts.shift()))
        if (parts.length === 0) controller.close()
      },
    })
  },
  bytes: () => {
    const parts = ['one,', 'two']
    return new ReadableStream({
      type: 'bytes',
      pull(controller) {
        controller.enqueue(bytes(parts.shift()))
        if (parts.length === 0) controller.close()
      },
    })
  },
  byob: () => {
    const parts = ['one,', 'two']
    return new ReadableStream({
      type: 'bytes',
      autoAllocateChunkSize: 16,
      pull(controller) {
        const { byobRequest } = controller
        const part = bytes(parts.shift())
        byobRequest.view.set(part)
        byobRequest.respond(part.byteLength)
        if (parts.length === 0) controller.close()
      },
    })
  },
  transform: () => {
    const { readable, writable } = new TransformStream()
    const writer = writable.getWriter()
    void (async () => {
      await writer.write(bytes('one,'))
      await writer.write(bytes('two'))
      await writer.close()
    })().catch(() => {})
    return readable
  },
  identity: () => {
    const { readable, writable } = new IdentityTransformStream()
    const writer = writable.getWriter()
    void (async () => {
      await writer.write(bytes('one,'))
      await writer.write(bytes('two'))
      await writer.close()
    })().catch(() => {})
    return readable
  },
  fixed: () => {
    const { readable, writable } = new FixedLengthStream(7)
    const writer = writable.getWriter()
    void (async () => {
      await writer.write(bytes('one,'))
      await writer.write(bytes('two'))
      await writer.close()
    })().catch(() => {})
    return readable
  },
  tee: () => kinds.pull().tee()[1],
  pipeThrough: () => kinds.pull().pipeThrough(new TransformStream()),
  pipeTo: () => {
    const { readable, writable } = new IdentityTransformStream()
    void kinds.pull().pipeTo(writable).catch(() => {})
    return readable
  },
  text: () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue('one,')
        controller.enqueue('two')
        controller.close()
      },
    }).pipeThrough(new TextEncoderStream()),
  gzip: () =>
    kinds
      .pull()
      .pipeThrough(new CompressionStream('gzip'))
      .pipeThrough(new DecompressionStream('gzip')),
  blob: () => new Blob(['one,', 'two']).stream(),
  body: () => new Response('one,two').body,
  buffers: () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(bytes('one,').buffer)
        controller.enqueue(new DataView(bytes('two').buffer))
        controller.close()
      },
    }),
}

// Streams that fail, each in its own way; the first part comes through.
const failing = {
  error: () =>
    new ReadableStream({
      async pull(controller) {
        if (this.isSecond) return controller.error(new RangeError('gone wrong'))
        this.isSecond = true
        controller.enqueue(bytes('one,'))
      },
    }),
  throw: () =>
    new ReadableStream({
      async pull(controller) {
        if (this.isSecond) throw new RangeError('gone wrong')
        this.isSecond = true
        controller.enqueue(bytes('one,'))
      },
    }),
  abort: () => {
    const { readable, writable } = new IdentityTransformStream()
    const writer = writable.getWriter()
    void (async () => {
      await writer.write(bytes('one,'))
      await writer.abort(new RangeError('gone wrong'))
    })().catch(() => {})
    return readable
  },
  abortTransform: () => {
    const { readable, writable } = new TransformStream()
    const writer = writable.getWriter()
    void (async () => {
      await writer.write(bytes('one,'))
      await writer.abort(new RangeError('gone wrong'))
    })().catch(() => {})
    return readable
  },
  text: () => of(bytes('one,'), 'two'),
  number: () => of(bytes('one,'), 2),
  undefined: () => of(bytes('one,'), undefined),
  object: () => of(bytes('one,'), {}),
  shortFixed: () => {
    const { readable, writable } = new FixedLengthStream(10)
    const writer = writable.getWriter()
    void (async () => {
      await writer.write(bytes('one,'))
      await writer.close()
    })().catch(() => {})
    return readable
  },
}

function of(...chunks) {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

const textOf = (stream) => new Response(stream).text()

async function readParts(stream) {
  const parts = []
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return parts.join('')
      parts.push(decoder.decode(value))
    }
  } catch (error) {
    return `${parts.join('')} then ${tell(error)}`
  }
}

export class S extends DurableObject {
  log = []

  async fetch(request) {
    const [, what, kind] = new URL(request.url).pathname.split('/')
    if (what === 'body') return new Response(kinds[kind]())
    if (what === 'failing') return new Response(failing[kind]())
    if (what === 'echo') return new Response(request.body)
    if (what === 'read') return new Response(await outcome(() => readParts(request.body)))
    if (what === 'text') return new Response(await request.text())
    if (what === 'head') {
      return Response.json([request.headers.get('content-length'), request.body !== null])
    }
    if (what === 'cancelRequest') {
      await request.body.cancel('not wanted')
      return new Response('cancelled')
    }
    if (what === 'ignore') return new Response('ignored')
    if (what === 'endless') return new Response(this.#endless())
    if (what === 'abort') {
      return new Response(
        new ReadableStream({
          pull: async (controller) => {
            if (this.log.push('pull') > 1) {
              await sleep(5)
              this.ctx.abort('enough')
            }
            controller.enqueue(bytes('one,'))
          },
        }),
      )
    }
    if (what === 'signal') {
      request.signal.addEventListener('abort', () => {
        this.log.push(`aborted ${tell(request.signal.reason)}`)
      })
      this.log.push('came')
      await sleep(300)
      this.log.push('went on')
      return new Response('late')
    }
    return new Response('?', { status: 404 })
  }

  #endless() {
    return new ReadableStream({
      pull: async (controller) => {
        await sleep(1)
        controller.enqueue(bytes('x'))
      },
      cancel: (reason) => {
        this.log.push(`cancelled ${tell(reason)}`)
      },
    })
  }

  get(kind) {
    return kinds[kind]()
  }

  getFailing(kind) {
    return failing[kind]()
  }

  getEndless() {
    return this.#endless()
  }

  getInside(kind) {
    return { n: 1, stream: kinds[kind](), list: [kinds[kind]()] }
  }

  getLocked() {
    const stream = kinds.start()
    stream.getReader()
    return stream
  }

  async getUsed() {
    const stream = kinds.start()
    const reader = stream.getReader()
    await reader.read()
    reader.releaseLock()
    return stream
  }

  getTwice() {
    const stream = kinds.start()
    return [stream, stream]
  }

  getAborting() {
    return new ReadableStream({
      pull: async (controller) => {
        if (this.log.push('pull') > 1) {
          await sleep(5)
          this.ctx.abort('enough')
        }
        controller.enqueue(bytes('one,'))
      },
    })
  }

  getResponse() {
    return new Response(kinds.pull(), { status: 201, statusText: 'Made', headers: { 'x-a': 'b' } })
  }

  getTextResponse() {
    return new Response('one,two')
  }

  getRequest() {
    return new Request('http://a/b?c', { method: 'PUT', body: kinds.pull(), headers: { 'x-a': 'b' } })
  }

  getHeaders() {
    return new Headers([
      ['x-a', 'b'],
      ['set-cookie', 'c=1'],
      ['set-cookie', 'd=2'],
    ])
  }

  getWritable() {
    return this.#writable(this.log)
  }

  getTransform() {
    return new TransformStream()
  }

  #writable(log) {
    return new WritableStream({
      write(chunk) {
        log.push(new TextDecoder().decode(chunk))
      },
      close() {
        log.push('close')
      },
      abort(reason) {
        log.push(`abort ${tell(reason)}`)
      },
    })
  }

  take(stream) {
    return readParts(stream)
  }

  async takeText(stream) {
    return textOf(stream)
  }

  async takePart(stream) {
    const reader = stream.getReader()
    const { value } = await reader.read()
    await reader.cancel(new RangeError('no more'))
    return new TextDecoder().decode(value)
  }

  takeNothing(_stream) {
    return 'nothing'
  }

  echo(stream) {
    return stream
  }

  async takeResponse(response) {
    const isResponse = response instanceof Response
    return [isResponse, response.status, response.statusText, [...response.headers], await response.text()]
  }

  async takeRequest(request) {
    const { url, method, headers } = request
    return [request instanceof Request, url, method, [...headers], await request.text()]
  }

  takeHeaders(headers) {
    return [headers instanceof Headers, [...headers], headers.getSetCookie()]
  }

  async write(writable, how) {
    const writer = writable.getWriter()
    if (how === 'abort') {
      await writer.write(bytes('one,'))
      await writer.abort(new RangeError('given up'))
      return 'aborted'
    }
    if (how === 'text') return outcome(() => writer.write('text'))
    if (how === 'object') return outcome(() => writer.write({}))
    if (how === 'drop') {
      await writer.write(bytes('one,'))
      return 'dropped'
    }
    if (how === 'pipe') {
      writer.releaseLock()
      await kinds.pull().pipeTo(writable)
      return 'piped'
    }
    const first = await outcome(() => writer.write(bytes('one,')))
    const second = await outcome(() => writer.write(bytes('two')))
    const closed = await outcome(() => writer.close())
    return [first, second, closed]
  }

  takeLog() {
    return this.log.splice(0)
  }
}

function cases(get) {
  const all = {}
  const fetchBody = (kind) => get().fetch(`http://object/body/${kind}`)
  for (const kind of Object.keys(kinds)) {
    all[`response ${kind}`] = async () => (await fetchBody(kind)).text()
    all[`request ${kind}`] = async () => {
      const body = kinds[kind]()
      return (await get().fetch('http://object/read', { method: 'POST', body })).text()
    }
    all[`result ${kind}`] = async () => readParts(await get().get(kind))
    all[`argument ${kind}`] = async () => get().take(kinds[kind]())
  }
  for (const kind of Object.keys(failing)) {
    all[`failing response ${kind}`] = async () =>
      readParts((await get().fetch(`http://object/failing/${kind}`)).body)
    all[`failing response ${kind}, text()`] = async () =>
      (await get().fetch(`http://object/failing/${kind}`)).text()
    all[`failing request ${kind}`] = async () => {
      const body = failing[kind]()
      return (await get().fetch('http://object/read', { method: 'POST', body })).text()
    }
    all[`failing result ${kind}`] = async () => readParts(await get().getFailing(kind))
    all[`failing argument ${kind}`] = async () => get().take(failing[kind]())
  }
  return Object.assign(all, {
    'response read with byob': async () => {
      const reader = (await fetchBody('start')).body.getReader({ mode: 'byob' })
      const parts = []
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(4))
        parts.push(`${new TextDecoder().decode(value)}${done ? ' done' : ''}`)
        if (done) return parts
      }
    },
    'response read by iteration': async () => {
      const parts = []
      for await (const chunk of (await fetchBody('start')).body) {
        parts.push(new TextDecoder().decode(chunk))
      }
      return parts.join('')
    },
    'iteration left early cancels': async () => {
      const object = get()
      for await (const _ of (await object.fetch('http://object/endless')).body) break
      await sleep(100)
      return object.takeLog()
    },
    'response cancelled': async () => {
      const object = get()
      const { body } = await object.fetch('http://object/endless')
      await body.cancel(new RangeError('enough'))
      await sleep(100)
      return object.takeLog()
    },
    'response cancelled in the middle': async () => {
      const object = get()
      const reader = (await object.fetch('http://object/endless')).body.getReader()
      await reader.read()
      await reader.cancel('enough')
      await sleep(100)
      return object.takeLog()
    },
    'result cancelled': async () => {
      const object = get()
      const stream = await object.getEndless()
      await stream.cancel(new RangeError('enough'))
      await sleep(100)
      return object.takeLog()
    },
    'argument cancelled': async () => {
      const log = []
      const stream = new ReadableStream({
        pull: (controller) => controller.enqueue(bytes('x')),
        cancel: (reason) => void log.push(`cancelled ${tell(reason)}`),
      })
      const taken = await outcome(() => get().takePart(stream))
      await sleep(100)
      return [taken, log]
    },
    'argument ignored': async () => {
      const log = []
      const stream = new ReadableStream({
        pull: (controller) => controller.enqueue(bytes('x')),
        cancel: (reason) => void log.push(`cancelled ${tell(reason)}`),
      })
      return [await outcome(() => get().takeNothing(stream)), stream.locked]
    },
    'request cancelled': async () => {
      const log = []
      const body = new ReadableStream({
        pull: async (controller) => {
          await sleep(1)
          controller.enqueue(bytes('x'))
        },
        cancel: (reason) => void log.push(`cancelled ${tell(reason)}`),
      })
      const answer = await outcome(async () =>
        (await get().fetch('http://object/cancelRequest', { method: 'POST', body })).text(),
      )
      await sleep(100)
      return [answer, log]
    },
    'request ignored': async () => {
      const log = []
      const body = new ReadableStream({
        pull: async (controller) => {
          await sleep(1)
          controller.enqueue(bytes('x'))
        },
        cancel: (reason) => void log.push(`cancelled ${tell(reason)}`),
      })
      const answer = await outcome(async () =>
        (await get().fetch('http://object/ignore', { method: 'POST', body })).text(),
      )
      await sleep(100)
      return [answer, log]
    },
    'result inside of an object': async () => {
      const { n, stream, list } = await get().getInside('pull')
      return [n, await textOf(stream), await textOf(list[0])]
    },
    'result locked': () => get().getLocked(),
    'result used in part': async () => readParts(await get().getUsed()),
    'result twice': async () => {
      const [a, b] = await get().getTwice()
      return [a === b, await readParts(a)]
    },
    'argument locked': async () => {
      const stream = kinds.start()
      stream.getReader()
      return get().take(stream)
    },
    'argument is locked afterwards': async () => {
      const stream = kinds.start()
      const taken = get().take(stream)
      return [stream.locked, await taken, stream.locked]
    },
    'argument echoed': async () => readParts(await get().echo(kinds.pull())),
    'a stream passed on': async () => get().take(await get().get('pull')),
    'a body as argument': async () => get().take((await fetchBody('pull')).body),
    'a result as body': async () => {
      const body = await get().get('pull')
      return (await get().fetch('http://object/echo', { method: 'POST', body })).text()
    },
    'echo of a body': async () => {
      const body = kinds.transform()
      return (await get().fetch('http://object/echo', { method: 'POST', body })).text()
    },
    'a body of a body': async () => {
      const inner = await fetchBody('pull')
      const outer = new Response(inner.body, inner)
      return [inner.bodyUsed, await outer.text(), inner.bodyUsed]
    },
    'read in part, then handed on': async () => {
      const { body } = await fetchBody('pull')
      const reader = body.getReader()
      const { value } = await reader.read()
      reader.releaseLock()
      return [new TextDecoder().decode(value), await outcome(() => new Response(body).text())]
    },
    'text() of a body read in part': async () => {
      const response = await fetchBody('start')
      const reader = response.body.getReader()
      await reader.read()
      reader.releaseLock()
      return [response.bodyUsed, await outcome(() => response.text())]
    },
    'text() of a locked body': async () => {
      const response = await fetchBody('start')
      response.body.getReader()
      return [response.bodyUsed, await outcome(() => response.text())]
    },
    'text() twice': async () => {
      const response = await fetchBody('start')
      await response.text()
      return [response.bodyUsed, await outcome(() => response.text())]
    },
    'clone with chunks pending': async () => {
      const response = await fetchBody('transform')
      const copy = response.clone()
      return [await copy.text(), await response.text()]
    },
    'clone of a used one': async () => {
      const response = await fetchBody('start')
      await response.text()
      return response.clone()
    },
    'tee of a body': async () => {
      const [a, b] = (await fetchBody('pull')).body.tee()
      return [await textOf(a), await readParts(b)]
    },
    'blob()': async () => {
      const blob = await (await fetchBody('pull')).blob()
      return [blob.size, blob.type, await blob.text()]
    },
    'bytes() and arrayBuffer()': async () => [
      (await (await fetchBody('pull')).bytes()).byteLength,
      (await (await fetchBody('pull')).arrayBuffer()).byteLength,
    ],
    'formData()': async () => {
      const form = new FormData()
      form.append('a', 'b')
      const { body, headers } = new Response(form)
      const type = headers.get('content-type')
      const response = await get().fetch('http://object/echo', { method: 'POST', body })
      const copy = new Response(response.body, { headers: { 'content-type': type } })
      return [...(await copy.formData())]
    },
    'abort of the object amid a response': async () =>
      readParts((await get().fetch('http://object/abort')).body),
    'abort of the object amid a response, text()': async () =>
      (await get().fetch('http://object/abort')).text(),
    'abort of the object amid a result': async () => readParts(await get().getAborting()),
    'Response as result': async () => {
      const response = await get().getResponse()
      return [response.status, response.statusText, [...response.headers], await response.text()]
    },
    'Response of text as result': async () => {
      const response = await get().getTextResponse()
      return [[...response.headers], await response.text()]
    },
    'Request as result': async () => {
      const { url, method, headers, body } = await get().getRequest()
      return [url, method, [...headers], await textOf(body)]
    },
    'Headers as result': async () => {
      const headers = await get().getHeaders()
      return [headers instanceof Headers, [...headers], headers.getSetCookie()]
    },
    'Response as argument': async () =>
      get().takeResponse(new Response(kinds.pull(), { status: 201, headers: { 'x-a': 'b' } })),
    'used Response as argument': async () => {
      const response = new Response('one,two')
      await response.text()
      return get().takeResponse(response)
    },
    'Response passed on': async () => {
      const response = await fetchBody('pull')
      const [isResponse, status, , headers, text] = await get().takeResponse(response)
      return [isResponse, status, headers, text]
    },
    'Response is used afterwards': async () => {
      const response = new Response('one,two')
      await get().takeResponse(response)
      return response.bodyUsed
    },
    'Response without a body as argument': async () => get().takeResponse(new Response(null)),
    'Request as argument': async () =>
      get().takeRequest(new Request('http://a/', { method: 'POST', body: kinds.pull() })),
    'Headers as argument': async () => get().takeHeaders(new Headers({ 'x-a': 'b' })),
    'writable as argument': async () => {
      const log = []
      const writable = writableInto(log)
      const result = await get().write(writable, 'all')
      await sleep(50)
      return [result, log, writable.locked]
    },
    'writable as argument, aborted': async () => {
      const log = []
      const result = await get().write(writableInto(log), 'abort')
      await sleep(50)
      return [result, log]
    },
    'writable as argument, dropped': async () => {
      const log = []
      const result = await get().write(writableInto(log), 'drop')
      await sleep(50)
      return [result, log]
    },
    'writable as argument, piped': async () => {
      const log = []
      const result = await get().write(writableInto(log), 'pipe')
      await sleep(50)
      return [result, log]
    },
    'writable as argument, text': async () => get().write(writableInto([]), 'text'),
    'writable as argument, object': async () => get().write(writableInto([]), 'object'),
    'writable of an identity stream as argument': async () => {
      const { readable, writable } = new IdentityTransformStream()
      const text = textOf(readable)
      return [await get().write(writable, 'all'), await text]
    },
    'writable of a transform stream as argument': async () => {
      const { readable, writable } = new TransformStream()
      const text = textOf(readable)
      return [await get().write(writable, 'all'), await text]
    },
    'writable that fails to write': async () => {
      const writable = new WritableStream({
        write() {
          throw new RangeError('full')
        },
      })
      return get().write(writable, 'all')
    },
    'writable that fails to close': async () => {
      const writable = new WritableStream({
        close() {
          throw new RangeError('cannot close')
        },
      })
      return get().write(writable, 'all')
    },
    'writable locked as argument': async () => {
      const writable = writableInto([])
      writable.getWriter()
      return get().write(writable, 'all')
    },
    'writable as result': async () => {
      const object = get()
      const writable = await object.getWritable()
      const writer = writable.getWriter()
      await writer.write(bytes('one,'))
      await writer.close()
      await sleep(50)
      return object.takeLog()
    },
    'TransformStream as result': async () => {
      const result = await get().getTransform()
      return Object.keys(result)
    },
    'abort of a fetch under way': async () => {
      const object = get()
      const control = new AbortController()
      const answer = outcome(async () =>
        (await object.fetch('http://object/signal', { signal: control.signal })).text(),
      )
      await sleep(50)
      control.abort()
      const told = await answer
      await sleep(400)
      return [told, await object.takeLog()]
    },
    'abort of a fetch with a reason': async () => {
      const object = get()
      const control = new AbortController()
      const answer = outcome(async () =>
        (await object.fetch('http://object/signal', { signal: control.signal })).text(),
      )
      await sleep(50)
      control.abort(new RangeError('my reason'))
      const told = await answer
      await sleep(400)
      return [told, await object.takeLog()]
    },
    'aborted before the fetch': async () => {
      const object = get()
      const told = await outcome(async () =>
        (await object.fetch('http://object/signal', { signal: AbortSignal.abort() })).text(),
      )
      await sleep(400)
      return [told, await object.takeLog()]
    },
    'abort amid the body of a response': async () => {
      const object = get()
      const control = new AbortController()
      const response = await object.fetch('http://object/endless', { signal: control.signal })
      const reader = response.body.getReader()
      await reader.read()
      control.abort()
      const told = await outcome(async () => {
        for (;;) {
          const { done } = await reader.read()
          if (done) return 'end'
        }
      }, 500)
      await sleep(100)
      return [told, await object.takeLog()]
    },
    'lengths seen by the receiver': async () => {
      const length = async (body) => {
        const answer = await get().fetch('http://object/head', { method: 'POST', body })
        return answer.json()
      }
      return [
        await length('one'),
        await length(bytes('one')),
        await length(kinds.fixed()),
        await length(kinds.start()),
        await length(''),
      ]
    },
    ...classCases(),
  })
}

function writableInto(log) {
  return new WritableStream({
    write(chunk) {
      log.push(new TextDecoder().decode(chunk))
    },
    close() {
      log.push('close')
    },
    abort(reason) {
      log.push(`abort ${tell(reason)}`)
    },
  })
}

// The two classes of byte streams, without any object.
function classCases() {
  const pair = (stream) => ({
    writer: stream.writable.getWriter(),
    reader: stream.readable.getReader(),
  })
  const read = async (reader) => {
    const { done, value } = await reader.read()
    return done ? 'done' : new TextDecoder().decode(value)
  }
  return {
    'identity: shape': () => {
      const stream = new IdentityTransformStream()
      return [
        stream instanceof TransformStream,
        stream.readable instanceof ReadableStream,
        stream.writable instanceof WritableStream,
        new FixedLengthStream(1) instanceof IdentityTransformStream,
        IdentityTransformStream.name,
        FixedLengthStream.name,
        FixedLengthStream.length,
        Object.prototype.toString.call(stream),
      ]
    },
    'identity: a write waits for its read': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      const log = []
      const written = writer.write(bytes('a')).then(() => log.push('written'))
      await sleep(20)
      log.push('reads')
      log.push(await read(reader))
      await written
      return log
    },
    'identity: desired size': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      const sizes = [writer.desiredSize]
      const written = writer.write(bytes('abc'))
      sizes.push(writer.desiredSize)
      await read(reader)
      await written
      sizes.push(writer.desiredSize)
      return sizes
    },
    'identity: desired size with a mark': async () => {
      const { writer, reader } = pair(new IdentityTransformStream({ highWaterMark: 10 }))
      const sizes = [writer.desiredSize]
      const written = writer.write(bytes('abc'))
      sizes.push(writer.desiredSize)
      await read(reader)
      await written
      sizes.push(writer.desiredSize)
      return sizes
    },
    'identity: an empty write': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      const first = writer.write(new Uint8Array(0)).then(() => 'written')
      const second = writer.write(bytes('a'))
      const got = await read(reader)
      await second
      return [await first, got]
    },
    'identity: a large write, read in small parts': async () => {
      const stream = new IdentityTransformStream()
      const writer = stream.writable.getWriter()
      const reader = stream.readable.getReader({ mode: 'byob' })
      const parts = []
      let isWritten = false
      const written = writer.write(bytes('abcdef')).then(() => {
        isWritten = true
      })
      parts.push(new TextDecoder().decode((await reader.read(new Uint8Array(4))).value))
      await sleep(5)
      const wasWritten = isWritten
      parts.push(new TextDecoder().decode((await reader.read(new Uint8Array(4))).value))
      await written
      return [parts, wasWritten]
    },
    'identity: byob at the end': async () => {
      const stream = new IdentityTransformStream()
      const writer = stream.writable.getWriter()
      const reader = stream.readable.getReader({ mode: 'byob' })
      const closed = writer.close()
      const { done, value } = await reader.read(new Uint8Array(4))
      await closed
      return [done, value?.byteLength ?? null]
    },
    'identity: text': async () => pair(new IdentityTransformStream()).writer.write('text'),
    'identity: number': async () => pair(new IdentityTransformStream()).writer.write(1),
    'identity: nothing': async () => pair(new IdentityTransformStream()).writer.write(undefined),
    'identity: close waits for the read': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      const log = []
      const closed = writer.close().then(() => log.push('closed'))
      await sleep(20)
      log.push('reads')
      log.push(await read(reader))
      await closed
      return log
    },
    'identity: write after close': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      void writer.close()
      void reader.read()
      return writer.write(bytes('a'))
    },
    'identity: cancel fails the writer': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      const written = outcome(() => writer.write(bytes('a')))
      await reader.cancel(new RangeError('no more'))
      return [await written, await outcome(() => writer.write(bytes('b'))), await outcome(() => writer.closed)]
    },
    'identity: cancel without a reason': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      const written = outcome(() => writer.write(bytes('a')))
      await reader.cancel()
      return [await written, await outcome(() => writer.closed)]
    },
    'identity: abort fails the reader': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      const got = outcome(() => read(reader))
      await writer.abort(new RangeError('given up'))
      return [await got, await outcome(() => reader.closed)]
    },
    'identity: abort drops what was written': async () => {
      const { writer, reader } = pair(new IdentityTransformStream())
      const written = outcome(() => writer.write(bytes('a')))
      const aborted = outcome(() => writer.abort('given up'))
      return [await outcome(() => read(reader)), await written, await aborted]
    },
    'identity: piped through': async () => {
      const stream = kinds.pull().pipeThrough(new IdentityTransformStream())
      return readParts(stream)
    },
    'identity: the source of a pipe fails': async () =>
      readParts(failing.error().pipeThrough(new IdentityTransformStream())),
    'identity: text piped through': async () =>
      readParts(of('text').pipeThrough(new IdentityTransformStream())),
    'fixed: exact': async () => readParts(kinds.fixed()),
    'fixed: too few': async () => {
      const { writer, reader } = pair(new FixedLengthStream(5))
      const written = writer.write(bytes('abc'))
      const got = await read(reader)
      await written
      const next = outcome(() => read(reader))
      return [got, await outcome(() => writer.close()), await next]
    },
    'fixed: too many': async () => {
      const { writer, reader } = pair(new FixedLengthStream(5))
      const written = writer.write(bytes('abc'))
      const got = await read(reader)
      await written
      const next = outcome(() => read(reader))
      return [got, await outcome(() => writer.write(bytes('def'))), await next]
    },
    'fixed: none at all': async () => {
      const { writer, reader } = pair(new FixedLengthStream(5))
      const next = outcome(() => read(reader))
      return [await outcome(() => writer.close()), await next]
    },
    'fixed: zero': async () => {
      const { writer, reader } = pair(new FixedLengthStream(0))
      const next = outcome(() => read(reader))
      return [await outcome(() => writer.close()), await next]
    },
    'fixed: aborted': async () => {
      const { writer, reader } = pair(new FixedLengthStream(5))
      const next = outcome(() => read(reader))
      return [await outcome(() => writer.abort(new RangeError('x'))), await next]
    },
    'fixed: lengths': async () =>
      Promise.all(
        [undefined, null, -1, 1.5, 'abc', '5', 5n, 2 ** 53, 2 ** 53 - 1, Number.NaN].map(
          (length) => outcome(() => new FixedLengthStream(length) && 'made'),
        ),
      ),
    'fixed: desired size': () => {
      const { writer } = pair(new FixedLengthStream(5))
      return writer.desiredSize
    },
    'compression: there and back': async () => readParts(kinds.gzip()),
    'compression: corrupt': async () =>
      readParts(of(bytes('not gzip')).pipeThrough(new DecompressionStream('gzip'))),
    'compression: unknown': () => new CompressionStream('lzma'),
    'text decoder stream': async () => {
      let text = ''
      const stream = kinds.pull().pipeThrough(new TextDecoderStream())
      for await (const part of stream) text += part
      return text
    },
  }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    if (url.pathname !== '/') return new Response('?', { status: 404 })
    const only = url.searchParams.get('only')
    const get = () => env.S.get(env.S.newUniqueId())
    const chosen = Object.entries(cases(get)).filter(([name]) => only === null || name.includes(only))
    const answers = []
    // A few at a time: with all at once, the reference's timers are late.
    while (chosen.length > 0) {
      const some = chosen.splice(0, 8)
      answers.push(
        ...(await Promise.all(some.map(async ([name, run]) => [name, await outcome(run, 3000)]))),
      )
    }
    return Response.json(Object.fromEntries(answers))
  },
}

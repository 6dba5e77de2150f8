// Visitors for the tests: a person with a browser, and a guest who talks to the room without one.

import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { openVisitor } from '../../test/browser/browser.ts'
import type { ClientFrame, Message, ServerFrame } from './protocol.ts'

const patienceMs = 30_000

export class Person {
  readonly name: string
  readonly page: Page
  readonly #errors: readonly string[]

  private constructor(name: string, page: Page, errors: readonly string[]) {
    this.name = name
    this.page = page
    this.#errors = errors
  }

  /** Opens the page, says the name when asked, and waits until the room has answered. */
  static async enter(
    browser: Browser,
    url: string,
    name: string,
    options?: BrowserContextOptions,
  ): Promise<Person> {
    const { page, errors } = await openVisitor(browser, options)
    const person = new Person(name, page, errors)
    await page.goto(url)
    await page.fill('#welcome input', name)
    await page.keyboard.press('Enter')
    await person.untilLine('open')
    return person
  }

  async say(text: string): Promise<void> {
    await this.page.fill('#say textarea', text)
    await this.page.press('#say textarea', 'Enter')
  }

  /** What the page shows as said: what the room has confirmed. */
  said(): Promise<string[]> {
    return this.page.locator('#log .text').allTextContents()
  }

  untilSaid(texts: readonly string[]): Promise<void> {
    return this.#untilTexts('#log .text', texts)
  }

  /** What the page shows as on its way to the room. */
  untilWaiting(texts: readonly string[]): Promise<void> {
    return this.#untilTexts('#outbox .text', texts)
  }

  untilPeople(names: readonly string[]): Promise<void> {
    const list = names.map((name) => (name === this.name ? `${name} (you)` : name))
    return this.#untilTexts('#people span', list)
  }

  untilRooms(names: readonly string[]): Promise<void> {
    return this.#untilTexts('#rooms a span', names)
  }

  untilTyping(text: string): Promise<void> {
    return this.#untilTexts('#typing', [text])
  }

  async untilLine(state: 'open' | 'lost'): Promise<void> {
    const selector = `#line[data-state=${state}]`
    await this.page.waitForSelector(selector, { state: 'attached', timeout: patienceMs })
  }

  /** Closes the page. What went wrong in it in the meantime fails the test. */
  async leave(): Promise<void> {
    await this.page.context().close()
    assert.deepEqual(this.#errors, [])
  }

  async #untilTexts(selector: string, wanted: readonly string[]): Promise<void> {
    const endsAt = Date.now() + patienceMs
    for (;;) {
      const found = await this.page.locator(selector).allTextContents()
      if (isDeepStrictEqual(found, wanted)) return
      if (Date.now() > endsAt) assert.deepEqual(found, wanted)
      await setTimeout(20)
    }
  }
}

export class Guest {
  readonly frames: ServerFrame[] = []
  /** The code with which the line ended. */
  readonly ended: Promise<number>
  readonly #socket: InstanceType<typeof WebSocket>
  #wake = (): void => {}

  private constructor(socket: InstanceType<typeof WebSocket>) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      this.frames.push(JSON.parse(String(data)) as ServerFrame)
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      socket.addEventListener('close', ({ code }) => {
        resolve(code)
        this.#wake()
      })
    })
  }

  /** Resolves with the room's first frame in `frames`. */
  static async enter(room: string, name: string, since = 0): Promise<Guest> {
    const query = new URLSearchParams({ name, since: String(since) })
    const guest = new Guest(new WebSocket(`${room.replace('http', 'ws')}/socket?${query}`))
    await guest.until('welcome', 1)
    return guest
  }

  send(frame: ClientFrame): void {
    this.sendText(JSON.stringify(frame))
  }

  sendText(text: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(text)
  }

  /** Waits for `count` frames of this type since the beginning, and returns them. */
  async until<T extends ServerFrame['type']>(
    type: T,
    count: number,
  ): Promise<(ServerFrame & { type: T })[]> {
    const signal = AbortSignal.timeout(patienceMs)
    for (;;) {
      const found = this.frames.filter((frame) => frame.type === type)
      if (found.length >= count) return found as (ServerFrame & { type: T })[]
      if (signal.aborted || this.#socket.readyState === WebSocket.CLOSED) {
        throw new Error(`Only ${found.length} of ${count} frames '${type}' came`)
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** The messages told to this guest one by one, without those in its welcome. */
  heard(): Message[] {
    return this.frames.flatMap((frame) => (frame.type === 'message' ? [frame.message] : []))
  }

  async leave(): Promise<void> {
    this.#socket.close()
    await this.ended
  }
}

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { startBrowser, takeScreenshot } from '../../test/browser/browser.ts'
import type { RunningServer } from '../../test/workerd/running-server.ts'
import { startSluice } from '../../test/workerd/sluice.ts'
import { runtimeUnderTest, startRuntime } from '../../test/workerd/start.ts'
import { type ClientFrame, textLengthMax } from './protocol.ts'
import { Guest, Person } from './visitors.ts'

const project = fileURLToPath(new URL('.', import.meta.url))
let browser: Browser

before(async () => {
  browser = await startBrowser()
})
after(() => browser.close())

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-chat-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function start(data: string, port = 0, folder = project): Promise<RunningServer> {
  return startRuntime(runtimeUnderTest(), { project: folder, data, port })
}

/** The same program with other `vars`. */
function makeProject(vars: Record<string, number>): string {
  const folder = makeFolder()
  const config = readFileSync(join(project, 'wrangler.jsonc'), 'utf8')
    .replace('"index.ts"', JSON.stringify(join(relative(folder, project), 'index.ts')))
    .replace(/"vars": \{[^}]*\}/, `"vars": ${JSON.stringify(vars)}`)
  writeFileSync(join(folder, 'wrangler.jsonc'), config)
  return folder
}

const say = (key: string, text: string): ClientFrame => ({ type: 'say', key, text })

test('people in a room see each other, and what was said before they came', async () => {
  await using server = await start(makeFolder())
  const ada = await Person.enter(browser, server.url, 'Ada')
  assert.equal(await ada.page.locator('#empty').textContent(), 'Nothing has been said here yet.')
  await ada.untilPeople(['Ada'])
  const markup = '<img src=x onerror=alert(1)> & <b>bold</b>'
  await ada.say('Is anybody here?')
  await ada.say(markup)
  await ada.untilSaid(['Is anybody here?', markup])
  await ada.untilWaiting([])

  const bob = await Person.enter(browser, server.url, 'Bob', {
    viewport: { width: 390, height: 780 },
    colorScheme: 'dark',
    hasTouch: true,
    isMobile: true,
  })
  await bob.untilSaid(['Is anybody here?', markup])
  for (const person of [ada, bob]) await person.untilPeople(['Ada', 'Bob'])
  assert.equal(await bob.page.locator('#log :is(img, b)').count(), 0)

  await bob.page.locator('#say textarea').pressSequentially('Yes, see ')
  await ada.untilTyping('Bob is typing…')
  await bob.say('Yes, see https://example.com/a?b=c.')
  const said = ['Is anybody here?', markup, 'Yes, see https://example.com/a?b=c.']
  for (const person of [ada, bob]) await person.untilSaid(said)
  await ada.untilTyping('')
  assert.equal(await ada.page.locator('#log a').getAttribute('href'), 'https://example.com/a?b=c')

  await takeScreenshot(ada.page, 'chat-desktop-light')
  await takeScreenshot(bob.page, 'chat-phone-dark')

  // A second page of the same person is not a second person.
  const again = await Person.enter(browser, server.url, 'Bob')
  await again.untilPeople(['Ada', 'Bob'])
  await bob.leave()
  await again.say('My phone is away, I am not')
  await ada.untilSaid([...said, 'My phone is away, I am not'])
  await ada.untilPeople(['Ada', 'Bob'])
  await again.leave()
  await ada.untilPeople(['Ada'])
  await ada.leave()
})

test('each room is for itself', async () => {
  await using server = await start(makeFolder())
  const ada = await Person.enter(browser, server.url, 'Ada')
  const bob = await Person.enter(browser, `${server.url}/r/tea`, 'Bob')
  await ada.say('in the lobby')
  await bob.say('over tea')
  await ada.untilSaid(['in the lobby'])
  await bob.untilSaid(['over tea'])
  for (const person of [ada, bob]) {
    await person.untilPeople([person.name])
    await person.untilRooms(['lobby', 'tea'])
  }
  await ada.page.press('body', 'Alt+ArrowDown')
  await ada.untilSaid(['over tea'])
  await bob.untilPeople(['Ada', 'Bob'])
  await ada.page.fill('#open input', 'Game  Night!')
  await ada.page.press('#open input', 'Enter')
  await ada.untilRooms(['game-night', 'lobby', 'tea'])
  await ada.untilSaid([])
  await bob.untilPeople(['Bob'])
  await ada.page.goBack()
  await bob.untilPeople(['Ada', 'Bob'])
  assert.equal(new URL(ada.page.url()).pathname, '/r/tea')
  await ada.page.reload()
  await ada.untilSaid(['over tea'])
  // Nobody is in the third room and nothing was said there: it says so when it has noticed.
  const readRooms = async (): Promise<unknown[]> =>
    (await (await fetch(`${server.url}/api/rooms`)).json()) as unknown[]
  let rooms = await readRooms()
  for (let tries = 0; rooms.length > 2 && tries < 500; tries += 1) {
    await setTimeout(20)
    rooms = await readRooms()
  }
  assert.deepEqual(rooms, [
    { name: 'tea', people: 2 },
    { name: 'lobby', people: 0 },
  ])
  for (const person of [ada, bob]) await person.leave()
})

test('pages outlive a stopped and a killed server: nothing lost, nothing twice', async () => {
  const data = makeFolder()
  let server = await start(data)
  const { port } = new URL(server.url)
  const ada = await Person.enter(browser, server.url, 'Ada')
  const bob = await Person.enter(browser, server.url, 'Bob')
  const said: string[] = []
  for (const end of ['stop', 'kill'] as const) {
    await ada.say(`before the ${end}`)
    said.push(`before the ${end}`)
    for (const person of [ada, bob]) await person.untilSaid(said)
    await server[end]()
    for (const person of [ada, bob]) await person.untilLine('lost')
    await bob.say(`during the ${end}`)
    await bob.untilWaiting([`during the ${end}`])
    // What waits outlives a reload too, if the server is back for it.
    server = await start(data, Number(port))
    if (end === 'kill') await bob.page.reload()
    said.push(`during the ${end}`)
    for (const person of [ada, bob]) {
      await person.untilSaid(said)
      await person.untilPeople(['Ada', 'Bob'])
      await person.untilWaiting([])
    }
  }
  const cleo = await Person.enter(browser, server.url, 'Cleo')
  await cleo.untilSaid(said)
  for (const person of [ada, bob, cleo]) await person.leave()
  await server.stop()
})

test('a server killed while all talk keeps what was shown, and gets the rest once', async () => {
  const data = makeFolder()
  let server = await start(data)
  const { port } = new URL(server.url)
  const people: Person[] = []
  for (const name of ['Ada', 'Bob']) people.push(await Person.enter(browser, server.url, name))
  const expected = new Set<string>()
  let shown: string[] = []
  for (let round = 1; round <= 2; round += 1) {
    const talk = Promise.all(
      people.map(async (person) => {
        for (let count = 1; count <= 12; count += 1) {
          const text = `${person.name} ${round}.${count}`
          expected.add(text)
          await person.say(text)
        }
      }),
    )
    await setTimeout(30 * round)
    await server.kill()
    await talk
    for (const person of people) await person.untilLine('lost')
    const before = await Promise.all(people.map((person) => person.said()))
    server = await start(data, Number(port))
    const guest = await Guest.enter(`${server.url}/r/lobby`, 'Guest')
    const [welcome] = await guest.until('welcome', 1)
    const kept = welcome?.messages.map((message) => message.text) ?? []
    for (const texts of before) assert.deepEqual(kept.slice(0, texts.length), texts)
    await guest.leave()
    for (const person of people) {
      await person.untilLine('open')
      await person.untilWaiting([])
    }
    const cleo = await Person.enter(browser, server.url, 'Cleo')
    await cleo.untilWaiting([])
    shown = await cleo.said()
    assert.deepEqual(shown.toSorted(), [...expected].toSorted())
    for (const person of people) await person.untilSaid(shown)
    await cleo.leave()
  }
  for (const { name } of people) {
    const own = shown.filter((text) => text.startsWith(name))
    assert.deepEqual(
      own,
      [...expected].filter((text) => text.startsWith(name)),
    )
  }
  for (const person of people) await person.leave()
  await server.stop()
})

const isReference = runtimeUnderTest() === 'workerd'
test('nobody sees a message before it is on disk', { skip: isReference }, async () => {
  const options = { project, data: makeFolder(), confirmDelayMs: 1_000 }
  await using server = await startSluice(options)
  const ada = await Person.enter(browser, server.url, 'Ada')
  const bob = await Person.enter(browser, server.url, 'Bob')
  await ada.untilPeople(['Ada', 'Bob'])
  const saidAt = performance.now()
  await ada.say('safe?')
  await ada.untilWaiting(['safe?'])
  assert.deepEqual([await ada.said(), await bob.said()], [[], []])
  for (const person of [ada, bob]) {
    await person.untilSaid(['safe?'])
    assert.ok(performance.now() - saidAt >= 900, `${person.name} saw it too early`)
  }
  await ada.untilWaiting([])
  for (const person of [ada, bob]) await person.leave()
})

test('what is said twice with one key is said once', async () => {
  await using server = await start(makeFolder())
  const room = `${server.url}/r/lobby`
  const [ada, bob] = [await Guest.enter(room, 'Ada'), await Guest.enter(room, 'Bob')]
  ada.send(say('key-00000001', 'once'))
  ada.send(say('key-00000001', 'once'))
  ada.send(say('key-00000002', ' twice '))
  await ada.until('message', 3)
  await bob.until('message', 2)
  assert.deepEqual(
    ada.heard().map(({ id, text }) => [id, text]),
    [
      [1, 'once'],
      [1, 'once'],
      [2, 'twice'],
    ],
  )
  assert.deepEqual(
    bob.heard().map(({ id, author, text }) => [id, author, text]),
    [
      [1, 'Ada', 'once'],
      [2, 'Ada', 'twice'],
    ],
  )
  await ada.leave()
  await bob.leave()
})

test('who comes back gets what was missed, or the newest of very much', async () => {
  await using server = await start(makeFolder())
  const room = `${server.url}/r/lobby`
  for (let speaker = 0; speaker < 7; speaker += 1) {
    const guest = await Guest.enter(room, `Speaker ${speaker}`)
    for (let count = 0; count < 20; count += 1) {
      guest.send(say(`key-${speaker}-${count}-0000`, `${speaker * 20 + count + 1}`))
    }
    await guest.until('message', 20)
    await guest.leave()
  }
  for (const [since, first, isContinuation, hasEarlier] of [
    [0, 41, false, true],
    [10, 41, false, true],
    [40, 41, true, false],
    [130, 131, true, false],
    [140, undefined, true, false],
    [141, 41, false, true],
  ] as const) {
    const guest = await Guest.enter(room, 'Late', since)
    const [welcome] = await guest.until('welcome', 1)
    assert.deepEqual(
      [welcome?.messages[0]?.id, welcome?.isContinuation, welcome?.hasEarlier],
      [first, isContinuation, hasEarlier],
      `since ${since}`,
    )
    guest.send({ type: 'earlier', before: 41 })
    const [earlier] = await guest.until('earlier', 1)
    assert.deepEqual(
      earlier?.messages.map(({ text }) => text),
      Array.from({ length: 40 }, (_, index) => `${index + 1}`),
    )
    assert.equal(earlier?.hasEarlier, false)
    await guest.leave()
  }
  const ada = await Person.enter(browser, server.url, 'Ada')
  assert.equal((await ada.said()).length, 100)
  await ada.page.click('#earlier')
  await ada.untilSaid(Array.from({ length: 140 }, (_, index) => `${index + 1}`))
  // A message whose receipt was lost, and which is not among the newest any more.
  const unsure = JSON.stringify([{ key: 'key-0-0-0000', text: '1' }])
  await ada.page.evaluate(`sessionStorage.setItem('outbox lobby', ${JSON.stringify(unsure)})`)
  await ada.page.reload()
  await ada.untilSaid(Array.from({ length: 100 }, (_, index) => `${index + 41}`))
  await ada.untilWaiting([])
  assert.equal((await ada.said()).length, 100)
  await ada.leave()
})

test('a room refuses what is too much, too long or makes no sense', async () => {
  await using server = await start(makeFolder())
  const room = `${server.url}/r/lobby`
  const ada = await Guest.enter(room, 'Ada')
  const count = 400
  for (let i = 0; i < count; i += 1) ada.send(say(`key-${i}-0000`, 'spam'))
  while (ada.heard().length + ada.frames.filter(({ type }) => type === 'refused').length < count) {
    await setTimeout(20)
  }
  assert.ok(ada.heard().length >= 40, `${ada.heard().length} were said`)
  assert.ok(ada.heard().length < count, 'nothing was refused')
  await ada.leave()
  for (const frame of [
    'no JSON',
    '[]',
    'null',
    '{"type":"shout"}',
    JSON.stringify(say('short', 'text')),
    JSON.stringify(say('key-00000001', '  ')),
    JSON.stringify(say('key-00000001', 'x'.repeat(textLengthMax + 1))),
    JSON.stringify({ type: 'earlier', before: -1 }),
    JSON.stringify({ ...say('key-00000001', 'text'), padding: 'x'.repeat(20_000) }),
    new Uint8Array([1, 2, 3]),
  ]) {
    const guest = await Guest.enter(room, 'Guest')
    guest.sendText(frame)
    assert.equal(await guest.ended, 1008, String(frame).slice(0, 60))
  }
  for (const [path, status] of [
    ['/r/lobby/socket?name=Ada', 426],
    ['/r/Lobby', 404],
    ['/r/%ff', 404],
    ['/r/-', 404],
    ['/r/lobby', 200],
    ['/nothing', 404],
  ] as const) {
    assert.equal((await fetch(server.url + path)).status, status, path)
  }
  for (const name of ['', ' Ada', 'A'.repeat(25), '<b>', 'Ada\u202e']) {
    assert.equal(await statusOfUpgrade(`${room}/socket?${new URLSearchParams({ name })}`), 400)
  }
})

function statusOfUpgrade(url: string): Promise<number | undefined> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
  }
  return new Promise((resolve, reject) => {
    get(url, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('upgrade', (response) => resolve(response.statusCode))
      .on('error', reject)
  })
}

test('an alarm forgets what is too much, and ids go on', async () => {
  const folder = makeProject({
    HISTORY_MESSAGES_MAX: 3,
    HISTORY_DAYS_MAX: 1,
    TRIM_EVERY_SECONDS: 0.5,
  })
  await using server = await start(makeFolder(), 0, folder)
  const room = `${server.url}/r/lobby`
  const ada = await Guest.enter(room, 'Ada')
  for (let count = 1; count <= 8; count += 1) ada.send(say(`key-${count}-0000`, `${count}`))
  await ada.until('message', 8)
  for (;;) {
    const guest = await Guest.enter(room, 'Late')
    const [welcome] = await guest.until('welcome', 1)
    await guest.leave()
    const ids = welcome?.messages.map(({ id }) => id) ?? []
    assert.equal(ids.at(-1), 8)
    if (ids.length === 3) break
    assert.equal(ids.length, 8)
    await setTimeout(100)
  }
  ada.send(say('key-9-0000', '9'))
  await ada.until('message', 9)
  assert.equal(ada.heard().at(-1)?.id, 9)
  await ada.leave()
})

test('an alarm that a killed server has missed forgets what is too old', async () => {
  const folder = makeProject({
    HISTORY_MESSAGES_MAX: 100,
    HISTORY_DAYS_MAX: 2 / 86_400,
    TRIM_EVERY_SECONDS: 2,
  })
  const data = makeFolder()
  const first = await start(data, 0, folder)
  const ada = await Guest.enter(`${first.url}/r/lobby`, 'Ada')
  ada.send(say('key-1-0000', 'soon forgotten'))
  await ada.until('message', 1)
  await first.kill()
  await using server = await start(data, 0, folder)
  // Nobody visits the room: its own alarm empties it, and then it is no longer listed.
  for (;;) {
    const rooms = (await (await fetch(`${server.url}/api/rooms`)).json()) as unknown[]
    if (rooms.length === 0) break
    await setTimeout(100)
  }
  const late = await Guest.enter(`${server.url}/r/lobby`, 'Late')
  assert.deepEqual((await late.until('welcome', 1))[0]?.messages, [])
  await late.leave()
})

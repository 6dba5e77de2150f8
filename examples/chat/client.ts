// The script at `/chat.js`. What people write reaches the document as text nodes only.

export const script: string = String.raw`
const $ = (id) => document.getElementById(id)

const retryMsMin = 500
const retryMsMax = 15_000
const pingEveryMs = 25_000
const answerMsMax = 10_000
const typingMs = 4_000
const drawnMax = 500

// Each window may be another person; a new one begins as the last.
let name = sessionStorage.getItem('name') ?? localStorage.getItem('name') ?? ''
let room = ''
let people = []
// Oldest first and without holes, so its last id is all the room needs to know after a break.
let messages = []
let hasEarlier = false
// What we said and the room has not confirmed: { key, text, reason }. It outlives a reload, and
// may be said again at any time, because the room takes each key once.
let outbox = []

// --- The line to the room -----------------------------------------------------------------------

let socket // The one whose events count; undefined while we wait to try again.
let isOpen = false
let retryMs = retryMsMin
let retryTimer
let answerTimer

function connect() {
  clearTimeout(retryTimer)
  const url = new URL('/r/' + encodeURIComponent(room) + '/socket', location.origin)
  url.protocol = url.protocol.replace('http', 'ws')
  url.search = new URLSearchParams({ name, since: messages.at(-1)?.id ?? 0 })
  const opened = new WebSocket(url)
  socket = opened
  expectAnswer()
  opened.onmessage = ({ data }) => {
    if (socket !== opened) return
    clearTimeout(answerTimer)
    if (data !== 'pong') receive(JSON.parse(data))
  }
  opened.onclose = () => {
    if (socket === opened) lose()
  }
}

function hangUp() {
  clearTimeout(retryTimer)
  clearTimeout(answerTimer)
  const old = socket
  socket = undefined
  isOpen = false
  old?.close()
}

function lose() {
  hangUp()
  showLine('lost', 'Connection lost, trying again…')
  outboxChanged()
  nobodyTypes()
  retryTimer = setTimeout(connect, retryMs * (0.5 + Math.random()))
  retryMs = Math.min(2 * retryMs, retryMsMax)
}

function retryNow() {
  retryMs = retryMsMin
  hangUp()
  connect()
}

function send(frame) {
  if (isOpen) socket.send(JSON.stringify(frame))
}

// A dead network closes nothing: silence is the only sign of it.
function expectAnswer() {
  clearTimeout(answerTimer)
  answerTimer = setTimeout(lose, answerMsMax)
}

function ping() {
  if (!isOpen) return
  socket.send('ping')
  expectAnswer()
}

setInterval(ping, pingEveryMs)
addEventListener('online', () => room !== '' && retryNow())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState !== 'visible' || room === '') return
  if (isOpen) ping()
  else retryNow()
  sawAll()
})

function receive(frame) {
  switch (frame.type) {
    case 'welcome':
      retryMs = retryMsMin
      isOpen = true
      showLine('open', 'Connected')
      showPeople(frame.people)
      if (!frame.isContinuation) {
        messages = []
        hasEarlier = frame.hasEarlier
        redraw()
      }
      append(frame.messages, { isNews: frame.isContinuation })
      outboxChanged()
      for (const { key, text, reason } of outbox) if (reason === undefined) send({ type: 'say', key, text })
      break
    case 'message':
      showTyping(frame.message.author, false)
      append([frame.message], { isNews: true })
      break
    case 'earlier':
      prepend(frame)
      break
    case 'refused':
      for (const said of outbox) if (said.key === frame.key) said.reason = frame.reason
      outboxChanged()
      break
    case 'people':
      showPeople(frame.people)
      break
    case 'typing':
      showTyping(frame.name, true)
      break
  }
}

// --- Messages -----------------------------------------------------------------------------------

const scroll = $('scroll')
let isAtEnd = true
let unseen = 0

function append(list, { isNews }) {
  const confirmed = new Set(list.map(({ key }) => key))
  if (outbox.some(({ key }) => confirmed.has(key))) {
    outbox = outbox.filter(({ key }) => !confirmed.has(key))
    outboxChanged()
  }
  for (const message of list) {
    if (message.id <= (messages.at(-1)?.id ?? 0)) continue
    $('log').append(...draw(message, messages.at(-1)))
    messages.push(message)
    if (isNews && message.author !== name) unseen += 1
  }
  if (isAtEnd && messages.length > drawnMax) {
    messages = messages.slice(-drawnMax / 2)
    hasEarlier = true
    redraw()
  }
  settle()
}

function prepend({ messages: list, hasEarlier: more }) {
  const known = messages[0]?.id ?? Infinity
  messages = [...list.filter(({ id }) => id < known), ...messages]
  hasEarlier = more
  const fromEnd = scroll.scrollHeight - scroll.scrollTop
  redraw()
  scroll.scrollTop = scroll.scrollHeight - fromEnd
}

function redraw() {
  $('log').replaceChildren(...messages.flatMap((message, index) => draw(message, messages[index - 1])))
  settle()
}

function outboxChanged() {
  if (outbox.length === 0) sessionStorage.removeItem('outbox ' + room)
  else sessionStorage.setItem('outbox ' + room, JSON.stringify(outbox))
  $('outbox').replaceChildren(...outbox.map(drawWaiting))
  settle()
}

/** Puts right what depends on the messages: the end in view, buttons, counts. */
function settle() {
  $('earlier').hidden = !hasEarlier
  $('empty').hidden = messages.length + outbox.length > 0 || !isOpen
  if (isAtEnd) scroll.scrollTop = scroll.scrollHeight
  sawAll()
}

function sawAll() {
  if (isAtEnd && document.visibilityState === 'visible') unseen = 0
  $('newer').hidden = isAtEnd
  $('newer').textContent = unseen === 0 ? 'Go to the newest' : unseen === 1 ? '1 new message' : unseen + ' new messages'
  document.title = (unseen > 0 ? '(' + unseen + ') ' : '') + '#' + room + ' · Chat'
}

function toEnd() {
  isAtEnd = true
  settle()
}

scroll.addEventListener('scroll', () => {
  isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60
  sawAll()
})
// The keyboard of a phone, a longer draft, a turned screen: the end stays in view.
new ResizeObserver(() => isAtEnd && toEnd()).observe(scroll)
$('newer').onclick = toEnd
$('earlier').onclick = () => send({ type: 'earlier', before: messages[0].id })

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const calendar = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })

function draw(message, previous) {
  const drawn = []
  const at = new Date(message.at)
  const isNewDay = previous === undefined || new Date(previous.at).toDateString() !== at.toDateString()
  if (isNewDay) drawn.push(element('li', 'day', dayName(at)))
  const item = element('li', 'message')
  item.classList.toggle('mine', message.author === name)
  // One head for what somebody says in one go.
  item.classList.toggle('more', !isNewDay && previous.author === message.author && message.at - previous.at < 300_000)
  item.style.setProperty('--hue', hue(message.author))
  const time = element('time', '', clock.format(at))
  time.dateTime = at.toISOString()
  time.title = 'Sent ' + at.toLocaleString()
  item.append(element('span', 'author', message.author), face(message.author), bubble(message.text, time))
  return [...drawn, item]
}

function drawWaiting(said) {
  const item = element('li', 'message mine ' + (said.reason === undefined ? 'waiting' : 'refused'))
  const state = element('span', 'state', said.reason !== undefined ? 'Not sent: ' + said.reason : isOpen ? 'Sending' : 'Waiting')
  if (said.reason !== undefined) {
    const again = element('button', '', 'Try again')
    again.onclick = () => {
      said.reason = undefined
      outboxChanged()
      send({ type: 'say', key: said.key, text: said.text })
    }
    state.append(again)
  }
  item.append(bubble(said.text, state))
  return item
}

function bubble(text, state) {
  const made = element('div', 'bubble')
  // Every other part is a link; all of them are text.
  const parts = text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?')\]])/)
  const words = element('span', 'text')
  words.append(...parts.map((part, index) => (index % 2 === 0 ? part : link(part))))
  made.append(words, state)
  return made
}

function link(address) {
  const made = element('a', '', address)
  made.href = address
  made.target = '_blank'
  made.rel = 'noopener noreferrer'
  return made
}

function element(tag, className = '', text = '') {
  const made = document.createElement(tag)
  made.className = className
  made.textContent = text
  return made
}

function face(name) {
  const [first = '', second = ''] = name.split(/[\s._-]+/).map((word) => [...word][0])
  const made = element('i', 'face', (first + second).toUpperCase())
  made.style.setProperty('--hue', hue(name))
  made.ariaHidden = 'true'
  return made
}

function hue(name) {
  let hash = 0
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 16777619) ^ (hash >>> 15)
  return (hash >>> 0) % 360
}

function dayName(at) {
  const midnight = new Date().setHours(0, 0, 0, 0)
  if (at >= midnight) return 'Today'
  return at >= midnight - 86_400_000 ? 'Yesterday' : calendar.format(at)
}

// --- Who is here, and who is typing -------------------------------------------------------------

const typing = new Map()

function showPeople(list) {
  people = list
  $('people').replaceChildren(...people.map((person) => {
    const item = element('li')
    item.append(face(person), element('span', '', person === name ? person + ' (you)' : person))
    return item
  }))
  $('count').textContent = people.length === 1 ? 'Only you are here' : people.length + ' people here'
  void refreshRooms()
}

function showTyping(person, isTyping) {
  clearTimeout(typing.get(person))
  typing.delete(person)
  if (isTyping && person !== name) typing.set(person, setTimeout(showTyping, typingMs, person, false))
  const names = [...typing.keys()]
  $('typing').textContent = names.length === 0 ? '' : names.length === 1 ? names[0] + ' is typing…' :
    names.length === 2 ? names.join(' and ') + ' are typing…' : 'Several people are typing…'
}

function nobodyTypes() {
  for (const person of [...typing.keys()]) showTyping(person, false)
}

function showLine(state, text) {
  $('line').dataset.state = state
  $('line').firstElementChild.textContent = text
  $('retry').hidden = state !== 'lost'
}

$('retry').onclick = retryNow

// --- Rooms --------------------------------------------------------------------------------------

let rooms = []
let drawnRooms = ''

async function refreshRooms() {
  try {
    const response = await fetch('/api/rooms')
    if (response.ok) rooms = await response.json()
  } catch {
    // The server is away. The line says so, and asks again when it is back.
  }
  drawRooms()
}

function drawRooms() {
  const counts = new Map(rooms.map((summary) => [summary.name, summary.people]))
  for (const always of ['lobby', room]) if (!counts.has(always)) counts.set(always, 0)
  counts.set(room, people.length)
  const names = [...counts.keys()].sort((left, right) => left.localeCompare(right))
  // Whoever walks through the list with the keyboard keeps the place while nothing changes.
  const state = JSON.stringify([room, ...names.map((each) => [each, counts.get(each)])])
  if (state === drawnRooms) return
  drawnRooms = state
  $('rooms').replaceChildren(...names.map((each) => {
    const item = element('li')
    const anchor = element('a')
    anchor.href = pathOf(each)
    if (each === room) anchor.ariaCurrent = 'page'
    anchor.append(element('span', '', each))
    if (counts.get(each) > 0) {
      const count = element('small', '', String(counts.get(each)))
      count.title = counts.get(each) === 1 ? '1 person is here' : counts.get(each) + ' people are here'
      anchor.append(count)
    }
    anchor.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return
      event.preventDefault()
      visit(each)
    }
    item.append(anchor)
    return item
  }))
}

setInterval(() => document.visibilityState === 'visible' && isOpen && refreshRooms(), 5_000)

const pathOf = (room) => '/r/' + encodeURIComponent(room)

function visit(next) {
  if ($('side').matches(':popover-open')) $('side').hidePopover()
  if (next === room) return
  history.pushState(null, '', pathOf(next))
  enter(next)
}

function enter(next) {
  hangUp()
  room = next
  localStorage.setItem('room', room)
  messages = []
  people = []
  unseen = 0
  hasEarlier = false
  isAtEnd = true
  outbox = JSON.parse(sessionStorage.getItem('outbox ' + room) ?? '[]')
  nobodyTypes()
  $('room').textContent = room
  $('count').textContent = ''
  $('people').replaceChildren()
  $('say').elements.text.placeholder = 'Message #' + room
  redraw()
  outboxChanged()
  showLine('opening', 'Connecting…')
  retryMs = retryMsMin
  connect()
  drawRooms()
  if (matchMedia('(hover: hover)').matches) $('say').elements.text.focus()
}

function enterFromAddress() {
  const [, segment] = /^\/r\/([^/]+)$/.exec(location.pathname) ?? []
  const next = segment === undefined ? localStorage.getItem('room') ?? 'lobby' : decodeURIComponent(segment)
  if (segment === undefined) history.replaceState(null, '', pathOf(next))
  enter(next)
}

addEventListener('popstate', enterFromAddress)

$('open').onsubmit = (event) => {
  event.preventDefault()
  const field = $('open').elements.room
  const next = field.value.normalize('NFC').toLowerCase().trim().replace(/[\s_]+/g, '-')
    .replace(/[^\p{L}\p{M}\p{N}-]/gu, '').replace(/^[^\p{L}\p{N}]+/u, '').slice(0, 32).replace(/-+$/, '')
  field.value = ''
  if (next !== '') visit(next)
}

// --- Saying something ---------------------------------------------------------------------------

const draft = $('say').elements.text
let typedAt = 0

$('say').onsubmit = (event) => {
  event.preventDefault()
  const text = draft.value.trim()
  if (text === '') return
  draft.value = ''
  typedAt = 0
  const said = { key: crypto.getRandomValues(new Uint32Array(4)).join('-'), text }
  outbox.push(said)
  isAtEnd = true
  outboxChanged()
  send({ type: 'say', ...said })
}

draft.onkeydown = (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  $('say').requestSubmit()
}

draft.oninput = () => {
  if (draft.value.trim() === '' || Date.now() - typedAt < typingMs - 1000) return
  typedAt = Date.now()
  send({ type: 'typing' })
}

addEventListener('keydown', (event) => {
  if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
    event.preventDefault()
    const links = [...$('rooms').querySelectorAll('a')]
    const current = links.findIndex((each) => each.ariaCurrent === 'page')
    links.at((current + (event.key === 'ArrowUp' ? -1 : 1)) % links.length)?.click()
    return
  }
  // Whoever just types means the message.
  const isFree = event.target === document.body || event.target === scroll
  if (isFree && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) draft.focus()
})

// --- Our name -----------------------------------------------------------------------------------

const welcome = $('welcome')
const nameField = welcome.querySelector('input')

function askName() {
  nameField.value = name
  welcome.showModal()
  nameField.select()
}

// The keyboard of a phone leaves a space behind a word.
nameField.onchange = () => {
  nameField.value = nameField.value.trim().normalize('NFC')
}

welcome.onclose = () => {
  if (welcome.returnValue === 'join') takeName(nameField.value)
  else if (name === '') askName()
  welcome.returnValue = ''
}

function takeName(chosen) {
  name = chosen
  localStorage.setItem('name', name)
  sessionStorage.setItem('name', name)
  $('me').firstElementChild.replaceWith(face(name))
  $('me').querySelector('span').textContent = name
  if (room === '') enterFromAddress()
  else enter(room)
}

$('me').onclick = askName
if (name === '') askName()
else takeName(name)
`

import { DurableObject } from 'cloudflare:workers'
import {
  type Arrears,
  type ClientFrame,
  type Env,
  type Message,
  parseFrame,
  parseVisitor,
  type ServerFrame,
  type Stretch,
} from './protocol.ts'

const stretchLength = 100
const socketsMax = 1_000
/** Frames that a socket may send at once, and how many more it earns in a second. */
const allowanceMax = 40
const allowancePerSecond = 4
/** Pages send `ping` every 25 seconds. One that has not for this long is gone without a word. */
const silenceMsMax = 3 * 60 * 1000
const dayMs = 24 * 60 * 60 * 1000

type Row = Message & Record<string, SqlStorageValue>

/**
 * What a room knows about a socket. It is the socket's attachment and not a field of this object,
 * because it has to outlive the object's sleep: sockets stay connected while the room hibernates.
 */
interface Seat {
  readonly name: string
  readonly allowance: number
  /** When `allowance` was right; it grows from there. */
  readonly at: number
}

/**
 * One room: its messages, and the sockets of those who are in it.
 *
 * Nothing here waits for the disk, and yet nobody is ever shown a message that could be lost: what
 * is sent after a write leaves when that write is durable (output gate). So the sender's own copy
 * of a message is its receipt.
 */
export class Room extends DurableObject<Env> {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    // AUTOINCREMENT: an id is never given twice, not even after the history was trimmed.
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT UNIQUE, author TEXT, text TEXT, at INTEGER)`)
    // Answered by the runtime, without waking the room.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'))
  }

  /** Lets a visitor in: `GET …?name=Ada&since=41` with `Upgrade: websocket`. */
  override async fetch(request: Request): Promise<Response> {
    const visitor = parseVisitor(new URL(request.url).searchParams)
    if (visitor === undefined) return new Response('this name cannot be used', { status: 400 })
    if (this.ctx.getWebSockets().length >= socketsMax) {
      return new Response('the room is full', { status: 503 })
    }
    this.#closeSilentSockets()
    const isFirst = this.#openSockets(visitor.name).length === 0
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server, [visitor.name])
    const seat: Seat = { name: visitor.name, allowance: allowanceMax, at: Date.now() }
    server.serializeAttachment(seat)
    const people = this.#people()
    send(server, { type: 'welcome', people, ...this.#missedSince(visitor.since) })
    if (isFirst) await this.#peopleChanged(server)
    return new Response(null, { status: 101, webSocket: client })
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const frame = parseFrame(data)
    if (frame === undefined) {
      socket.close(1008, 'this is not how this chat talks')
      return
    }
    const mayGoOn = spendAllowance(socket)
    switch (frame.type) {
      case 'say':
        if (mayGoOn) await this.#say(socket, frame)
        else send(socket, { type: 'refused', key: frame.key, reason: 'too many at once' })
        return
      case 'earlier':
        if (mayGoOn) send(socket, { type: 'earlier', ...this.#before(frame.before) })
        return
      case 'typing':
        if (mayGoOn) this.#broadcast({ type: 'typing', name: seatOf(socket).name }, socket)
        return
    }
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    // The other side has said goodbye, or is gone; this answers it and lets go of the socket.
    socket.close()
    if (this.#openSockets(seatOf(socket).name).length === 0) await this.#peopleChanged()
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.webSocketClose(socket)
  }

  /** Rings while there is anybody or anything in the room. */
  override async alarm(): Promise<void> {
    this.#sql.exec(
      'DELETE FROM messages WHERE at < ? OR id <= (SELECT max(id) FROM messages) - ?',
      Date.now() - this.env.HISTORY_DAYS_MAX * dayMs,
      this.env.HISTORY_MESSAGES_MAX,
    )
    this.#closeSilentSockets()
    await this.#peopleChanged()
  }

  async #say(socket: WebSocket, { key, text }: ClientFrame & { type: 'say' }): Promise<void> {
    const [known] = this.#sql.exec<Row>('SELECT * FROM messages WHERE key = ?', key).toArray()
    if (known !== undefined) {
      // The line broke before the receipt arrived, and the page said it again.
      send(socket, { type: 'message', message: known })
      return
    }
    const message = this.#sql
      .exec<Row>(
        'INSERT INTO messages (key, author, text, at) VALUES (?, ?, ?, ?) RETURNING *',
        key,
        seatOf(socket).name,
        text,
        Date.now(),
      )
      .one()
    this.#broadcast({ type: 'message', message })
  }

  /** All messages after `since`; only the newest of them if a page was away for very many. */
  #missedSince(since: number): Arrears {
    const { last } = this.#sql
      .exec<{ last: number }>('SELECT coalesce(max(id), 0) AS last FROM messages')
      .one()
    // A page can know more than this room: its data folder was thrown away in between.
    const from = since <= last ? since : 0
    const query = 'SELECT * FROM messages WHERE id > ? ORDER BY id DESC LIMIT ?'
    const stretch = this.#stretch(query, from)
    return { ...stretch, isContinuation: from > 0 && !stretch.hasEarlier }
  }

  #before(id: number): Stretch {
    return this.#stretch('SELECT * FROM messages WHERE id < ? ORDER BY id DESC LIMIT ?', id)
  }

  #stretch(query: string, id: number): Stretch {
    const messages = this.#sql.exec<Row>(query, id, stretchLength + 1).toArray()
    const hasEarlier = messages.length > stretchLength
    return { messages: messages.slice(0, stretchLength).toReversed(), hasEarlier }
  }

  /** Tells everybody who is here, the directory how many they are, and sees to the next alarm. */
  async #peopleChanged(except?: WebSocket): Promise<void> {
    const people = this.#people()
    const hasHistory = this.#sql.exec('SELECT 1 FROM messages LIMIT 1').toArray().length > 0
    this.#broadcast({ type: 'people', people }, except)
    const directory = this.env.DIRECTORY.getByName('all')
    this.ctx.waitUntil(directory.report(this.ctx.id.name ?? '', people.length, hasHistory))
    if ((people.length > 0 || hasHistory) && (await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(Date.now() + this.env.TRIM_EVERY_SECONDS * 1000)
    }
  }

  #people(): string[] {
    const names = this.#openSockets().map((socket) => seatOf(socket).name)
    return [...new Set(names)].toSorted((left, right) => left.localeCompare(right))
  }

  /** Several when a person has several tabs or devices; each socket is tagged with its name. */
  #openSockets(name?: string): WebSocket[] {
    return this.ctx.getWebSockets(name).filter(isOpen)
  }

  /** A phone that left the network says no goodbye. */
  #closeSilentSockets(): void {
    for (const socket of this.#openSockets()) {
      const pongAt = this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0
      if (Date.now() - Math.max(pongAt, seatOf(socket).at) > silenceMsMax) {
        socket.close(1001, 'not heard of for long')
      }
    }
  }

  #broadcast(frame: ServerFrame, except?: WebSocket): void {
    for (const socket of this.#openSockets()) if (socket !== except) send(socket, frame)
  }
}

function isOpen(socket: WebSocket): boolean {
  return socket.readyState === WebSocket.OPEN
}

function send(socket: WebSocket, frame: ServerFrame): void {
  socket.send(JSON.stringify(frame))
}

function seatOf(socket: WebSocket): Seat {
  return socket.deserializeAttachment() as Seat
}

/** Whether the socket may have one more frame handled. What it has not used, it keeps a while. */
function spendAllowance(socket: WebSocket): boolean {
  const { name, allowance, at } = seatOf(socket)
  const now = Date.now()
  const earned = (Math.max(0, now - at) / 1000) * allowancePerSecond
  const left = Math.min(allowanceMax, allowance + earned) - 1
  socket.serializeAttachment({ name, allowance: Math.max(0, left), at: now } satisfies Seat)
  return left >= 0
}

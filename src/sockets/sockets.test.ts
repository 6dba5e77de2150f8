import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Entry, type Outgoing, Owner } from '../turns/index.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import { SocketEnd, type SocketEvent } from './socket-end.ts'

/** An owner whose gate the test opens, message by message. */
class HeldOwner extends Owner {
  readonly label = 'held'
  readonly held: Outgoing[] = []

  entry(): Entry {
    throw new Error('nothing enters here')
  }

  protected leave(message: Outgoing): void {
    this.held.push(message)
  }

  turnEnded(): void {}

  uncaught(): void {}
}

function hearing(): { end: SocketEnd; heard: SocketEvent[]; peer: SocketEnd } {
  const [end, peer] = SocketEnd.pair()
  const heard: SocketEvent[] = []
  peer.listen((event) => heard.push(event))
  return { end, heard, peer }
}

const text = (data: string): { kind: 'message'; data: string } => ({ kind: 'message', data })
const close = (code: number): { kind: 'closed'; code: number; reason: string } => ({
  kind: 'closed',
  code,
  reason: '',
})

test('[WS2] frames leave in the order sent, in whatever order the gate releases them', () => {
  const { end, heard } = hearing()
  const owner = new HeldOwner()
  const outbox = new Outbox(end)
  for (const data of ['a', 'b', 'c']) outbox.send(owner, text(data))
  outbox.send(owner, close(3000))
  owner.held[1]?.released()
  owner.held[3]?.released()
  assert.deepEqual(heard, [])
  owner.held[0]?.released()
  assert.deepEqual(heard, [text('a'), text('b')])
  owner.held[2]?.released()
  assert.deepEqual(heard, [text('a'), text('b'), text('c'), close(3000)])
})

test('[WS9] an ungated frame leaves at once, or behind what is held', () => {
  const { end, heard } = hearing()
  const owner = new HeldOwner()
  const outbox = new Outbox(end)
  outbox.sendUngated(text('pong'))
  assert.deepEqual(heard, [text('pong')])
  outbox.send(owner, text('a'))
  outbox.sendUngated(text('pong'))
  assert.equal(heard.length, 1)
  owner.held[0]?.released()
  assert.deepEqual(heard.slice(1), [text('a'), text('pong')])
})

test('[WS3] when the gate breaks, nothing that it held is sent, and the connection is lost', () => {
  const { end, heard } = hearing()
  const owner = new HeldOwner()
  const outbox = new Outbox(end)
  for (const data of ['a', 'b']) outbox.send(owner, text(data))
  outbox.send(owner, close(1000))
  owner.held[1]?.released()
  for (const i of [0, 2]) owner.held[i]?.dropped(new Error('broken'))
  outbox.sendUngated(text('pong'))
  assert.deepEqual(heard, [{ kind: 'lost', error: undefined }])
})

test('[WS10] one event at a time is started, and the next when its turn has begun', () => {
  const { end, peer } = hearing()
  const started: SocketEvent[] = []
  const inbox = new Inbox(peer, (event) => {
    if (event.kind === 'message' && event.data === 'answered') return false
    started.push(event)
    return true
  })
  peer.listen(inbox.hear)
  for (const data of ['answered', 'a', 'answered', 'answered', 'b', 'c']) end.send(text(data))
  assert.deepEqual(started, [text('a')])
  assert.deepEqual(inbox.take(), text('a'))
  assert.deepEqual(started, [text('a'), text('b')])
  assert.deepEqual(inbox.take(), text('b'))
  assert.deepEqual(inbox.take(), text('c'))
  end.send(close(1000))
  assert.deepEqual(started, [text('a'), text('b'), text('c'), close(1000)])
})

test('[WS12] after a Close frame nothing is sent, and its receiver hears of no loss', () => {
  const { end, heard, peer } = hearing()
  end.send(close(1000))
  end.send(text('late'))
  end.disconnect()
  assert.deepEqual(heard, [close(1000)])
  assert.ok(end.isOver && peer.isOver)
})

test('[WS12] with Close frames in both directions a loss is no news', () => {
  const { end, heard, peer } = hearing()
  peer.send(close(3000))
  end.send(close(3000))
  assert.ok(end.isOver)
  peer.disconnect()
  end.disconnect()
  assert.deepEqual(heard, [close(3000)])
})

test('[WS14] what nobody listens to is kept in order up to 16 MiB, then the connection is lost', () => {
  const [end, peer] = SocketEnd.pair()
  const heard: string[] = []
  end.listen((event) => heard.push(event.kind))
  const megabyte = 'x'.repeat(1024 * 1024)
  for (let i = 0; i < 15; i += 1) end.send(text(`${i}${megabyte}`))
  assert.equal(heard.length, 0)
  const early: string[] = []
  peer.listen((event) => early.push(event.kind === 'message' ? String(event.data).slice(0, 2) : ''))
  assert.equal(early.length, 15)
  assert.deepEqual(early.slice(9, 11), ['9x', '10'])

  const [flooding, ignored] = SocketEnd.pair()
  flooding.listen((event) => heard.push(event.kind))
  for (let i = 0; i < 17; i += 1) flooding.send(text(megabyte))
  assert.deepEqual(heard, ['lost'])
  assert.ok(ignored.isOver)
})

test('[WS15] an end is behind from 1 MiB on, and has caught up below half of that', () => {
  const { end, peer } = hearing()
  const half = 'x'.repeat(600_000)
  end.send(text(half))
  assert.equal(end.peerIsBehind, false)
  end.send(text(half))
  assert.equal(end.peerIsBehind, true)
  let resumed = 0
  end.whenPeerCaughtUp(() => {
    resumed += 1
  })
  peer.taken(half)
  assert.equal(resumed, 0)
  peer.taken(half)
  assert.equal(resumed, 1)
})

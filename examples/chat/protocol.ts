// What pages and rooms say to each other, and the checks on everything that comes from outside.

import type { Directory } from './directory.ts'
import type { Room } from './room.ts'

export interface Env {
  readonly ROOM: DurableObjectNamespace<Room>
  readonly DIRECTORY: DurableObjectNamespace<Directory>
  readonly HISTORY_MESSAGES_MAX: number
  readonly HISTORY_DAYS_MAX: number
  readonly TRIM_EVERY_SECONDS: number
}

export interface Message {
  /** Counts up within the room; a page that knows the last one it saw can ask for the rest. */
  readonly id: number
  /** Chosen by the sender. What is said again with the same key, after a lost line, is one message. */
  readonly key: string
  readonly author: string
  readonly text: string
  readonly at: number
}

/** A stretch of the history without holes, oldest first. */
export interface Stretch {
  readonly messages: readonly Message[]
  /** There are more before these. */
  readonly hasEarlier: boolean
}

/** What a page gets when it comes in, or comes back. */
export interface Arrears extends Stretch {
  /** Nothing is between the last message that the page has and these; otherwise it starts anew. */
  readonly isContinuation: boolean
}

export type ClientFrame =
  | { readonly type: 'say'; readonly key: string; readonly text: string }
  | { readonly type: 'earlier'; readonly before: number }
  | { readonly type: 'typing' }

export type ServerFrame =
  | ({ readonly type: 'welcome'; readonly people: readonly string[] } & Arrears)
  | ({ readonly type: 'earlier' } & Stretch)
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'refused'; readonly key: string; readonly reason: string }
  | { readonly type: 'people'; readonly people: readonly string[] }
  | { readonly type: 'typing'; readonly name: string }

export const textLengthMax = 2_000
const frameLengthMax = 16_384

// Letters of every script; nothing invisible, so that two names that look different are different.
const roomPattern = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,30}[\p{L}\p{M}\p{N}])?$/u
export const namePattern = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ._'\-]{0,22}[\p{L}\p{M}\p{N}.])?$/v
const keyPattern = /^[\w-]{8,64}$/

/** The room in a path such as `/r/game-night`, if there is one. */
export function parseRoom(segment: string): string | undefined {
  try {
    const room = decodeURIComponent(segment)
    return roomPattern.test(room) && room === normalize(room) ? room : undefined
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** Who wants in, and the last message their page has already: `?name=Ada&since=41`. */
export function parseVisitor(query: URLSearchParams): { name: string; since: number } | undefined {
  const name = query.get('name')?.normalize('NFC') ?? ''
  const since = Number(query.get('since') ?? 0)
  return namePattern.test(name) && isCount(since) ? { name, since } : undefined
}

/** `undefined` for what the page of this chat never sends. */
export function parseFrame(frame: string | ArrayBuffer): ClientFrame | undefined {
  if (typeof frame !== 'string' || frame.length > frameLengthMax) return undefined
  const value = parseJson(frame)
  switch (value['type']) {
    case 'say': {
      const { key, text } = value
      if (typeof key !== 'string' || !keyPattern.test(key) || typeof text !== 'string') break
      const clean = text.toWellFormed().trim()
      if (clean === '' || clean.length > textLengthMax) break
      return { type: 'say', key, text: clean }
    }
    case 'earlier': {
      const { before } = value
      if (isCount(before)) return { type: 'earlier', before }
      break
    }
    case 'typing':
      return { type: 'typing' }
  }
  return undefined
}

function normalize(room: string): string {
  return room.normalize('NFC').toLowerCase()
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function parseJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

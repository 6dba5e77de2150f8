// Deliberate mistakes, each in one place. The model test must find every one of them.

import type { InputLock } from '../../src/gates/index.ts'
import { Incarnation } from '../../src/objects/index.ts'
import {
  type Answer,
  KnownKeys,
  KvCache,
  type KvAnswer,
  type KvFlush,
  type KvListRange,
  type KvStore,
  type CacheListener,
  type StoreTransaction,
} from '../../src/storage/index.ts'
import { currentTurn, pump, type Turn } from '../../src/turns/index.ts'
import type { Parts } from './world.ts'

/** A store whose calls are changed on their way. */
function store(change: (inner: KvStore) => Partial<KvStore>): Parts {
  return {
    store: (inner) => ({
      get: (keys, answer) => inner.get(keys, answer),
      list: (range, answer) => inner.list(range, answer),
      flush: (flush, answer) => inner.flush(flush, answer),
      ...change(inner),
    }),
  }
}

function cache(Faulty: typeof KvCache): Parts {
  return { cache: (options) => new Faulty(options) }
}

function known(Faulty: typeof KnownKeys): Parts {
  return cache(
    class extends KvCache {
      protected override makeKnownKeys(
        ...values: ConstructorParameters<typeof KnownKeys>
      ): KnownKeys {
        return new Faulty(...values)
      }
    },
  )
}

function incarnation(Faulty: typeof Incarnation): Parts {
  return { incarnation: (options) => new Faulty(options) }
}

export const mutants: Readonly<Record<string, Parts>> = {
  'a flush is not atomic': store((inner) => ({
    flush: (flush: KvFlush, answer: KvAnswer<void>) => {
      const [first, ...rest] = flush.operations
      if (first === undefined) return inner.flush(flush, answer)
      return inner.flush(
        { ...flush, operations: [first] },
        {
          succeeded: () => inner.flush({ ...flush, isDeleteAll: false, operations: rest }, answer),
          failed: (error) => answer.failed(error),
        },
      )
    },
  })),

  'a flush starts in the middle of a turn, with a value that is overwritten later': cache(
    class extends KvCache {
      override put(...values: Parameters<KvCache['put']>): Answer<void> {
        const answer = super.put(...values)
        this.turnEnded()
        return answer
      }
    },
  ),

  'deletes are not flushed': store((inner) => ({
    flush: (flush: KvFlush, answer: KvAnswer<void>) => {
      const operations = flush.operations.filter(({ value }) => value !== undefined)
      inner.flush({ ...flush, operations }, answer)
    },
  })),

  'a flush does not wait for the reads before it': cache(
    class extends KvCache {
      protected override mustPrecede(): boolean {
        return false
      }
    },
  ),

  'a flush is taken for durable before it has happened': store((inner) => ({
    flush: (flush: KvFlush, answer: KvAnswer<void>) => {
      inner.flush(flush, { succeeded: () => {}, failed: () => {} })
      setImmediate(() => answer.succeeded())
    },
  })),

  'a flush whose connection was lost is taken for done': store((inner) => ({
    flush: (flush: KvFlush, answer: KvAnswer<void>) => {
      inner.flush(flush, {
        succeeded: () => answer.succeeded(),
        failed: () => answer.succeeded(),
      })
    },
  })),

  'a gap is forgotten: only the first unknown stretch of a list is read': known(
    class extends KnownKeys {
      override *walk(...values: Parameters<KnownKeys['walk']>): ReturnType<KnownKeys['walk']> {
        let unknowns = 0
        for (const part of super.walk(...values)) {
          if (part.kind === 'unknown') unknowns += 1
          if (part.kind === 'known' || unknowns === 1) yield part
        }
      }
    },
  ),

  'a gap is forgotten: a list cut by its limit is taken for all there is': known(
    class extends KnownKeys {
      override learn(...[range, entries, overtaken]: Parameters<KnownKeys['learn']>): void {
        super.learn({ ...range, end: undefined }, entries, overtaken)
      }
    },
  ),

  'a gap is forgotten: a key that was not to be remembered is taken for absent': known(
    class extends KnownKeys {
      override forget(key: string): void {
        this.set(key, undefined)
      }
    },
  ),

  'an evicted key is taken for absent': known(
    class extends KnownKeys {
      readonly #seen = new Set<string>()

      override set(...values: Parameters<KnownKeys['set']>): void {
        this.#seen.add(values[0])
        super.set(...values)
      }

      override get(key: string): ReturnType<KnownKeys['get']> {
        const value = super.get(key)
        return value === 'unknown' && this.#seen.has(key) ? undefined : value
      }
    },
  ),

  'a value is read from the cache after its delete': known(
    class extends KnownKeys {
      override set(...[key, value]: Parameters<KnownKeys['set']>): void {
        if (value === undefined && this.get(key) instanceof Uint8Array) return
        super.set(key, value)
      }
    },
  ),

  'what a list read is remembered although a flush overtook it': known(
    class extends KnownKeys {
      override learn(...[range, entries]: Parameters<KnownKeys['learn']>): void {
        super.learn(range, entries, new Set())
      }
    },
  ),

  'a list asks for too few keys': store((inner) => ({
    list: (range: KvListRange, answer) => {
      const limit = range.limit === undefined ? undefined : Math.max(1, range.limit - 1)
      inner.list({ ...range, limit }, answer)
    },
  })),

  'a rolled back transaction is kept': cache(
    class extends KvCache {
      override begin(): StoreTransaction {
        const scope = super.begin()
        const commit = (): void => scope.commit()
        return { depth: scope.depth, state: scope.state, commit, rollback: commit }
      }
    },
  ),

  'a transaction is flushed while it is open': cache(
    class extends KvCache {
      override begin(): StoreTransaction {
        return { depth: 1, state: 'open', commit: () => {}, rollback: () => {} }
      }
    },
  ),

  'a hold is released before the flush is confirmed': cache(
    class extends KvCache {
      override setListener(listener: CacheListener | undefined): void {
        if (listener === undefined) return super.setListener(listener)
        super.setListener({
          holdOutput: () => {
            listener.holdOutput().release()
            return { release: () => {}, fail: (error) => listener.broke(error as Error) }
          },
          broke: (error) => listener.broke(error),
        })
      }
    },
  ),

  'sync() does not wait': cache(
    class extends KvCache {
      override whenConfirmed(callback: (error: Error | undefined) => void): void {
        callback(undefined)
      }
    },
  ),

  'an answer of storage is delivered outside of the lock': incarnation(
    class extends Incarnation {
      override awaitStorage<T>(answer: Answer<T>): Promise<T> {
        return super.awaitStorage(answer, true)
      }
    },
  ),

  'the reference to the lock is dropped before the continuation has run': incarnation(
    class extends Incarnation {
      override awaitStorage<T>(answer: Answer<T>): Promise<T> {
        const lock = ((currentTurn() as Turn).lock as InputLock).addRef()
        return new Promise((resolve, reject) => {
          const deliver = (run: () => void): void => {
            const { gate } = lock
            lock.release()
            const none = { gate, release: () => {}, addRef: () => gate.addLock() }
            pump.post(this, none, run)
          }
          answer.whenSettled(
            (value) => deliver(() => resolve(value)),
            (error) => deliver(() => reject(error)),
          )
        })
      }
    },
  ),
}

// What must not compile, with either set of types.

import type { Env } from './index.ts'

export async function wrong(env: Env, state: DurableObjectState): Promise<void> {
  const stub = env.LEDGER.getByName('one')
  // @ts-expect-error a method that the class does not have
  await stub.nothing()
  // @ts-expect-error an argument of another type
  await stub.add(5)
  // @ts-expect-error what is returned is a promise of it
  const rows: object[] = stub.rows()
  // @ts-expect-error a namespace is asked with an id
  env.LEDGER.get('one')
  // @ts-expect-error a query is a text
  state.storage.sql.exec(5)
  // @ts-expect-error an alarm is a time
  await state.storage.setAlarm('tomorrow')
  // @ts-expect-error a key is a text
  await state.storage.put(5, 'value')
  // @ts-expect-error storage is read with a key
  await state.storage.get()
  // @ts-expect-error the section is a function
  await state.blockConcurrencyWhile(5)
  void rows
}

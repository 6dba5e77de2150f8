// What `import … from 'cloudflare:durable-objects'` gives.

/** A trial of the reference's, which a program without the flag `experimental` does not get there. */
export const onHibernate = undefined

/**
 * Marks methods that may be called again when the connection to the object was lost on the way. All
 * objects are in this process, so none ever is; the mark has no effect.
 *
 * @throws TypeError for what is no function
 */
export function retryable(...methods: readonly unknown[]): void {
  if (!methods.every((method) => typeof method === 'function')) {
    throw new TypeError('retryable() accepts only functions.')
  }
}

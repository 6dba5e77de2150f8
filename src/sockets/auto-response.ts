const textBytesMax = 2048

/** What the runtime answers by itself, without waking the object (reference 1.13). */
export class WebSocketRequestResponsePair {
  readonly #request: string
  readonly #response: string

  constructor(request: string, response: string) {
    for (const [i, value] of [request, response].entries()) {
      if (value === undefined) {
        throw new TypeError(
          `Failed to construct 'WebSocketRequestResponsePair': constructor parameter ${i + 1} is not of type 'string'.`,
        )
      }
    }
    this.#request = String(request)
    this.#response = String(response)
  }

  get request(): string {
    return this.#request
  }

  get response(): string {
    return this.#response
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocketRequestResponsePair'
  }
}

/** @throws RangeError when either text is larger than 2,048 bytes */
export function requireAutoResponseSize({ request, response }: WebSocketRequestResponsePair): void {
  for (const [name, text] of [
    ['Request', request],
    ['Response', response],
  ] as const) {
    const size = Buffer.byteLength(text)
    if (size > textBytesMax) {
      throw new RangeError(
        `${name} cannot be larger than ${textBytesMax} bytes. A ${name.toLowerCase()} of size ${size} was provided.`,
      )
    }
  }
}

import { Serializer } from 'node:v8'

const travelBytesMax = 32 * 1024 * 1024

/**
 * Refuses what is more than 32 MiB as a message.
 *
 * @param bytesMax an upper bound that is cheap to know; only above the limit the bytes are counted
 * @throws Error with the reference's text
 */
export function requireTravelSize(value: unknown, bytesMax: number): void {
  if (bytesMax <= travelBytesMax) return
  const size = serializedSize(value) ?? bytesMax
  if (size <= travelBytesMax) return
  throw new Error(
    `Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: ${size} bytes.`,
  )
}

// Undefined for what has references in it, which only a session can write.
function serializedSize(value: unknown): number | undefined {
  const serializer = new Serializer()
  serializer.writeHeader()
  try {
    serializer.writeValue(value)
  } catch (error) {
    // A function: there is a stub in it.
    if (error instanceof Error) return undefined
    throw error
  }
  return serializer.releaseBuffer().byteLength
}

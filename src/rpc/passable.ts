/**
 * Decides about values that are not plain data.
 *
 * @returns what the receiver gets in its place, or undefined when it is of another kind
 */
export type PassSpecial = (value: object) => unknown

const passers = new Set<PassSpecial>()

/**
 * Makes values of further kinds passable, such as streams. `pass` is asked about each value that is
 * neither plain data nor passed by reference, in the sender's turn; once per function.
 */
export function passAlso(pass: PassSpecial): void {
  passers.add(pass)
}

export function passFurther(value: object): unknown {
  for (const pass of passers) {
    const passed = pass(value)
    if (passed !== undefined) return passed
  }
  return undefined
}

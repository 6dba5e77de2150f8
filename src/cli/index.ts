// cli: the commands. The only room that reads the program's arguments and prints for a person.
// Knows `sluice` (what it runs) and the errors of `config` and `runtime` (what it explains).

export { runCli } from './run-cli.ts'

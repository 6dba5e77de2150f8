export function installMutant(_name: string): void {}

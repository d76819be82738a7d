// Pure: no I/O, no clock, no randomness.

import type { ServerFacts } from '../facts/server.ts';

/** How to change settings of the server, given as name and value. A file does not help against the command line. */
export function changeSettings(
  { on_command_line: onCommandLine }: ServerFacts,
  settings: readonly (readonly [name: string, value: string])[],
): string {
  const stuck = settings.filter(([name]) => onCommandLine.includes(name));
  const free = settings.filter(([name]) => !onCommandLine.includes(name));
  return [
    ...(free.length === 0
      ? []
      : [
          ...free.map(([name, value]) => `alter system set ${name} = ${value};`),
          'select pg_reload_conf();',
        ]),
    ...(stuck.length === 0
      ? []
      : [
          `Start Postgres with ${stuck.map(([name, value]) => `-c ${name}=${value}`).join(' ')}: its command line sets the opposite.`,
        ]),
  ].join(' ');
}

// Pure: no I/O, no clock, no randomness.

import type { ServerFacts } from '../facts/server.ts';

/**
 * Says how to change settings, given as name and value, at the place where they are set: a file does not override a
 * command line.
 */
export function changeSettings(
  server: ServerFacts,
  settings: readonly (readonly [name: string, value: string])[],
): string {
  const set = settings.map(([name, value]) => ({ name, value, source: server.sources[name] }));
  const inFile = set.filter(({ source }) => !elsewhere.includes(source ?? ''));
  const onCommandLine = set.filter(({ source }) => source === 'command line');
  const byClient = set.filter(({ source }) => source === 'client');
  const [role, database] = [identifier(server.role), identifier(server.database)];
  return [
    ...set.flatMap(({ name, source }) => {
      if (source === 'database user') {
        return [`alter role ${role} in database ${database} reset ${name};`];
      }
      if (source === 'user') return [`alter role ${role} reset ${name};`];
      return source === 'database' ? [`alter database ${database} reset ${name};`] : [];
    }),
    ...inFile.map(({ name, value }) => `alter system set ${name} = ${value};`),
    ...(inFile.length === 0 ? [] : ['select pg_reload_conf();']),
    ...(onCommandLine.length === 0
      ? []
      : [`Start Postgres with ${flags(onCommandLine)}: its command line now sets the opposite.`]),
    ...(byClient.length === 0
      ? []
      : [`Take ${byClient.map(({ name }) => name).join(', ')} out of DATABASE_URL and PGOPTIONS.`]),
  ].join(' ');
}

const elsewhere = ['command line', 'database user', 'user', 'database', 'client'];

function flags(settings: readonly { name: string; value: string }[]): string {
  return settings.map(({ name, value }) => `-c ${name}=${value}`).join(' ');
}

/** Quotes a name for SQL if it needs quotes. */
export function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

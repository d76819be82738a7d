import { ConfigError } from './config-error.ts';
import type { Kind } from './kinds.ts';
import { alertSettings, type Setting, settings } from './settings.ts';

/** The type of the values of a table of settings. */
type ValuesOf<Table> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer T, infer Fallback>
    ? Fallback extends string
      ? T
      : T | undefined
    : never;
};
type AlertValues = ValuesOf<typeof alertSettings>;

/** Everything that the environment configures. Frozen; read once at the start and passed down. */
export interface Config extends Omit<ValuesOf<typeof settings>, 'graceMs'> {
  /** How long a stop may wait for requests in flight. */
  readonly graceMs: number;
  readonly alerts: {
    readonly url: string | undefined;
    readonly secret: string | undefined;
    readonly thresholds: Omit<AlertValues, 'url' | 'secret'> & { readonly disableAfterMs: number };
  };
}

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration from environment variables.
 *
 * @throws ConfigError that names every variable that breaks its rule, in the order of the documentation.
 */
export function readConfig(env: Env): Config {
  const problems: string[] = [];
  const own = readTable(settings, env, problems);
  const { url, secret, ...thresholds } = readTable(alertSettings, env, problems);
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.freeze({
    ...own,
    graceMs: own.graceMs ?? own.timeoutMs + 5_000,
    alerts: Object.freeze({
      url,
      secret,
      thresholds: Object.freeze({ ...thresholds, disableAfterMs: own.disableAfterMs }),
    }),
  });
}

function readTable<Table extends Readonly<Record<string, Setting<unknown>>>>(
  table: Table,
  env: Env,
  problems: string[],
): ValuesOf<Table> {
  const values = Object.entries(table).map(([key, { name, kind, fallback }]) => {
    const given = env[name]?.trim() ?? '';
    const text = given === '' ? fallback : given;
    const value = text === undefined ? undefined : kind.parse(text);
    if (text !== undefined && value === undefined) problems.push(problemOf(name, { kind, text }));
    return [key, value] as const;
  });
  // Each value has the type of its row, or a problem was noted.
  return Object.fromEntries(values) as ValuesOf<Table>;
}

function problemOf(name: string, { kind, text }: { kind: Kind<unknown>; text: string }): string {
  const fault = kind.fault?.(text);
  if (fault !== undefined) return `${name} cannot be used: ${fault}`;
  const rule = `${name} must be ${kind.rule}`;
  return kind.isSecret === true ? rule : `${rule}: "${text}" is not`;
}

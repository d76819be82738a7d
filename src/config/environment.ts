import { isNetwork } from '../domain/address-policy.ts';
import { formatDuration, parseDurationMs } from '../domain/duration.ts';

/*
 * Values of environment variables. What breaks its rule is a ConfigError that names the variable, the rule and the value.
 */

/** Settings that cannot be used. The message has a line for each: the variable, the rule and the value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** The variable, when it is one. */
  readonly setting: string | undefined;

  constructor(message: string, { setting }: { readonly setting?: string } = {}) {
    super(message);
    this.setting = setting;
  }
}

/** The error for a setting that breaks its rule; the rule begins with "it must". */
export function wrong(setting: string, rule: string): ConfigError {
  return new ConfigError(`Cannot use ${setting} as ${rule}`, { setting });
}

export type Env = Readonly<Record<string, string | undefined>>;

export function list(env: Env, name: string): string[] {
  return (text(env, name) ?? '')
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

/** As a browser writes them in Host, without the port. */
export function hostNames(env: Env, name: string): readonly string[] {
  const names = list(env, name).map((value) => value.toLowerCase());
  for (const value of names) {
    if (URL.parse(`http://${value}`)?.host === value) continue;
    throw wrong(
      name,
      `it must be host names or addresses without a port, separated by commas, like hooks.example.com: current value is ${value}`,
    );
  }
  return Object.freeze(names.map((value) => value.replace(/^\[|\]$/g, '')));
}

/** Addresses and CIDRs. */
export function networks(env: Env, name: string): readonly string[] {
  const values = list(env, name);
  for (const value of values) {
    if (!isNetwork(value)) {
      throw wrong(
        name,
        `it must be addresses or CIDRs separated by commas, like 10.0.0.0/8,::1: current value is ${value}`,
      );
    }
  }
  return Object.freeze(values);
}

export function text(env: Env, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === '' ? undefined : value;
}

/** A name that may stand in logs, metrics and SQL; empty when it is not set. */
export function environmentName(env: Env, name: string): string {
  const value = text(env, name) ?? '';
  if (/^[A-Za-z0-9._-]{0,63}$/.test(value)) return value;
  throw wrong(
    name,
    `it must be a name of at most 63 letters, digits, dots, dashes and underscores: current value is ${value}`,
  );
}

export function integer(
  env: Env,
  name: string,
  { min, max, unit, fallback }: { min: number; max: number; unit: string; fallback: number },
): number {
  const value = text(env, name);
  if (value === undefined) return fallback;
  const parsed = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (parsed >= min && parsed <= max) return parsed;
  throw wrong(
    name,
    `it must be a whole number from ${min} to ${max} (${unit}): current value is ${value}`,
  );
}

export function optionalInteger(
  env: Env,
  name: string,
  bounds: { min: number; max: number; unit: string },
): number | undefined {
  return text(env, name) === undefined ? undefined : integer(env, name, { ...bounds, fallback: 0 });
}

export function duration(
  env: Env,
  name: string,
  { fallback, minMs, maxMs }: { fallback: string; minMs: number; maxMs: number },
): number {
  const value = text(env, name) ?? fallback;
  const parsed = parseDurationMs(value);
  if (parsed !== undefined && parsed >= minMs && parsed <= maxMs) return parsed;
  throw wrong(
    name,
    `it must be a duration with a unit (ms, s, m, h, d) from ${formatDuration(minMs)} to ${formatDuration(maxMs)}: current value is ${value}`,
  );
}

export function schedule(env: Env, name: string, fallback: string): readonly number[] {
  const value = text(env, name) ?? fallback;
  const delays = value.split(',').map(parseDurationMs);
  const legal = delays.filter(
    (delay): delay is number => delay !== undefined && delay > 0 && delay <= 30 * dayMs,
  );
  if (legal.length === delays.length && delays.length <= 100) return Object.freeze(legal);
  throw wrong(
    name,
    `it must be 1 to 100 durations from 1ms to 30d, separated by commas, like 1m,5m,30m: current value is ${value}`,
  );
}

export const dayMs = 86_400_000;

export function oneOf<const T extends string>(
  env: Env,
  name: string,
  { among, fallback }: { among: readonly T[]; fallback: T },
): T {
  const value = text(env, name);
  if (value === undefined) return fallback;
  const found = among.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw wrong(name, `it must be one of ${among.join(', ')}: current value is ${value}`);
}

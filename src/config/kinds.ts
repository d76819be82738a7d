// Pure: no I/O, no clock, no randomness.

import { isNetwork } from '../domain/address-policy.ts';
import { formatDuration, parseDurationMs } from '../domain/duration.ts';
import { type HttpProxy, proxyOf } from '../domain/http-proxy.ts';
import { type KeyRing, parseKeyRing } from '../domain/key-ring.ts';
import { brokenUrlRule } from '../domain/postgres-url.ts';
import { targetOf } from '../domain/target.ts';

/*
 * The kinds of settings: how an environment variable's text is parsed, its rule, and how its value is shown.
 */

export interface Kind<T> {
  /** The rule for the text: the end of "PORT must be …". */
  readonly rule: string;
  /** The same rule for the table in docs/configuration.md. */
  readonly cell: string;
  /** The value; undefined when the text breaks the rule. */
  parse(text: string): T | undefined;
  /** The value as shown by GET /settings and the dashboard, without secrets. */
  show(value: T): string;
  /** The text may be or contain a secret, so messages do not repeat it. */
  readonly isSecret?: boolean;
  /** Says which part of a secret text is wrong, in a sentence without a full stop. */
  fault?(text: string): string | undefined;
}

const dayMs = 86_400_000;

const plainText: Kind<string> = {
  rule: 'text',
  cell: 'text',
  parse: (text) => text,
  show: (value) => value,
};

/** Any text. The setting's name explains it; the table describes it in these words. */
export function words(cell: string): Kind<string> {
  return { ...plainText, cell };
}

export function integer(bounds: { min: number; max: number; unit: string }): Kind<number> {
  const { min, max, unit } = bounds;
  return {
    rule: `a whole number from ${min} to ${max} (${unit})`,
    cell: `${unit}, ${min} to ${max}`,
    parse: (text) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
    show: String,
  };
}

export function duration({ minMs, maxMs }: { minMs: number; maxMs: number }): Kind<number> {
  const range = `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  return {
    rule: `a duration with a unit (ms, s, m, h, d) ${range}`,
    cell: `duration ${range}`,
    parse: (text) => {
      const value = parseDurationMs(text);
      return value !== undefined && value >= minMs && value <= maxMs ? value : undefined;
    },
    show: formatDuration,
  };
}

/** Delays, ms. */
export const schedule: Kind<readonly number[]> = {
  rule: '1 to 100 durations from 1ms to 30d, separated by commas, like 1m,5m,30m',
  cell: '1 to 100 durations from 1ms to 30d, separated by commas',
  parse: (text) => {
    const delays = text.split(',').map(parseDurationMs);
    const legal = delays.filter(
      (delay): delay is number => delay !== undefined && delay > 0 && delay <= 30 * dayMs,
    );
    return legal.length === delays.length && delays.length <= 100
      ? Object.freeze(legal)
      : undefined;
  },
  show: (value) => value.map(formatDuration).join(','),
};

export function oneOf<const T extends string>(among: readonly T[]): Kind<T> {
  const quoted = among.map((name) => `\`${name}\``);
  return {
    rule: `one of ${among.join(', ')}`,
    cell: `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`,
    parse: (text) => among.find((candidate) => candidate === text),
    show: (value) => value,
  };
}

function partsOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const showList = (values: readonly string[]) => (values.length === 0 ? 'none' : values.join(', '));

/** Addresses and CIDRs. */
export const networks: Kind<readonly string[]> = {
  rule: 'addresses or CIDRs separated by commas, like 10.0.0.0/8,::1',
  cell: 'addresses or CIDRs, separated by commas',
  parse: (text) => {
    const values = partsOf(text);
    return values.every(isNetwork) ? Object.freeze(values) : undefined;
  },
  show: showList,
};

/** Names as in the header Host, without the port. */
export const hostNames: Kind<readonly string[]> = {
  rule: 'host names or addresses without a port, separated by commas, like hooks.example.com',
  cell: 'host names or addresses, separated by commas',
  parse: (text) => {
    const names = partsOf(text).map((name) => name.toLowerCase());
    return names.every((name) => URL.parse(`http://${name}`)?.host === name)
      ? Object.freeze(names.map((name) => name.replace(/^\[|\]$/g, '')))
      : undefined;
  },
  show: showList,
};

/** Some of these names. */
export function someOf<const T extends string>(
  known: readonly T[],
  cell: string,
): Kind<readonly T[]> {
  return {
    rule: `names separated by commas, each one of ${known.join(', ')}`,
    cell,
    parse: (text) => {
      const names = new Set(partsOf(text));
      const found = known.filter((name) => names.has(name));
      return found.length === names.size ? Object.freeze(found) : undefined;
    },
    show: showList,
  };
}

/** A name that is safe in logs, metrics and SQL. */
export const environmentName: Kind<string> = {
  rule: 'a name of at most 63 letters, digits, dots, dashes and underscores',
  cell: 'name of at most 63 letters, digits, dots, dashes and underscores',
  parse: (text) => (/^[A-Za-z0-9._-]{0,63}$/.test(text) ? text : undefined),
  show: (value) => (value === '' ? 'not set' : value),
};

export const postgresUrl: Kind<string> = {
  rule: 'a URL like postgres://user:password@host:5432/database',
  cell: '`postgres://` or `postgresql://` URL',
  parse: (text) => (brokenUrlRule(text) === undefined ? text : undefined),
  show: placeOf,
  isSecret: true,
  fault: brokenUrlRule,
};

export const redisUrl: Kind<string> = {
  rule: 'a URL like redis://host:6379',
  cell: '`redis://` or `rediss://` URL',
  parse: (text) => (/^rediss?:$/.test(URL.parse(text)?.protocol ?? '') ? text : undefined),
  show: placeOf,
  isSecret: true,
};

export const proxyUrl: Kind<HttpProxy> = {
  rule: 'a URL like http://user:password@host:port',
  cell: '`http://` or `https://` URL, with user and password if need be',
  parse: proxyOf,
  show: ({ secure, host, port }) =>
    `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
  isSecret: true,
};

const hidden = () => 'set, not shown';

/** The URL for alerts. It goes into the outbox, so the same rule applies as in the outbox's CHECK. */
export const webhookUrl: Kind<string> = {
  rule: 'an http or https URL of at most 2048 bytes, without a user name and a fragment',
  cell: '`http://` or `https://` URL',
  parse: (text) => {
    const isPlain = /^https?:\/\/[^\s\p{Cc}#\\]+$/iu.test(text) && Buffer.byteLength(text) <= 2048;
    return isPlain && targetOf(text) !== undefined ? text : undefined;
  },
  show: hidden,
  isSecret: true,
};

export const webhookSecret: Kind<string> = {
  ...plainText,
  cell: 'as the `secret` of a webhook',
  show: hidden,
  isSecret: true,
};

export const apiKey: Kind<string> = {
  rule: '32 to 512 printable ASCII characters without blanks, best from "openssl rand -hex 32"',
  cell: '32 to 512 printable ASCII characters without blanks',
  parse: (text) => (/^[\x21-\x7e]{32,512}$/.test(text) ? text : undefined),
  show: hidden,
  isSecret: true,
};

export const keyRing: Kind<KeyRing> = {
  rule: '1 to 20 keys id:base64, separated by commas',
  cell: '1 to 20 keys `id:base64`, separated by commas',
  parse: (text) => {
    const parsed = parseKeyRing(text);
    return parsed.ok ? parsed.ring : undefined;
  },
  show: hidden,
  isSecret: true,
  fault: (text) => {
    const parsed = parseKeyRing(text);
    return parsed.ok ? undefined : parsed.rule;
  },
};

/** The server's address, without user, password and parameters. */
function placeOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

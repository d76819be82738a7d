// Pure: no I/O, no clock, no randomness.

import type { IsolationRow } from '../options.ts';
import type { Behaviour } from './load-receiver.ts';

/** What others send while the healthy tenants do: one webhook after the other to each of so many URLs. */
export interface Load {
  readonly title: string;
  readonly behaviour: Behaviour;
  readonly webhooks: number;
  readonly urls: number;
  /** {port} and {n}, the number of the URL, are filled in. */
  readonly url: string;
  /** '': without a tenant, so that the origin is what the webhooks share. */
  readonly tenant: string;
  readonly bodyBytes: number;
  /** It has been there since before the worker starts. */
  readonly isOld?: boolean;
}

/** The row of shares has no healthy tenants beside the load: see shares.ts. */
export type LoadRow = Exclude<IsolationRow, 'shares'>;

const small = 2;
const mebibyte = 1_048_576;

export const loads: Readonly<Record<LoadRow, Load>> = {
  paths: {
    title: '20,000 paths of a hanging host',
    behaviour: 'hangs',
    webhooks: 20_000,
    urls: 20_000,
    url: 'http://hanging.localhost:{port}/{n}',
    tenant: '',
    bodyBytes: small,
  },
  subdomains: {
    title: '5,000 hanging hosts, one tenant',
    behaviour: 'hangs',
    webhooks: 5_000,
    urls: 5_000,
    url: 'http://host-{n}.localhost:{port}/',
    tenant: 'other',
    bodyBytes: small,
  },
  failing: {
    title: '100,000 due, 10,000 lanes say 500',
    behaviour: 'fails',
    webhooks: 100_000,
    urls: 10_000,
    url: 'http://failing.localhost:{port}/{n}',
    tenant: 'other',
    bodyBytes: small,
  },
  backlog: {
    title: '1,000,000 due, one tenant',
    behaviour: 'answers',
    webhooks: 1_000_000,
    urls: 100,
    url: 'http://well.localhost:{port}/{n}',
    tenant: 'other',
    bodyBytes: small,
    isOld: true,
  },
  drip: {
    title: 'a host that drips its answers',
    behaviour: 'drips',
    webhooks: 1_000,
    urls: 1_000,
    url: 'http://dripping.localhost:{port}/{n}',
    tenant: 'other',
    bodyBytes: small,
  },
  unread: {
    title: 'a host that never reads 1 MiB',
    behaviour: 'never reads',
    webhooks: 1_000,
    urls: 1_000,
    url: 'http://deaf.localhost:{port}/{n}',
    tenant: 'other',
    bodyBytes: mebibyte,
  },
};

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Inserts so many percent of a load. */
export function insertLoad(
  { url, webhooks, urls, tenant, bodyBytes }: Load,
  { port, percent }: { port: number; percent: number },
): Statement {
  return {
    text: `
      insert into posthorn.outbox (url, tenant, body)
      select replace($1::text, '{n}', (n % $2::integer)::text), $3, $4
      from generate_series(1, $5::integer) as n`,
    values: [
      url.replace('{port}', String(port)),
      partOf(urls, percent),
      tenant,
      `"${'x'.repeat(bodyBytes - 2)}"`,
      partOf(webhooks, percent),
    ],
  };
}

/**
 * So many webhooks for each of the tenants: by Zipf's law, exponent 1, the nth tenant has 1/n of what the first has, and the last one
 * has `least`.
 */
export function zipfSizes({ tenants, least }: { tenants: number; least: number }): number[] {
  return Array.from({ length: tenants }, (_, at) => Math.round((least * tenants) / (at + 1)));
}

/**
 * The webhooks of each tenant: to a host of its own, with a path for so many of them, so that who has more work has more
 * lanes as well. They are mixed, as if they had come over time.
 */
export function insertShares(
  sizes: readonly number[],
  { port, perPath }: { port: number; perPath: number },
): Statement {
  return {
    text: `
      insert into posthorn.outbox (url, tenant, body)
      select
        'http://tenant-' || tenant || '.localhost:' || $1::integer || '/' || tenant || '/' || n / $2::integer,
        'tenant-' || tenant,
        '{}'
      from unnest($3::integer[]) with ordinality as s (size, tenant), generate_series(0, size - 1) as n
      order by hashint8(tenant * 10000000 + n)`,
    values: [port, perPath, sizes],
  };
}

export function partOf(whole: number, percent: number): number {
  return Math.max(1, Math.round((whole * percent) / 100));
}

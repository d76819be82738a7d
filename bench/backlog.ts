// Pure: no I/O, no clock, no randomness.

import type { Priority } from './producer.ts';
import { bodyOf, pathOf, secretOf } from './traffic.ts';

/** Webhooks that are due before a worker runs: the statement that inserts them, to a receiver on a port. */
export interface Backlog {
  readonly webhooks: number;
  insert(port: number): { readonly text: string; readonly values: readonly unknown[] };
}

const marker = '0000000000';
const [opening = '', ending = ''] = bodyOf(0).split(marker, 2);

/** The body of the nth webhook, in SQL: the same as bodyOf(n). */
const bodySql = `'${opening}' || lpad(n::text, ${marker.length}, '0') || '${ending}'`;

/** One webhook after the other to each of so many endpoints; into Posthorn's outbox, the table of the peers, or another. */
export function evenBacklog(shape: {
  webhooks: number;
  endpoints: number;
  table?: string;
}): Backlog {
  const { webhooks, table = 'posthorn.outbox' } = shape;
  const endpoints = Array.from({ length: shape.endpoints }, (_, endpoint) => endpoint);
  const text = `
    insert into ${table} (url, body, secret)
    select
      ($2::text[])[1 + n % cardinality($2::text[])],
      ${bodySql},
      ($3::text[])[1 + n % cardinality($2::text[])]
    from generate_series(0, $1::integer - 1) as n`;
  return {
    webhooks,
    insert: (port) => ({
      text,
      values: [webhooks, endpoints.map((one) => urlOf(port, one)), endpoints.map(secretOf)],
    }),
  };
}

/** One webhook to each of the endpoints in the list, in its order. */
export function backlogTo(endpoints: readonly number[]): Backlog {
  const text = `
    insert into posthorn.outbox (url, body, secret)
    select
      $1::text || endpoint,
      ${bodySql},
      'whsec_' || encode(sha256(convert_to('endpoint ' || endpoint, 'UTF8')), 'base64')
    from unnest($2::integer[]) with ordinality as each (endpoint, n)`;
  return {
    webhooks: endpoints.length,
    insert: (port) => ({ text, values: [urlOf(port, ''), endpoints] }),
  };
}

/** Many webhooks with a body of two bytes to one endpoint. */
export function smallBacklog(shape: {
  webhooks: number;
  endpoint: number;
  priority?: Priority;
}): Backlog {
  const { webhooks, endpoint, priority = 'normal' } = shape;
  return {
    webhooks,
    insert: (port) => ({
      text: `
        insert into posthorn.outbox (url, body, secret, priority)
        select $2, '{}', $3, $4 from generate_series(1, $1::integer)`,
      values: [webhooks, urlOf(port, endpoint), secretOf(endpoint), priority],
    }),
  };
}

export function urlOf(port: number, endpoint: number | ''): string {
  return `http://127.0.0.1:${port}${pathOf(endpoint)}`;
}

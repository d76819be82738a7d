import { subscribe } from 'node:diagnostics_channel';
import pg from 'pg';

/*
 * Loaded into a worker before anything else (node --import): kills it with SIGKILL at the CHAOS_FAILPOINT_AFTER-th time
 * that it comes to one point of the loop. The product knows nothing of it.
 */

/** The points, in the order of the road of a webhook. */
export const failpoints = [
  /** The claim is on its way to Postgres: it will be committed, and nobody reads its answer. */
  'claim-sent',
  /** Leased, attempts begun, nothing sent. */
  'claimed',
  /** The request is on its way: the receiver may have got it. */
  'request-sent',
  /** The receiver has answered, nobody was told. */
  'answered',
  /** Recorded; the job that did it is not complete. */
  'recorded',
  /** In the middle of the rescue of another worker, before its commit. */
  'rescuing',
] as const;

export type Failpoint = (typeof failpoints)[number];

const point = process.env['CHAOS_FAILPOINT'];
let left = Number(process.env['CHAOS_FAILPOINT_AFTER'] ?? '1');

function reach(reached: Failpoint): void {
  if (reached !== point) return;
  left -= 1;
  if (left > 0) return;
  process.stderr.write(`failpoint ${reached}\n`);
  process.kill(process.pid, 'SIGKILL');
}

if (point !== undefined) {
  subscribe('undici:request:bodySent', () => reach('request-sent'));
  subscribe('undici:request:headers', () => reach('answered'));
  watchStatements();
}

type Query = (this: unknown, ...args: unknown[]) => unknown;

function watchStatements(): void {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const query = prototype.query;
  prototype.query = function watched(...args) {
    const [config] = args;
    const name =
      typeof config === 'object' && config !== null && 'name' in config ? config.name : '';
    const last = args.at(-1) as ((...answer: unknown[]) => unknown) | undefined;
    if (typeof last === 'function') args[args.length - 1] = answered(String(name), last);
    const result = query.apply(this, args);
    if (name === 'posthorn_claim') setImmediate(() => reach('claim-sent'));
    if (typeof last === 'function' || !(result instanceof Promise)) return result;
    return result.then((answer) => {
      arrive(String(name), answer);
      return answer;
    });
  };
}

function answered(name: string, callback: (...args: unknown[]) => unknown): unknown {
  return (...args: unknown[]) => {
    arrive(name, args[1]);
    return callback(...args);
  };
}

function arrive(name: string, answer: unknown): void {
  const rows = (answer as { rows?: unknown[] } | undefined)?.rows?.length ?? 0;
  // The last row of a claim tells of the queue: only one that leased something counts.
  if (name === 'posthorn_claim' && rows > 1) reach('claimed');
  if (name === 'posthorn_record' && rows > 0) reach('recorded');
  if (name === 'posthorn_rescue') reach('rescuing');
}

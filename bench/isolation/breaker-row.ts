import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Bench } from '../bench.ts';

/** The row of one endpoint in posthorn.breakers. */
export interface BreakerRow {
  readonly state: 'open' | 'closed';
  /** How often it has opened. */
  readonly trips: number;
}

export async function readBreaker(client: pg.Client, url: string): Promise<BreakerRow | undefined> {
  const { rows } = await client.query<BreakerRow>(
    'select state, trips from posthorn.breakers where key = posthorn.lane_of($1::text)',
    [url],
  );
  return rows[0];
}

/** Waits until failures have opened it and what was in flight has been recorded. */
export async function whenOpen(
  client: pg.Client,
  { url, signal }: { url: string; signal: Bench['signal'] },
): Promise<BreakerRow> {
  for (let tries = 0; tries < 600; tries += 1) {
    const row = await readBreaker(client, url);
    if (row?.state === 'open' && !(await isTrying(client))) return row;
    await sleep(100, undefined, { signal });
  }
  throw new Error('The breaker of the dead endpoint did not open within 60 s');
}

/**
 * Ends the open interval now, so that the benchmark need not wait for up to 72 s until the next probe. The workers find
 * the probe due and do the rest.
 */
export async function makeProbeDue(client: pg.Client, url: string): Promise<void> {
  await client.query(
    'update posthorn.breakers set open_until = now() where key = posthorn.lane_of($1::text)',
    [url],
  );
}

async function isTrying(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    'select from posthorn.attempts where finished_at is null limit 1',
  );
  return rows.length > 0;
}

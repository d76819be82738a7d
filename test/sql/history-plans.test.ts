import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addToDay, makeDays } from '../../bench/studies/growth/history-rows.ts';
import { canRunPsql } from '../../harness/can-run.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// What a report or a view reads depends on the period that it is asked for, and not on how much history there is besides:
// the rows are counted that Postgres read for it, with three days of history and with fifteen.

const folder = fileURLToPath(new URL('../../sql/history/', import.meta.url));
const hasPsql = canRunPsql('the plans of sql/history');
const perDay = 4_000;

let database: TestDatabase;
let client: PoolClient;
const before = new Map<string, number>();

/** psql's arguments by what they read. */
const readings: Readonly<Record<string, (id: string) => readonly string[]>> = {
  ...Object.fromEntries(
    ['failures', 'deliveries', 'slow-endpoints'].map((name) => [
      `the report ${name}`,
      () => ['-v', 'since=36 hours', '-f', `${folder}${name}.sql`],
    ]),
  ),
  ...Object.fromEntries(
    ['backlog', 'held-back', 'endpoints', 'alerts', 'failed'].map((name) => [
      `the report ${name}`,
      () => ['-f', `${folder}${name}.sql`],
    ]),
  ),
  ...Object.fromEntries(
    ['webhook', 'why-not-delivered', 'event'].map((name) => [
      `the report ${name}`,
      (id: string) => ['-v', `id=${id}`, '-f', `${folder}${name}.sql`],
    ]),
  ),
  ...Object.fromEntries(
    ['webhooks', 'redacted_webhooks'].flatMap((view) => [
      [
        `one of the view ${view}`,
        (id: string) => ['-c', `select * from posthorn.${view} where id = '${id}'`],
      ],
      [
        `the last ones of the view ${view}`,
        () => ['-c', `select * from posthorn.${view} order by id desc limit 20`],
      ],
      [
        `the last failed ones of the view ${view}`,
        () => [
          '-c',
          `select * from posthorn.${view} where status = 'failed' order by id desc limit 20`,
        ],
      ],
      [
        `the failed ones of a period of the view ${view}`,
        () => [
          '-c',
          `select * from posthorn.${view}
           where id >= posthorn.uuid_floor(now() - interval '36 hours') and status = 'failed'`,
        ],
      ],
    ]),
  ),
};

describe.skipIf(!hasPsql)('what is read does not grow with older history', () => {
  let id = '';

  beforeAll(async () => {
    database = await createTestDatabase();
    client = await database.pool.connect();
    await addDays({ days: 3, until: 1 });
    const { rows } = await client.query<{ id: string }>(
      `select webhook_id as id from posthorn.outcomes where status = 'failed' order by 1 desc limit 1`,
    );
    id = rows[0]?.id ?? '';
    for (const [name, args] of Object.entries(readings)) before.set(name, rowsReadBy(args(id)));
    await addDays({ days: 12, until: 4 });
  });

  afterAll(async () => {
    client.release();
    await database.drop();
  });

  it.each(Object.keys(readings))('by %s', (name) => {
    const least = before.get(name) ?? 0;
    // The period has moved on by seconds meanwhile, and an index entry or two of each partition may be looked at.
    const rows = rowsReadBy(readings[name]?.(id) ?? []);
    expect(rows).toBeLessThanOrEqual(least * 1.02 + 100);
  });

  it('and is counted: a whole history is four times as many rows', () => {
    const rows = rowsReadBy(['-c', 'select count(*) from posthorn.attempts where worker > 0']);
    expect(rows).toBeGreaterThan(15 * perDay);
    expect(before.get('the report deliveries')).toBeGreaterThan(perDay);
  });
});

async function addDays(which: { days: number; until: number }): Promise<void> {
  const mix = { endpoints: 500, failed: 2 };
  for (const day of await makeDays(client, which)) {
    await addToDay(client, { day, mix, done: 0, count: perDay, perDay });
  }
  await client.query('vacuum (analyze)');
}

/** The rows and index entries that Postgres reads for a psql, in the tables of Posthorn. */
function rowsReadBy(args: readonly string[]): number {
  const count = `
    select
      (select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) from pg_stat_user_tables where schemaname = 'posthorn')
      + (select sum(idx_tup_read) from pg_stat_user_indexes where schemaname = 'posthorn')`;
  const flush = ['-c', 'select pg_stat_force_next_flush()'];
  const { stdout, stderr } = spawnSync(
    'psql',
    [
      database.url,
      ...['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1'],
      ...['-c', `\\echo <<`, ...flush, '-c', count, '-c', `\\echo >>`],
      ...args,
      ...['-c', `\\echo <<`, ...flush, '-c', count, '-c', `\\echo >>`],
    ],
    // Workers of a parallel plan count as well, but later.
    {
      encoding: 'utf8',
      env: { ...process.env, PGOPTIONS: '-c max_parallel_workers_per_gather=0' },
    },
  );
  expect(stderr).toBe('');
  const [start, end] = [...stdout.matchAll(/<<\s+(\d+)\s+>>/g)].map((match) => Number(match[1]));
  expect(end).toBeGreaterThanOrEqual(start ?? Number.NaN);
  return (end ?? Number.NaN) - (start ?? Number.NaN);
}

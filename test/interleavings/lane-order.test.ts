import type pg from 'pg';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { sqlFile } from '../../src/db/sql-file.ts';
import { prune } from '../../src/maintenance/prune.ts';
import { leave } from '../../src/maintenance/rescue.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { interleave, type Step, statement, transaction } from '../support/interleave.ts';

// Every statement that locks the rows of several lanes locks them in the order of the lanes, as numbers. Each runs against a
// session that locks one row after the other in that order: if it took them in any other order, the two would deadlock.

// In the order of numbers. As text it is another one, and the rows lie in a third one.
const lanes = ['-5', '3', '20'];
const asTheyLie = ['20', '3', '-5'];
const ids = asTheyLie.map((_, at) => `0199c0de-0000-7000-8000-00000000000${at}`);

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const all = (value: unknown) => lanes.map(() => value);
const engine = 'set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off';

const ofBreakers: readonly Step[] = [
  statement('count failures', sqlFile('count-failures').text, [
    asTheyLie,
    all(1),
    all(false),
    all('http_500'),
    all(null),
    5,
    10,
    30,
    900,
    ids,
    all(1),
    all(true),
  ]),
  // One of them is paused, so that it is not deleted.
  statement('record successes', sqlFile('record').text, [
    ...Array.from({ length: 14 }, () => []),
    asTheyLie,
    [],
  ]),
  statement('rescue', sqlFile('rescue').text, [1, []]),
  statement('give back', sqlFile('give-back').text, [ids, all(1), 1]),
  {
    name: 'prune',
    run: (client) => prune(client as unknown as pg.Pool, { retentionMs: 86_400_000 }),
  },
];

const ofRules: readonly Step[] = [
  statement('rescue', sqlFile('rescue').text, [1, []]),
  // It locks the rules of ordered lanes.
  statement('record retries', sqlFile('record').text, [
    ...Array.from({ length: 15 }, () => []),
    asTheyLie,
  ]),
  statement('release', sqlFile('release-lanes').text, [1, asTheyLie]),
  { name: 'leave', run: (client) => leave(client as unknown as pg.Pool, 1) },
];

describe.each([
  { table: 'breakers', steps: ofBreakers },
  { table: 'lane_rules', steps: ofRules },
])('of $table', ({ table, steps }) => {
  describe.each([
    ['with the settings of the engine', engine],
    ['with those of Postgres', 'set jit = off'],
  ])('%s', (_, prepare) => {
    it.each(steps.map((step) => [step.name, step] as const))('%s', async (_name, step) => {
      await interleave({
        database,
        prepare,
        // The pruning forgets lanes that have nothing waiting.
        reset: () => reset({ isWaiting: step.name !== 'prune' }),
        sessions: {
          ruler: transaction(
            'ruler',
            lanes.map((lane) =>
              statement(
                `locks ${lane}`,
                `select from posthorn.${table} where lane = $1 for update`,
                [lane],
              ),
            ),
          ),
          other: [step],
        },
        check: () => {},
      });
    });
  });
});

/** Rows of three lanes, deleted and not truncated, which is quicker. */
async function reset({ isWaiting }: { isWaiting: boolean }): Promise<void> {
  const lane = `unnest('{${asTheyLie}}'::bigint[], '{${ids}}'::uuid[]) as n (lane, id)`;
  await database.pool.query(`
    delete from posthorn.breakers;
    delete from posthorn.queue;
    delete from posthorn.lane_rules;
    insert into posthorn.breakers
      (lane, state, url, open_until, probe_until, probe_webhook, probe_attempt, paused_until, failing_since)
    select lane, 'open', 'http://a.example/', now(), now() + interval '1 hour', id, 1,
      case when lane = 3 and ${isWaiting} then now() + interval '1 hour' end, now() - interval '3 days'
    from ${lane};
    insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at, attempts, uncounted, leased_by, lease_until)
    select id, id, lane, 1, now(), 1, 5, 1, now() + interval '1 hour' from ${lane} where ${isWaiting};
    insert into posthorn.lane_rules (lane, is_held, is_ordered, owner) select lane, false, true, 1 from ${lane};`);
}

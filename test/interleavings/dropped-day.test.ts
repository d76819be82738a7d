import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runSql, sqlFile } from '../../src/db/sql-file.ts';
import type { becameCodes } from '../../src/deliver/attempt-record.ts';
import { recordValues } from '../support/claimed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { interleave, type Step, statement, transaction } from '../support/interleave.ts';

// A day is dropped, and its unfinished webhook moved, while somebody works on that webhook: it is found before or after the
// move, and never half of it.

const daysAgo = 40;

let database: TestDatabase;
let id: string;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

const dropping = () => [
  statement('drop', `begin; select posthorn.drop_partitions(current_date - ${daysAgo})`),
  statement('commit', 'commit'),
];

it.each(['retry', 'delivered'] as const)(
  'one that is claimed and recorded as %s meanwhile',
  async (became) => {
    await interleave({
      database,
      prepare: 'set enable_seqscan = off; set plan_cache_mode = force_generic_plan',
      sessions: {
        // Its locks are held until it commits, as those of a statement are until it ends.
        worker: transaction('worker', [claiming(), recording(became)]),
        pruner: dropping(),
      },
      reset,
      check: async ({ results }) => {
        expect(results['claim']).toMatchObject([{ webhook_id: id, body: 'text' }, {}]);
        expect(results['record']).toMatchObject([{ webhook_id: id, lane_is: null }]);
        const waits = {
          ...{ status: 'pending', attempts: 1, last_status_code: 503, body_bytes: 4 },
          ...{ is_tried: true, is_waiting: true },
        };
        const ended = { ...waits, status: became, is_waiting: false };
        // What had ended when its day was dropped went with it.
        if (became !== 'retry' && (await state()) === undefined) return;
        expect(await state()).toEqual(became === 'retry' ? waits : ended);
      },
    });
  },
);

it('one that is cancelled or put back meanwhile', async () => {
  await interleave({
    database,
    sessions: {
      operator: [
        { name: 'cancel', run: (client) => one(client, 'select posthorn.cancel($1) as said') },
        { name: 'retry', run: (client) => one(client, 'select posthorn.retry($1) as said') },
      ],
      pruner: dropping(),
    },
    reset,
    check: async ({ results }) => {
      expect(results['cancel']).toBe(true);
      const found = await state();
      expect([results['retry'], found?.['status'], found?.['is_waiting']]).toEqual(
        found === undefined ? ['payload_gone', undefined, undefined] : ['queued', 'pending', true],
      );
    },
  });
});

/** A due webhook of a day that is to be dropped. */
async function reset(): Promise<void> {
  await database.pool.query(
    `delete from posthorn.queue; delete from posthorn.outcomes; delete from posthorn.attempts; delete from posthorn.outbox;
     select posthorn.make_partitions(current_date - ${daysAgo})`,
  );
  const { rows } = await database.pool.query<{ id: string }>(
    `with said as (
       insert into posthorn.outbox_${dateOf(-daysAgo)} (id, url, body)
       select
         overlay(posthorn.uuid_floor(current_date - ${daysAgo} + interval '12 hours')::text placing
           substring(posthorn.uuid_v7()::text from 15) from 15)::uuid,
         'http://a.example/', 'text'
       returning id
     )
     insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, posthorn.lane_of('http://a.example/'), 1, now() - interval '1 day' from said
     returning webhook_id as id`,
  );
  id = rows[0]?.id ?? '';
}

function claiming(): Step {
  return {
    name: 'claim',
    run: async (client) => {
      return await runSql(client, sqlFile('claim'), {
        ...{ workerNumber: 1, maxWebhooks: 10, windowFromMs: 0, leaseS: 60 },
        ...{ lanes: [], priorities: [], quotas: [], dueFromMs: [], ranks: [], areOwned: [] },
        aheads: [],
        origins: [],
        tenants: [],
        usualGroupSlots: 500,
        maxNewest: 0,
        maxFound: 100,
        ...{ freeSlots: '{}', usualSlots: 10 },
      });
    },
  };
}

function recording(became: keyof typeof becameCodes): Step {
  return {
    name: 'record',
    run: (client) =>
      runSql(client, sqlFile('record'), recordValues({ id, became, statusCode: 503 })),
  };
}

async function one(client: pg.Client, text: string): Promise<unknown> {
  const { rows } = await client.query<{ said: unknown }>(text, [id]);
  return rows[0]?.said;
}

/** What people see of it, and whether its attempt has ended; undefined: nothing is left of it. */
async function state(): Promise<Record<string, unknown> | undefined> {
  const { rows } = await database.pool.query(
    `select
       status, attempts, last_status_code, body_bytes,
       (select finished_at is not null from posthorn.attempts where webhook_id = w.id) as is_tried,
       exists (select from posthorn.queue where webhook_id = w.id) as is_waiting
     from posthorn.webhooks as w
     where id = $1`,
    [id],
  );
  const { rows: parts } = await database.pool.query(
    `select from posthorn.attempts where webhook_id = $1
     union all select from posthorn.outcomes where webhook_id = $1
     union all select from posthorn.queue where webhook_id = $1`,
    [id],
  );
  if (rows.length === 0) expect(parts).toEqual([]);
  return rows[0];
}

/** What the names of that day's partitions end with. */
function dateOf(ahead: number): string {
  return new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
}

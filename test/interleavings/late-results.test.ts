import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { runSql, type SqlValues, sqlFile } from '../../src/db/sql-file.ts';
import { type SettledRow, settleLate } from '../../src/deliver/late-results.ts';
import { lateResult, recordValues } from '../support/claimed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { interleave, type Step, transaction } from '../support/interleave.ts';
import { runFile } from '../support/rows.ts';

// A webhook ends while an attempt of it is under way that is not the one that ended it. Whatever the order, when the worker of
// that attempt dies no attempt stays open (I5), and the outcome counts as many attempts as there are.

const zombie = 1;
const worker = 2;

let database: TestDatabase;
let id: string;
let lane: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

beforeEach(() => database.empty());

let recorded: SettledRow[] = [];

/** A 2xx of the first attempt, by a worker that lost its lease. */
const lateSuccess: Step = {
  name: 'the late 2xx is recorded',
  run: async (client) => {
    const values = recordValues({ id, worker: zombie, became: 'delivered' });
    recorded = await runSql<SettledRow>(client, sqlFile('record'), values);
  },
};

/** A statement later: others come in between. */
const settled: Step = {
  name: 'what it leaves is settled',
  run: (client) =>
    settleLate(client as unknown as pg.Pool, [lateResult({ id, became: 'delivered' })], recorded),
};

const claim: Step = {
  name: 'claims',
  run: (client) =>
    runSql(client, sqlFile('claim'), {
      ...{ workerNumber: worker, maxWebhooks: 10, windowFromMs: 'infinity', leaseS: 120 },
      ...{ lanes: [lane], priorities: [1], quotas: [1], dueFromMs: [0], ranks: [1] },
      ...{ areOwned: [false], aheads: [1], origins: [1], tenants: [null], freeSlots: '{}' },
      ...{ usualSlots: 8, usualGroupSlots: 500, maxNewest: 0, maxFound: 100 },
    }),
};

const giveBack: Step = {
  name: 'gives back',
  run: (client) =>
    runSql(client, sqlFile('give-back'), {
      webhookIds: [id],
      numbers: [2],
      workerNumber: worker,
    }),
};

it.each([
  { what: 'is claimed by another', steps: () => transaction('worker', [claim]) },
  { what: 'is claimed and given back', steps: () => [claim, giveBack] },
])('a webhook that a late 2xx ends while it $what leaves no open attempt', async ({ steps }) => {
  await interleave({
    database,
    reset: async () => {
      await webhook();
      await runFile(database, 'rescue', { workerNumber: zombie, keptIds: [] });
    },
    sessions: { zombie: [lateSuccess, settled], worker: steps() },
    check: diesAndLeavesNothing,
  });
});

it('a webhook that is cancelled after its lease ran out leaves no open attempt', async () => {
  await interleave({
    database,
    reset: async () => {
      await webhook();
      await database.pool.query(`update posthorn.queue set lease_until = now() - interval '1 s'`);
    },
    sessions: {
      operator: transaction('operator', [
        { name: 'cancels', run: (client) => client.query('select posthorn.cancel($1)', [id]) },
      ]),
      worker: transaction('worker', [claim]),
    },
    check: async () => {
      // The first attempt of one that was claimed again is closed together with the result of that.
      await runFile(database, 'close-abandoned', await claimedAgain());
      await diesAndLeavesNothing();
    },
  });
});

/** A webhook whose first attempt the later zombie has begun. */
async function webhook(): Promise<void> {
  await database.pool.query(
    'delete from posthorn.queue; delete from posthorn.attempts; delete from posthorn.outcomes',
  );
  const { rows } = await database.pool.query<{ id: string; lane: string }>(
    `insert into posthorn.outbox (url, body) values ('http://receiver.example/', '{}')
     returning id, posthorn.lane_of(url)::text as lane`,
  );
  id = rows[0]?.id ?? '';
  lane = rows[0]?.lane ?? '';
  await database.pool.query(
    `update posthorn.queue set attempts = 1, leased_by = $1, lease_until = now() + interval '1 minute'`,
    [zombie],
  );
  await database.pool.query(
    'insert into posthorn.attempts (webhook_id, number, worker) values ($1, 1, $2)',
    [id, zombie],
  );
}

async function claimedAgain(): Promise<SqlValues> {
  const { rows } = await database.pool.query<{ webhook_id: string; attempts: number }>(
    'select webhook_id, attempts from posthorn.queue where leased_by = $1',
    [worker],
  );
  return {
    webhookIds: rows.map((row) => row.webhook_id),
    numbers: rows.map((row) => row.attempts),
  };
}

async function diesAndLeavesNothing(): Promise<void> {
  await runFile(database, 'rescue', { workerNumber: worker, keptIds: [] });
  const { rows } = await database.pool.query(
    `select
       (select count(*)::integer from posthorn.attempts where finished_at is null) as open,
       coalesce((select attempts from posthorn.outcomes), (select attempts from posthorn.queue)) as counted,
       (select count(*)::integer from posthorn.attempts) as attempts`,
  );
  expect(rows[0]).toMatchObject({ open: 0, counted: rows[0]?.attempts });
}

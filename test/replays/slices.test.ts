import { beforeEach, expect, it } from 'vitest';
import { graphileSchema } from '../../src/db/names.ts';
import { createEvents } from '../../src/events.ts';
import { createLog } from '../../src/log.ts';
import { replayTask, replayTasks } from '../../src/maintenance/replays.ts';
import { createTestDatabase } from '../support/database.ts';
import { ask, type Columns, clear, idOf, inS, plant } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What one run of the job of a replay does, and whether it adds itself again. It finds no webhook.

const database = forFile(createTestDatabase);
const id = idOf(1);

beforeEach(async () => {
  await clear(database);
  await database.pool.query(`delete from ${graphileSchema}._private_jobs`);
});

/** Runs the job; says what it told of, and in how many seconds it runs again. */
async function run(
  replay: Columns | undefined,
): Promise<{ told: readonly object[]; againInS: readonly number[] }> {
  if (replay !== undefined) await plant(database, 'replays', [{ id, ids: [id], ...replay }]);
  const [events, told] = [createEvents(), [] as object[]];
  events.on('replayed', (step) => told.push(step));
  const { signal } = new AbortController();
  const options = { maintenancePool: database.pool, events, log: createLog('silent'), signal };
  await replayTasks(options)[replayTask]?.({ id }, undefined as never);
  const jobs = await ask<{ in_s: number }>(
    database,
    `select extract(epoch from run_at - now())::float8 as in_s from ${graphileSchema}._private_jobs where key = '${replayTask}:${id}'`,
  );
  return { told, againInS: jobs.map(({ in_s }) => in_s) };
}

it('goes on to the end of the replay', async () => {
  const { told, againInS } = await run({});
  expect(told.at(-1)).toEqual({ id, webhooks: 0, status: 'finished' });
  expect(againInS).toEqual([]);
});

it.each([
  ['finished', { status: 'finished', finished_at: inS(-1) }],
  ['cancelled', { status: 'cancelled', finished_at: inS(-1) }],
  ['forgotten', undefined],
] as const)('does nothing for a replay that is %s', async (status, replay) => {
  expect(await run(replay)).toEqual({ told: [{ id, webhooks: 0, status }], againInS: [] });
});

it('takes back what a replay that is being cancelled has put back', async () => {
  const { told, againInS } = await run({ status: 'cancelling' });
  expect(told.at(-1)).toEqual({ id, webhooks: 0, status: 'cancelled' });
  expect(againInS).toEqual([]);
});

it('waits as long as the queue has enough for the rate of the replay', async () => {
  const { told, againInS } = await run({ paced_until: inS(1_000), rate_limit_per_s: 1 });
  expect(told).toEqual([{ id, webhooks: 0, status: 'running' }]);
  expect(againInS).toEqual([expect.closeTo(999.5, -2)]);
});

it('takes back at once, whatever the rate of the replay', async () => {
  const { told } = await run({
    status: 'cancelling',
    paced_until: inS(1_000),
    rate_limit_per_s: 1,
  });
  expect(told.at(-1)).toMatchObject({ status: 'cancelled' });
});

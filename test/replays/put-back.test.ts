import { beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { ask, besideTransaction, clear, idOf, inS, plant, plantQueue } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// posthorn.put_back() by itself: what each of its guards keeps out.

const database = forFile(createTestDatabase);

const url = 'http://receiver.example/hook';

beforeEach(() => clear(database));

/** What became of each, by the arguments. */
async function putBack(
  ids: readonly string[],
  args: Readonly<Record<string, unknown>> = {},
): Promise<(string | undefined)[]> {
  const named = { statuses: '{failed}', ...args };
  const rows = await ask<{ webhook_id: string; became: string }>(
    database,
    `select * from posthorn.put_back($1, ${Object.keys(named)
      .map((name, at) => `${name} => $${at + 2}`)
      .join(', ')})`,
    [ids, ...Object.values(named)],
  );
  expect(rows).toHaveLength(new Set(ids).size);
  const became = new Map(rows.map((row) => [row.webhook_id, row.became]));
  return ids.map((id) => became.get(id));
}

const queue = () =>
  ask(
    database,
    `select webhook_id as id, attempts, past_attempts, priority,
       round(extract(epoch from due_at - now()))::integer as due_in_s
     from posthorn.queue order by 1`,
  );

describe('putting back', () => {
  it('takes what ended at the given time or before, and nothing that ended since', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 3 });
    const at = inS(-100);
    for (const [n, finished_at] of [inS(-200), at, new Date(at.getTime() + 1)].entries()) {
      await database.pool.query(
        'update posthorn.outcomes set finished_at = $2 where webhook_id = $1',
        [ids[n], finished_at],
      );
    }
    expect(await putBack(ids, { ended_before: at })).toEqual(['queued', 'queued', 'failed']);
    expect((await queue()).map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(await ask(database, 'select webhook_id from posthorn.outcomes')).toEqual([
      { webhook_id: ids[2] },
    ]);
  });

  it.each([
    { statuses: '{failed}', queued: ['failed'] },
    { statuses: '{cancelled}', queued: ['cancelled'] },
    { statuses: '{delivered}', queued: ['delivered'] },
    { statuses: '{failed,cancelled,pending}', queued: ['failed', 'cancelled'] },
  ])('of $statuses takes $queued', async ({ statuses, queued }) => {
    const all = ['failed', 'cancelled', 'delivered'] as const;
    const ids: string[] = [];
    for (const status of all) {
      ids.push(...(await endedWebhooks(database, { to: url, count: 1, status })));
    }
    expect(await putBack(ids, { statuses })).toEqual(
      all.map((status) => (queued.includes(status) ? 'queued' : status)),
    );
  });

  it('keeps the priority of each, or gives all the one that is asked for, but in order all are normal', async () => {
    const ordered = await registerEndpoint(database, { url, ordered: true });
    const priorities = ['high', 'normal', 'low'];
    for (const priority of [null, 2, 0]) {
      await clear(database);
      const ids: string[] = [];
      for (const own of priorities) {
        ids.push(...(await endedWebhooks(database, { to: url, count: 1, priority: own })));
      }
      await putBack(ids, { priority });
      expect((await queue()).map((row) => row['priority'])).toEqual(
        priority === null ? [0, 1, 2] : [priority, priority, priority],
      );
    }
    await clear(database);
    await plant(database, 'endpoints', [{ id: ordered.id, url, ordered: true }]);
    const ids = await endedWebhooks(database, { to: ordered.id, count: 1, priority: 'high' });
    await putBack(ids, { priority: 2 });
    expect((await queue()).map((row) => row['priority'])).toEqual([1]);
  });

  it('makes one due after the other by the spacing, in the order of the ids, and none before now', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 3 });
    await putBack(ids.toReversed(), { due_from: inS(1_000), spacing: '60 s' });
    const first = Number((await queue())[0]?.['due_in_s']);
    expect(first).toBeGreaterThan(900);
    expect((await queue()).map((row) => Number(row['due_in_s']) - first)).toEqual([0, 60, 120]);
    const others = await endedWebhooks(database, { to: url, count: 1 });
    await putBack(others, { due_from: inS(-1_000) });
    const [due] = await ask(
      database,
      `select due_at > now() - interval '100 seconds' as is_now from posthorn.queue where webhook_id = $1`,
      others,
    );
    expect(due).toEqual({ is_now: true });
  });

  it('leaves alone what has been tried 30,000 times, and says so', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 2 });
    await database.pool.query(
      'update posthorn.outcomes set attempts = case webhook_id when $1 then 30000 else 29999 end',
      [ids[0]],
    );
    expect(await putBack(ids)).toEqual(['worn_out', 'queued']);
  });

  it.each([
    { status: 'active', became: 'queued' },
    { status: 'paused', became: 'queued' },
    { status: 'disabled', became: 'queued' },
    { status: 'deleted', became: 'endpoint_deleted' },
  ])('to an endpoint that is $status: $became', async ({ status, became }) => {
    const endpoint = await registerEndpoint(database, { url });
    const ids = await endedWebhooks(database, { to: endpoint.id, count: 1 });
    if (status !== 'active') await endpoint.set({ status });
    expect(await putBack(ids)).toEqual([became]);
  });

  it('makes what waits due only if it is asked for, and is not being sent', async () => {
    const later = inS(3_600);
    await plantQueue(database, [
      { n: 1, due_at: later },
      { n: 2, due_at: later, lease_until: later, leased_by: 1 },
      { n: 3, due_at: later, lease_until: inS(-1), leased_by: 1 },
      { n: 4 },
    ]);
    const ids = [1, 2, 3, 4].map(idOf);
    const waits = ['waiting', 'delivering', 'waiting', 'already_due'];
    expect(await putBack(ids)).toEqual(waits);
    const done = await putBack(ids, { statuses: '{failed,pending}' });
    expect(done).toEqual(['brought_forward', 'delivering', 'brought_forward', 'already_due']);
    const rows = await queue();
    expect(rows.map((row) => Number(row['due_in_s']) > 1_000)).toEqual([false, true, false, false]);
  });

  it('never makes what waits due later than it would have been', async () => {
    await plantQueue(database, [{ n: 1, due_at: inS(1_000) }]);
    await putBack([idOf(1)], { statuses: '{pending}', due_from: inS(50_000) });
    expect(Number((await queue())[0]?.['due_in_s'])).toBeLessThanOrEqual(1_000);
  });

  it('does not hurry one that is being sent, whose lane waits for it', async () => {
    await plant(database, 'lane_rules', [
      { lane: 1, is_held: false, is_ordered: true, retry_at: inS(3_600), retry_of: idOf(1) },
    ]);
    await plantQueue(database, [{ n: 1, lease_until: inS(3_600), leased_by: 1, attempts: 1 }]);
    const statuses = '{pending}';
    expect(await putBack([idOf(1)], { statuses })).toEqual(['delivering']);
    await database.pool.query('update posthorn.queue set lease_until = null, leased_by = null');
    const held = () => ask(database, 'select retry_of from posthorn.lane_rules');
    expect(await held()).toEqual([{ retry_of: idOf(1) }]);
    // The lane waits for nothing any more.
    await database.pool.query(`update posthorn.lane_rules set retry_at = now() - interval '1 s'`);
    expect(await putBack([idOf(1)], { statuses })).toEqual(['already_due']);
    await database.pool.query(`update posthorn.lane_rules set retry_at = now() + interval '1 h'`);
    expect(await putBack([idOf(1)], { statuses })).toEqual(['brought_forward']);
    expect(await held()).toEqual([{ retry_of: null }]);
  });

  it('remembers how it had ended, and for which replay', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 1, attempts: 3 });
    const outcome = await ask(database, 'select * from posthorn.outcomes');
    await putBack(ids, { replay_id: idOf(7) });
    expect(await ask(database, 'select * from posthorn.former_outcomes')).toMatchObject([
      { ...outcome[0], replay_id: idOf(7) },
    ]);
    expect(await queue()).toMatchObject([{ id: ids[0], attempts: 3, past_attempts: 3 }]);
  });

  it('of two that put the same one back at once, one does it', async () => {
    const [id = ''] = await endedWebhooks(database, { to: url, count: 1 });
    const held = { statement: `select posthorn.put_back($1, '{failed}')`, values: [[id]] };
    const { waited, result } = await besideTransaction(database, { ...held, end: 'commit' }, () =>
      putBack([id]),
    );
    expect([waited, result]).toEqual([true, ['already_due']]);
    expect(await ask(database, 'select from posthorn.former_outcomes')).toHaveLength(1);
  });

  it('of two that hurry the same one at once, the second finds it due', async () => {
    await plantQueue(database, [{ n: 1, due_at: inS(3_600) }]);
    const held = { statement: `select posthorn.put_back($1, '{pending}')`, values: [[idOf(1)]] };
    const { waited, result } = await besideTransaction(database, { ...held, end: 'commit' }, () =>
      putBack([idOf(1)], { statuses: '{pending}' }),
    );
    expect([waited, result]).toEqual([true, ['already_due']]);
  });
});

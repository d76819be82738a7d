import { beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks, startReplay } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// One step of a replay at a time: what put-back.sql and take-back.sql do, and what they note of it.

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

const url = 'http://a.example/hook';

const putBack = (id: string, { most = 100, walk = 1_000 } = {}) =>
  runFile<{ status: string; webhooks: number }>(database, 'put-back', {
    replayId: id,
    maxWebhooks: most,
    maxRows: walk,
  });
const takeBack = (id: string, most = 100) =>
  runFile<{ status: string; webhooks: number }>(database, 'take-back', {
    replayId: id,
    maxWebhooks: most,
  });
const state = async () =>
  (
    await ask(
      database,
      `select *, extract(epoch from paced_until - now())::float8 as paced_s, finished_at is not null as has_ended,
         moved_at > now() - interval '1 minute' as has_moved from posthorn.replays`,
    )
  )[0];
const queued = async () =>
  (
    await ask<{ id: string }>(database, 'select webhook_id as id from posthorn.queue order by 1')
  ).map(({ id }) => id);

describe('putting back', () => {
  it('goes on page by page, counts what was done and why the rest was not, and ends', async () => {
    const endpoint = await registerEndpoint(database, { url });
    const ids = await endedWebhooks(database, { to: endpoint.id, count: 6 });
    await database.pool.query(
      'update posthorn.outcomes set attempts = 30000 where webhook_id = any ($1)',
      [[ids[1], ids[4]]],
    );
    const id = await startReplay(database, { ids, skipped: { worn_out: 5, changed: 1 } });
    expect(await putBack(id, { most: 2 })).toEqual([{ status: 'running', webhooks: 1 }]);
    expect(await state()).toMatchObject({
      ...{ status: 'running', replayed: '1', skipped: { worn_out: 6, changed: 1 } },
      ...{
        walked_to: ids[1],
        is_walked: false,
        has_ended: false,
        has_moved: true,
        paced_until: null,
      },
    });
    await endpoint.set({ status: 'deleted' });
    expect(await putBack(id, { most: 2 })).toEqual([{ status: 'running', webhooks: 0 }]);
    expect(await putBack(id, { most: 3 })).toEqual([{ status: 'finished', webhooks: 0 }]);
    expect(await state()).toMatchObject({
      ...{ status: 'finished', replayed: '1', walked_to: ids[3], is_walked: true, has_ended: true },
      skipped: { worn_out: 6, changed: 1, endpoint_deleted: 4 },
    });
    expect(await queued()).toEqual([ids[0]]);
  });

  it('at a rate makes one due after the other, from where the last page ended', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 4 });
    const id = await startReplay(database, { ids, rate_limit_per_s: 0.1, paced_until: inS(1_000) });
    await putBack(id, { most: 3 });
    const due = await ask<{ s: number }>(
      database,
      `select extract(epoch from due_at - (select paced_until from posthorn.replays))::float8 as s
       from posthorn.queue order by webhook_id`,
    );
    expect(due.map(({ s }) => Math.round(s))).toEqual([-30, -20, -10]);
    expect(Number((await state())?.['paced_s'])).toBeGreaterThan(900);
    await putBack(id, { most: 3 });
    expect(Number((await state())?.['paced_s'])).toBeLessThanOrEqual(1_040);
    expect(Number((await state())?.['paced_s'])).toBeGreaterThan(940);
  });

  it('at a rate that has been kept to begins now', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 1 });
    const id = await startReplay(database, {
      ids,
      rate_limit_per_s: 0.1,
      paced_until: inS(-1_000),
    });
    await putBack(id);
    expect(Number((await state())?.['paced_s'])).toBeGreaterThan(-100);
    expect(
      await ask(database, `select due_at > now() - interval '100 s' as is_now from posthorn.queue`),
    ).toEqual([{ is_now: true }]);
  });

  it('finds what goes to the URL as it was given, and as it is stored', async () => {
    const ids = [
      ...(await endedWebhooks(database, { to: 'http://a.example', count: 1 })),
      ...(await endedWebhooks(database, { to: 'http://a.example/', count: 1 })),
    ];
    await endedWebhooks(database, { to: 'http://b.example/', count: 1 });
    const id = await startReplay(database, {
      url: 'http://a.example',
      normalised_url: 'http://a.example/',
    });
    await putBack(id);
    expect(await queued()).toEqual(ids);
  });

  it('finds what was enqueued in its period and had ended when it was ordered, of its statuses, and gives its priority', async () => {
    // Enqueued at the first seconds of a day without a partition.
    const rows = await ask<{ id: string; n: number }>(
      database,
      `select left(posthorn.uuid_floor(timestamptz '2025-01-01' + n * interval '1 second')::text, 13)
         || '-7000-8000-' || lpad(n::text, 12, '0') as id, n from generate_series(1, 5) as n`,
    );
    const at = (n: number) => rows.find((row) => row.n === n)?.id ?? '';
    for (const { id } of rows) {
      await plant(database, 'outbox_default', [{ id, url, body: '' }]);
      await plant(database, 'outcomes', [
        {
          webhook_id: id,
          outbox_id: id,
          lane: 1,
          status: 'failed',
          attempts: 1,
          finished_at: inS(-90),
        },
      ]);
    }
    await database.pool.query(
      `update posthorn.outcomes set finished_at = now() + interval '1 h' where webhook_id = $1`,
      [at(4)],
    );
    await database.pool.query(
      `update posthorn.outcomes set status = 'cancelled' where webhook_id = $1`,
      [at(3)],
    );
    const [time] = await ask<{ from_at: Date; until_at: Date }>(
      database,
      `select timestamptz '2025-01-01' + interval '2 seconds' as from_at,
         timestamptz '2025-01-01' + interval '5 seconds' as until_at`,
    );
    const id = await startReplay(database, { ...time, priority: 0 });
    await putBack(id);
    expect(await ask(database, 'select webhook_id, priority from posthorn.queue')).toEqual([
      { webhook_id: at(2), priority: 0 },
    ]);
  });
});

describe('taking back', () => {
  it('goes on page by page, and then it is cancelled', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 3 });
    const id = await startReplay(database, { ids });
    await putBack(id);
    await database.pool.query(
      `update posthorn.replays set status = 'cancelling', finished_at = null, taken_back = 4`,
    );
    expect(await takeBack(id, 2)).toEqual([{ status: 'cancelling', webhooks: 2 }]);
    expect(await state()).toMatchObject({
      ...{
        status: 'cancelling',
        taken_back: '6',
        taken_back_to: ids[1],
        has_ended: false,
        has_moved: true,
      },
    });
    expect(await takeBack(id, 2)).toEqual([{ status: 'cancelled', webhooks: 1 }]);
    expect(await state()).toMatchObject({
      status: 'cancelled',
      taken_back: '7',
      taken_back_to: ids[1],
      has_ended: true,
    });
    expect(await queued()).toEqual([]);
  });

  it.each([
    { isWalked: true, before: 0, becomes: 'finished' },
    { isWalked: true, before: 1, becomes: 'cancelled' },
    { isWalked: false, before: 0, becomes: 'cancelled' },
  ])(
    'nothing, of one that had put all back $isWalked, with $before before: $becomes',
    async ({ isWalked, before, becomes }) => {
      await plantQueue(database, [{ n: 1 }]);
      const columns = {
        status: 'cancelling',
        is_walked: isWalked,
        taken_back: before,
        replayed: 3,
      };
      const id = await startReplay(database, { ids: [idOf(1)], ...columns });
      expect(await takeBack(id)).toEqual([{ status: becomes, webhooks: 0 }]);
      expect(await queued()).toEqual([idOf(1)]);
    },
  );
});

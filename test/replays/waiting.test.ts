import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serveTestApi, type TestApi } from '../api/served-api.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { carryOut } from '../support/replay-steps.ts';
import { forFile } from '../support/world.ts';

// Replays of webhooks that wait: they are made due, and when that is cancelled they wait as before. No worker is there.

const database = forFile(createTestDatabase);
let api: TestApi;

const url = 'https://customer.example/hooks';

beforeAll(async () => {
  api = await serveTestApi(database.url);
});

afterAll(() => api.close());

beforeEach(() => database.empty());

describe('a replay of what waits', () => {
  it('counts it among its results, with what had ended', async () => {
    await enqueueForLater(3);
    await endedWebhooks(database, { to: url, count: 2 });
    const id = await replay(['pending', 'failed']);
    expect(await look(id)).toMatchObject({ replayed: 5, results: { waiting: 5, delivered: 0 } });
    await database.pool.query(
      `with sent as (delete from posthorn.queue returning *)
       insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
       select webhook_id, outbox_id, lane, 'delivered', 1 from sent`,
    );
    expect(await look(id)).toMatchObject({ replayed: 5, results: { waiting: 0, delivered: 5 } });
  });

  it('is taken back when it is cancelled: each waits as long as before', async () => {
    await enqueueForLater(3);
    await endedWebhooks(database, { to: url, count: 2 });
    const before = await rows();
    const id = await replay(['pending', 'failed']);
    expect(await areDue()).toEqual(Array(5).fill(true));
    await cancel(id);
    expect(await look(id)).toMatchObject({ status: 'cancelled', replayed: 5, taken_back: 5 });
    expect(await rows()).toEqual(before);
    expect(await look(id)).toMatchObject({ results: { waiting: 0 } });
  });

  it('with a rate as well', async () => {
    await enqueueForLater(20);
    const before = await rows();
    const id = await replay(['pending'], { rate_limit_per_s: 1 });
    expect((await areDue()).filter((isDue) => isDue)).toHaveLength(1);
    await cancel(id);
    expect(await look(id)).toMatchObject({ status: 'cancelled', taken_back: 20 });
    expect(await rows()).toEqual(before);
  });

  it('leaves alone what was tried since, what is being sent, and what somebody else has moved', async () => {
    await enqueueForLater(4);
    const id = await replay(['pending']);
    const [tried, leased, moved] = (await rows()).queue.map(({ webhook_id }) => webhook_id);
    await database.pool.query('update posthorn.queue set attempts = 1 where webhook_id = $1', [
      tried,
    ]);
    await database.pool.query(
      `update posthorn.queue set lease_until = now() + interval '1 hour' where webhook_id = $1`,
      [leased],
    );
    await database.pool.query(
      `update posthorn.queue set due_at = due_at - interval '1 s' where webhook_id = $1`,
      [moved],
    );
    await cancel(id);
    expect(await look(id)).toMatchObject({ status: 'cancelled', taken_back: 1 });
    expect((await areDue()).filter((isDue) => !isDue)).toHaveLength(1);
  });

  it('lets an ordered endpoint wait for the retry of its first one again', async () => {
    const endpoint = await registerEndpoint(database, { url, ordered: true });
    await endpoint.enqueue(3);
    await database.pool.query(
      'update posthorn.queue set attempts = 1 where webhook_id = (select webhook_id from posthorn.queue order by 1 limit 1)',
    );
    await database.pool.query(
      `update posthorn.lane_rules
       set
         retry_at = now() + interval '1 h',
         retry_of = (select webhook_id from posthorn.queue order by 1 limit 1)`,
    );
    const before = await rows();
    const id = await replay(['pending'], { filter: { endpoint_id: endpoint.id } });
    expect(await look(id)).toMatchObject({ replayed: 1, skipped_for: { already_due: 2 } });
    expect((await rows()).retry_at).toBeNull();
    await cancel(id);
    expect(await look(id)).toMatchObject({ status: 'cancelled', taken_back: 1 });
    expect(await rows()).toEqual(before);
  });

  it('of one webhook by itself leaves nothing to be taken back', async () => {
    const [id] = await enqueueForLater(1);
    await database.pool.query('select posthorn.retry($1)', [id]);
    expect(await areDue()).toEqual([true]);
    const { rows: kept } = await database.pool.query('select from posthorn.brought_forward');
    expect(kept).toEqual([]);
  });
});

async function enqueueForLater(count: number): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body, send_at)
     select $1, n::text, now() + n * interval '1 hour' from generate_series(1, $2::integer) as n
     returning id`,
    [url, count],
  );
  return rows.map(({ id }) => id);
}

/** All that a replay may change, as it is. */
async function rows(): Promise<{
  queue: { webhook_id: string }[];
  outcomes: unknown[];
  retry_at: unknown;
}> {
  const all = async (text: string) => (await database.pool.query(text)).rows;
  return {
    queue: await all('select * from posthorn.queue order by webhook_id'),
    outcomes: await all('select * from posthorn.outcomes order by webhook_id'),
    retry_at: (await all('select retry_at from posthorn.lane_rules'))[0]?.retry_at ?? null,
  };
}

async function areDue(): Promise<boolean[]> {
  const { rows: found } = await database.pool.query<{ is_due: boolean }>(
    'select due_at <= now() as is_due from posthorn.queue order by webhook_id',
  );
  return found.map(({ is_due }) => is_due);
}

async function replay(status: readonly string[], options: object = {}): Promise<string> {
  const { filter = { url }, ...others } = options as { filter?: object };
  const { text } = await post('/replays', { filter: { ...filter, status }, ...others });
  const { id } = JSON.parse(text);
  await carryOut(database, id);
  return id;
}

async function cancel(id: string): Promise<void> {
  await post(`/replays/${id}/cancel`);
  await carryOut(database, id);
}

async function look(id: string): Promise<unknown> {
  return JSON.parse((await api.ask(`/replays/${id}`)).text);
}

function post(path: string, body?: object) {
  return api.ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body ?? {}),
  });
}

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { eventually } from '../support/eventually.ts';
import { ask, type Columns, clear, idOf, inS, plant, plantQueue } from '../support/rows.ts';

// What becomes of an insert into the outbox in the queue, and who is told. No worker runs here.

let database: TestDatabase;
const url = 'http://a.example/hook';

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const insert = (columns: Columns) => plant(database, 'outbox', [{ body: '', ...columns }]);
const queued = () =>
  ask(
    database,
    `select q.priority, q.webhook_id = o.id and q.outbox_id = o.id as is_its, q.attempts, q.lease_until,
       round(extract(epoch from q.due_at - now()) / 60)::integer as due_in_min,
       case q.lane when posthorn.lane_of(o.url) then 'url' when posthorn.lane_of(o.endpoint_id) then 'endpoint' end as lane
     from posthorn.queue as q join posthorn.outbox as o on o.id = q.webhook_id`,
  );

describe.each(['url', 'endpoint'] as const)('a webhook to an %s', (lane) => {
  const to = async (): Promise<Columns> =>
    lane === 'url'
      ? { url }
      : { endpoint_id: (await registerEndpoint(database, { url, max_in_flight: 3 })).id };

  it.each([
    ['high', 0],
    ['normal', 1],
    ['low', 2],
  ])('of priority %s is number %i in the queue', async (priority, number) => {
    await insert({ ...(await to()), priority });
    const rest = { is_its: true, attempts: 0, lease_until: null, due_in_min: 0, lane };
    expect(await queued()).toEqual([{ priority: number, ...rest }]);
  });

  it.each([
    ['in an hour', 3_600, 60],
    ['an hour ago', -3_600, 0],
  ])('whose send_at is %s is due then, and never before now', async (_, seconds, minutes) => {
    await insert({ ...(await to()), send_at: inS(seconds) });
    expect(await queued()).toMatchObject([{ due_in_min: minutes }]);
  });

  it('is enqueued together with one of the other kind by one statement', async () => {
    const { id } = await registerEndpoint(database, { url });
    await database.pool.query(
      `insert into posthorn.outbox (url, endpoint_id, body, priority)
       values ($1, null, '', 'low'), (null, $2, '', 'high')`,
      [url, id],
    );
    const rows = (await queued()).map((row) => `${row['lane']} ${row['priority']}`);
    expect(rows.toSorted()).toEqual(['endpoint 0', 'url 2']);
  });
});

it.each(['high', 'normal', 'low'])(
  'an ordered endpoint gets %s as normal, in the order of sending',
  async (priority) => {
    const { id } = await registerEndpoint(database, { url, ordered: true });
    await insert({ endpoint_id: id, priority });
    expect(await queued()).toMatchObject([{ priority: 1, lane: 'endpoint' }]);
  },
);

it('the lane of a URL is that of its query-less part, and no two endpoints share one', async () => {
  const [row] = await ask(
    database,
    `select posthorn.lane_of('http://a/?x=1') = posthorn.lane_of('http://a/?y=2') as same_without_query,
       posthorn.lane_of('http://a/') = posthorn.lane_of('http://a/b') as same_of_paths,
       posthorn.lane_of($1::uuid) = posthorn.lane_of($2::uuid) as same_of_endpoints`,
    [idOf(1), idOf(2)],
  );
  expect(row).toEqual({ same_without_query: true, same_of_paths: false, same_of_endpoints: false });
});

describe('an endpoint that is', () => {
  it.each([
    { status: 'active', accepts: true },
    { status: 'paused', accepts: true },
    { status: 'disabled', accepts: true },
    { status: 'deleted', accepts: false },
  ])('$status accepts webhooks: $accepts', async ({ status, accepts }) => {
    const endpoint = await registerEndpoint(database, { url });
    if (status !== 'active') await endpoint.set({ status });
    const inserted = insert({ endpoint_id: endpoint.id });
    await (accepts
      ? expect(inserted).resolves.toBeUndefined()
      : expect(inserted).rejects.toMatchObject({ constraint: 'outbox_endpoint_id_is_registered' }));
    expect(await queued()).toHaveLength(accepts ? 1 : 0);
  });

  it('of another id accepts none', async () => {
    await registerEndpoint(database, { url });
    await expect(insert({ endpoint_id: idOf(1) })).rejects.toMatchObject({ code: '23503' });
  });
});

it.each([
  ['23 hours ago', -23, true],
  ['25 hours ago', -25, false],
  ['in 23 hours', 23, true],
  ['in 25 hours', 25, false],
])('an id whose time is %s is taken: %s', async (_, hours, isTaken) => {
  const [row] = await ask<{ id: string }>(
    database,
    `select left(posthorn.uuid_floor(now() + $1 * interval '1 hour')::text, 13) || '-7000-8000-000000000001' as id`,
    [hours],
  );
  const inserted = insert({ url, id: row?.id });
  await (isTaken
    ? expect(inserted).resolves.toBeUndefined()
    : expect(inserted).rejects.toMatchObject({ constraint: 'outbox_id_is_of_today' }));
});

describe('an idempotency key', () => {
  it('is in force for seven days, and then stands for the next webhook', async () => {
    await insert({ url, idempotency_key: 'k' });
    const [key] = await ask<{ days: number; outbox_id: string }>(
      database,
      `select (extract(epoch from expires_at - now()) / 86400)::float8 as days, outbox_id from posthorn.idempotency_keys`,
    );
    expect(key?.days).toBeCloseTo(7, 1);
    await expect(insert({ url, idempotency_key: 'k' })).rejects.toMatchObject({ code: '23505' });
    await database.pool.query(
      `update posthorn.idempotency_keys set expires_at = now() - interval '1 ms'`,
    );
    await insert({ url, idempotency_key: 'k' });
    const [next] = await ask<{ outbox_id: string; in_force: boolean }>(
      database,
      `select outbox_id, expires_at > now() + interval '6 days' as in_force from posthorn.idempotency_keys`,
    );
    expect(next?.in_force).toBe(true);
    expect(next?.outbox_id).not.toBe(key?.outbox_id);
  });
});

describe('workers are told', () => {
  it.each([
    { of: 'what is due', row: {}, notify: '', told: true },
    { of: 'what was due before', row: { send_at: inS(-60) }, notify: '', told: true },
    { of: 'what is due later', row: { send_at: inS(3_600) }, notify: '', told: false },
    { of: 'what is due, when that is turned off', row: {}, notify: 'off', told: false },
  ])('of $of: $told', async ({ row, notify, told }) => {
    const client = await database.pool.connect();
    const listener = await database.pool.connect();
    const heard: (string | undefined)[] = [];
    listener.on('notification', ({ payload }) => heard.push(payload));
    await listener.query('listen posthorn_wake');
    try {
      await client.query(`select set_config('posthorn.notify', $1, false)`, [notify]);
      await plant({ pool: client as unknown as TestDatabase['pool'] }, 'outbox', [
        { url, body: '', ...row },
      ]);
      // Notifications come in the order of their commits.
      await client.query(`notify posthorn_wake, 'end'`);
      await eventually(async () => heard.includes('end'), 'the end is heard');
      expect(heard).toEqual(told ? ['', 'end'] : ['end']);
    } finally {
      listener.release(true);
      client.release(true);
    }
  });
});

describe('what missed the trigger', () => {
  async function missed(rows: readonly Columns[]): Promise<string[]> {
    const client = await database.pool.connect();
    try {
      await client.query('set session_replication_role = replica');
      const pool = client as unknown as TestDatabase['pool'];
      await plant(
        { pool },
        'outbox',
        rows.map((row) => ({ body: '', ...row })),
      );
    } finally {
      client.release(true);
    }
    const ids = await ask<{ id: string }>(
      database,
      'select id from posthorn.outbox order by created_at, id',
    );
    return ids.map(({ id }) => id);
  }

  it('is found if it neither waits nor has ended, the newest first, page by page', async () => {
    const ids = await missed([1, 2, 3, 4, 5].map(() => ({ url })));
    await plantQueue(database, [{ webhook_id: ids[1], outbox_id: ids[1] }]);
    await plant(database, 'outcomes', [
      { webhook_id: ids[2], outbox_id: ids[2], lane: 1, status: 'failed', attempts: 1 },
    ]);
    const find = (before: string, walk: number) =>
      ask(database, 'select * from posthorn.missed($1, $2)', [before, walk]);
    const end = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    expect(await find(end, 9)).toEqual([
      { webhook_ids: [ids[0], ids[3], ids[4]], walked: 5, walked_to: null },
    ]);
    expect(await find(end, 2)).toEqual([
      { webhook_ids: [ids[3], ids[4]], walked: 2, walked_to: ids[3] },
    ]);
    expect(await find(ids[3] ?? '', 2)).toEqual([
      { webhook_ids: [], walked: 2, walked_to: ids[1] },
    ]);
  });

  it('is enqueued as the trigger would have done, once, and its key is noted', async () => {
    const ordered = await registerEndpoint(database, { url, ordered: true });
    const plain = await registerEndpoint(database, { url });
    const ids = await missed([
      { url, priority: 'high', idempotency_key: 'a' },
      { url, send_at: inS(3_600), idempotency_key: 'taken' },
      { endpoint_id: ordered.id, priority: 'high' },
      {
        endpoint_id: plain.id,
        priority: 'low',
        created_at: inS(-8 * 86_400),
        idempotency_key: 'old',
      },
      { url },
    ]);
    await plant(database, 'idempotency_keys', [
      { tenant: '', key: 'taken', outbox_id: idOf(1), expires_at: inS(60) },
    ]);
    const [ended] = await ask<{ id: string }>(
      database,
      `select id from posthorn.outbox where priority = 'normal' and url is not null and send_at is null`,
    );
    await plant(database, 'outcomes', [
      { webhook_id: ended?.id, outbox_id: ended?.id, lane: 1, status: 'failed', attempts: 1 },
    ]);
    const enqueue = () => ask(database, 'select posthorn.enqueue_missed($1) as id', [ids]);
    expect(await enqueue()).toHaveLength(4);
    expect(await enqueue()).toEqual([]);
    const rows = (await queued()).map(
      (row) => `${row['lane']} ${row['priority']} ${row['due_in_min']}`,
    );
    expect(rows.toSorted()).toEqual(['endpoint 1 0', 'endpoint 2 0', 'url 0 0', 'url 1 60']);
    expect(
      await ask(
        database,
        `select key, outbox_id = $1 as is_other, expires_at > now() + interval '6 days' as in_force from posthorn.idempotency_keys order by 1`,
        [idOf(1)],
      ),
    ).toEqual([
      { key: 'a', is_other: false, in_force: true },
      { key: 'taken', is_other: true, in_force: false },
    ]);
  });
});

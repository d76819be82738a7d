import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestEndpoint } from '../support/endpoints.ts';
import {
  catchUpAll,
  continueCatchUps,
  fanOutAll,
  publish,
  recipientsOf,
  subscribe,
  subscriber,
} from '../support/events.ts';
import { createTestRoles } from '../support/roles.ts';
import { ask, clear } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// An endpoint that was disabled receives what it missed, once (I17).

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

const waits = { status: 'running', webhooks: 0, isWaiting: true };

async function disabled(): Promise<TestEndpoint> {
  const endpoint = await subscriber(database);
  await endpoint.set({ status: 'disabled' });
  return endpoint;
}

async function publishMany(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await publish(database.pool, { body: `${n}` }));
  return ids;
}

/** Which of these events the endpoint has received, and how often. */
async function received({ id }: TestEndpoint, eventIds: readonly string[]): Promise<number[]> {
  const counts: number[] = [];
  for (const eventId of eventIds) {
    const recipients = await recipientsOf(database, eventId);
    counts.push(recipients.filter((one) => one === id).length);
  }
  return counts;
}

it('a job that dies in any of its steps loses none and adds none twice', async () => {
  const endpoint = await disabled();
  const events = await publishMany(7);
  await endpoint.set({ status: 'active' });
  const client = await database.pool.connect();
  try {
    for (let isDone = false; !isDone; ) {
      const told: unknown[] = [];
      for (const end of ['rollback', 'rollback', 'commit']) {
        await client.query('begin');
        const steps = await continueCatchUps(client, { walk: 3, most: 2 });
        await client.query(end);
        told.push(steps);
        isDone = steps.length === 0 || steps[0]?.status === 'finished';
      }
      expect(told[0]).toEqual(told[1]);
      expect(told[0]).toEqual(told[2]);
    }
  } finally {
    client.release(true);
  }
  expect(await received(endpoint, events)).toEqual(events.map(() => 1));
  expect(
    await ask(
      database,
      'select status, webhooks::integer, finished_at is not null as is_over from posthorn.catch_ups',
    ),
  ).toEqual([{ status: 'finished', webhooks: 7, is_over: true }]);
  expect(await endpoint.row()).toMatchObject({ catching_up: false });
});

it('two jobs at once add each event once', async () => {
  const endpoint = await disabled();
  const events = await publishMany(9);
  await endpoint.set({ status: 'active' });
  const steps = () => Promise.all([1, 2].map((most) => continueCatchUps(database.pool, { most })));
  while ((await steps()).flat().length > 0) {}
  expect(await received(endpoint, events)).toEqual(events.map(() => 1));
});

it('it receives what its subscriptions let through, of its tenant and of all, and neither the rest nor what it had', async () => {
  const endpoint = await subscriber(database, {}, { to: ['order.*'], filter: '$.total > 1' });
  const other = await subscriber(database, { tenant: 'other' });
  const fits = { body: '{"total": 5}' };
  const before = await publish(database.pool, fits);
  await endpoint.set({ status: 'disabled' });
  const missed = await publish(database.pool, fits);
  const broadcast = await publish(database.pool, { ...fits, tenant: '*' });
  const others = [
    await publish(database.pool, { ...fits, tenant: 'other' }),
    await publish(database.pool, { ...fits, eventType: 'user.made' }),
    await publish(database.pool, { body: '{"total": 1}' }),
    await publish(database.pool, { body: 'total=5' }),
  ];
  const [ended = ''] = await subscribe(database.pool, { endpointId: endpoint.id, to: ['bill'] });
  others.push(await publish(database.pool, { eventType: 'bill' }));
  await database.pool.query('update posthorn.subscriptions set ended_at = now() where id = $1', [
    ended,
  ]);
  others.push(await publish(database.pool, { eventType: 'late' }));
  await subscribe(database.pool, { endpointId: endpoint.id, to: ['late'] });
  await endpoint.set({ status: 'active' });
  await catchUpAll(database.pool);
  await fanOutAll(database.pool);
  expect(await received(endpoint, [before, missed, broadcast])).toEqual([1, 1, 1]);
  expect(await received(endpoint, others)).toEqual(others.map(() => 0));
  expect(await received(other, [before, missed, broadcast])).toEqual([0, 0, 1]);
});

it('it misses them for good if whoever enables it says so', async () => {
  const endpoint = await disabled();
  const [missed = ''] = await publishMany(1);
  const client = await database.pool.connect();
  try {
    await client.query(
      `begin; set local posthorn.catch_up = off; update posthorn.endpoints set status = 'active'; commit`,
    );
  } finally {
    client.release(true);
  }
  const now = await publish(database.pool);
  await catchUpAll(database.pool);
  expect(await received(endpoint, [missed, now])).toEqual([0, 1]);
  expect(await ask(database, 'select id from posthorn.catch_ups')).toEqual([]);
});

it('an ordered endpoint waits until it has caught up, and then has all in the order of publishing', async () => {
  const endpoint = await subscriber(database, { ordered: true });
  const events = [await publish(database.pool)];
  await endpoint.set({ status: 'disabled' });
  events.push(...(await publishMany(5)));
  await endpoint.set({ status: 'active' });
  events.push(...(await publishMany(2)));
  expect(await endpoint.row()).toMatchObject({ is_held: true, catching_up: true });
  expect(
    await ask(database, 'select distinct waits_for, next_attempt_at from posthorn.webhooks'),
  ).toEqual([{ waits_for: 'catching_up', next_attempt_at: null }]);
  await catchUpAll(database.pool);
  expect(await endpoint.row()).toMatchObject({ is_held: false, catching_up: false });
  expect(
    await ask(database, 'select outbox_id as id from posthorn.queue order by due_at, webhook_id'),
  ).toEqual(events.map((id) => ({ id })));
});

describe('it waits for transactions that may not have seen that it was enabled', () => {
  const publishing = async (client: pg.ClientBase): Promise<string> => {
    await client.query('begin isolation level repeatable read');
    return await publish(client);
  };

  it('and finds their events, however far it had read', async () => {
    const endpoint = await disabled();
    const producer = await database.pool.connect();
    try {
      const events = [await publishing(producer)];
      events.push(...(await publishMany(3)));
      await endpoint.set({ status: 'active' });
      const small = { walk: 1, most: 1 };
      for (let step = 0; step < 3; step += 1) {
        expect(await continueCatchUps(database.pool, small)).toMatchObject([{ webhooks: 1 }]);
      }
      expect(await continueCatchUps(database.pool, small)).toEqual([waits]);
      // Its snapshot is still that of a disabled endpoint.
      events.push(await publish(producer));
      await producer.query('commit');
      await catchUpAll(database.pool, small);
      expect(await received(endpoint, events)).toEqual(events.map(() => 1));
    } finally {
      producer.release(true);
    }
  });

  it('also if it is disabled and enabled once more before it has read again', async () => {
    const endpoint = await disabled();
    const producer = await database.pool.connect();
    try {
      const events = [await publishing(producer)];
      events.push(...(await publishMany(3)));
      await endpoint.set({ status: 'active' });
      const small = { walk: 1, most: 1 };
      for (let step = 0; step < 4; step += 1) await continueCatchUps(database.pool, small);
      await producer.query('commit');
      await endpoint.set({ status: 'disabled' });
      expect(await continueCatchUps(database.pool, small)).toEqual([waits]);
      events.push(...(await publishMany(1)));
      await endpoint.set({ status: 'active' });
      await catchUpAll(database.pool, small);
      expect(await received(endpoint, events)).toEqual(events.map(() => 1));
    } finally {
      producer.release(true);
    }
  });

  it.each(['before', 'after'])('also if one is prepared %s the first step', async (when) => {
    const endpoint = await disabled();
    const producer = await database.pool.connect();
    const name = randomUUID();
    const prepare = () => producer.query(`prepare transaction '${name}'`);
    try {
      await producer.query(`set posthorn.notify = off`);
      const events = [await publishing(producer), ...(await publishMany(2))];
      if (when === 'before') await prepare();
      await endpoint.set({ status: 'active' });
      expect(await continueCatchUps(database.pool)).toEqual([{ ...waits, webhooks: 2 }]);
      if (when === 'after') await prepare();
      for (let step = 0; step < 3; step += 1) {
        expect(await continueCatchUps(database.pool)).toEqual([waits]);
      }
      await producer.query(`commit prepared '${name}'`);
      await catchUpAll(database.pool);
      expect(await received(endpoint, events)).toEqual(events.map(() => 1));
    } finally {
      // After a failure: the database could not be dropped.
      await producer.query(`rollback prepared '${name}'`).catch(() => {});
      producer.release(true);
    }
  });

  it('also if the owner of the functions may not look into the sessions of producers', async () => {
    await using roles = await createTestRoles(await createTestDatabase());
    await using producer = await roles.connect('producer');
    await using worker = await roles.connect('worker');
    const { rows } = await worker.query(
      `with made as (
         insert into posthorn.endpoints (tenant, url) values ('acme', 'http://receiver.example/') returning id
       )
       select id from made`,
    );
    await subscribe(worker as unknown as pg.Pool, { endpointId: rows[0].id });
    await worker.query(`update posthorn.endpoints set status = 'disabled'`);
    await producer.query('begin');
    await publish(producer as unknown as pg.Pool);
    await worker.query(`update posthorn.endpoints set status = 'active'`);
    expect(await continueCatchUps(worker as unknown as pg.Pool)).toEqual([waits]);
    await producer.query('commit');
    await catchUpAll(worker as unknown as pg.Pool);
    const queue = await worker.query('select from posthorn.queue');
    expect(queue.rowCount).toBe(1);
  });
});

describe('by hand', () => {
  it('an endpoint receives what was published before it subscribed; a dry run only counts', async () => {
    const events = await publishMany(3);
    const endpoint = await subscriber(database);
    const catchUp = (isDry: boolean) =>
      ask(
        database,
        `select posthorn.catch_up($1, now() - interval '1 hour', $2)::integer as missed`,
        [endpoint.id, isDry],
      );
    expect(await catchUp(true)).toEqual([{ missed: 3 }]);
    expect(await ask(database, 'select id from posthorn.catch_ups')).toEqual([]);
    expect(await received(endpoint, events)).toEqual([0, 0, 0]);
    expect(await catchUp(false)).toEqual([{ missed: 3 }]);
    await catchUpAll(database.pool);
    expect(await received(endpoint, events)).toEqual([1, 1, 1]);
    expect(await catchUp(true)).toEqual([{ missed: 0 }]);
  });

  it('the webhooks become due one after the other, as fast as the rate limit says', async () => {
    await publishMany(5);
    const { id } = await subscriber(database);
    await database.pool.query(
      `select posthorn.catch_up($1, now() - interval '1 hour', rate_limit_per_s => 0.5)`,
      [id],
    );
    await catchUpAll(database.pool, { most: 2 });
    const rows = await ask<{ due: number }>(
      database,
      'select extract(epoch from due_at)::float8 as due from posthorn.queue order by due_at',
    );
    const gaps = rows.slice(1).map(({ due }, at) => due - (rows[at]?.due ?? 0));
    expect(gaps).toHaveLength(4);
    for (const gap of gaps) expect(gap).toBeGreaterThan(1);
  });

  it('it can be cancelled: what it has enqueued stays', async () => {
    const events = await publishMany(3);
    const endpoint = await subscriber(database, { ordered: true });
    await database.pool.query(`select posthorn.catch_up($1, now() - interval '1 hour')`, [
      endpoint.id,
    ]);
    await continueCatchUps(database.pool, { most: 1 });
    const cancel = () =>
      ask(database, 'select posthorn.cancel_catch_up($1) as is_cancelled', [endpoint.id]);
    expect(await cancel()).toEqual([{ is_cancelled: true }]);
    expect(await cancel()).toEqual([{ is_cancelled: false }]);
    expect(await continueCatchUps(database.pool)).toEqual([]);
    expect(await received(endpoint, events)).toEqual([1, 0, 0]);
    expect(await endpoint.row()).toMatchObject({ is_held: false, catching_up: false });
  });

  it('it ends with the endpoint, and a deleted or unknown one cannot catch up', async () => {
    const endpoint = await disabled();
    await publishMany(1);
    await endpoint.set({ status: 'active' });
    await endpoint.set({ status: 'deleted' });
    expect(await continueCatchUps(database.pool)).toEqual([]);
    expect(await ask(database, 'select status from posthorn.catch_ups')).toEqual([
      { status: 'cancelled' },
    ]);
    for (const id of [endpoint.id, '0199c0de-0000-7000-8000-000000000001']) {
      await expect(
        database.pool.query('select posthorn.catch_up($1, now())', [id]),
      ).rejects.toMatchObject({ constraint: 'catch_ups_endpoint_is_registered' });
    }
    for (const since of ['infinity', null]) {
      await expect(
        database.pool.query('select posthorn.catch_up($1, $2)', [
          (await subscriber(database)).id,
          since,
        ]),
      ).rejects.toMatchObject({ constraint: 'catch_ups_since_is_finite' });
    }
  });
});

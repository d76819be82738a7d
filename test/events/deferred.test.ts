import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { fanOutAll, publish, recipientsOf, subscribe, subscriber } from '../support/events.ts';
import { ask, clear } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// An event with so many recipients that a job adds them to the queue: those that the producer's statement saw.

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

/** Publishes an event that is left to the job. */
async function publishForLater(
  event: Parameters<typeof publish>[1] = {},
  client?: pg.PoolClient,
): Promise<string> {
  if (client !== undefined) {
    await client.query('set posthorn.fan_out_limit = 0');
    return publish(client, event);
  }
  const own = await database.pool.connect();
  try {
    return await publishForLater(event, own);
  } finally {
    own.release(true);
  }
}

async function subscribers(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push((await subscriber(database)).id);
  return ids.sort();
}

it('a job that dies in any of its steps loses none and adds none twice', async () => {
  const ids = await subscribers(7);
  const eventId = await publishForLater();
  const client = await database.pool.connect();
  try {
    for (let step = 0; step < 4; step += 1) {
      const told: unknown[] = [];
      for (const end of ['rollback', 'rollback', 'commit']) {
        await client.query('begin');
        const { rows } = await client.query('select * from posthorn.fan_out($1, 2)', [eventId]);
        told.push(rows[0]);
        await client.query(end);
      }
      const wanted = step < 3 ? { added: 2, is_done: false } : { added: 1, is_done: true };
      expect(told).toEqual([wanted, wanted, wanted]);
    }
    const { rows } = await client.query('select * from posthorn.fan_out($1, 2)', [eventId]);
    expect(rows).toEqual([{ added: null, is_done: null }]);
  } finally {
    client.release(true);
  }
  expect(await recipientsOf(database, eventId)).toEqual(ids);
});

it.each(['acme', '*'])(
  'an endpoint with as many subscriptions as a step has room for does not end the work, tenant "%s"',
  async (tenant) => {
    const ids = await subscribers(5);
    for (const endpointId of ids) {
      for (const filter of ['exists($.a)', 'exists($.b)', 'exists($.c)']) {
        await subscribe(database.pool, { endpointId, filter });
      }
    }
    const eventId = await publishForLater({ tenant });
    await fanOutAll(database.pool, 2);
    expect(await recipientsOf(database, eventId)).toEqual(ids);
  },
);

it('two jobs at once add each recipient once', async () => {
  const ids = await subscribers(9);
  const eventId = await publishForLater();
  await Promise.all([fanOutAll(database.pool, 1), fanOutAll(database.pool, 2)]);
  expect(await recipientsOf(database, eventId)).toEqual(ids);
});

it('one whose webhook has ended already gets no other', async () => {
  const [id] = await subscribers(1);
  const eventId = await publishForLater();
  await database.pool.query(
    `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
     select posthorn.webhook_id($1, $2), $1, posthorn.lane_of($2::uuid), 'delivered', 1`,
    [eventId, id],
  );
  await fanOutAll(database.pool);
  expect(await recipientsOf(database, eventId)).toEqual([id]);
});

it('nobody knows how many recipients it has until the job is done', async () => {
  await subscribers(3);
  const eventId = await publishForLater();
  const count = () => ask(database, 'select recipients::integer from posthorn.events');
  await database.pool.query('select posthorn.fan_out($1, 2)', [eventId]);
  expect(await count()).toEqual([{ recipients: null }]);
  await fanOutAll(database.pool);
  expect(await count()).toEqual([{ recipients: 3 }]);
});

describe('the recipients are those that its statement saw', () => {
  const isolations = ['read committed', 'repeatable read'] as const;

  it.each(isolations)('in %s', async (isolation) => {
    const stays = await subscriber(database);
    const ends = await subscriber(database);
    const endsBefore = await subscriber(database);
    const begins = await subscriber(database, {}, { to: [] });
    const beginsBefore = await subscriber(database, {}, { to: [] });
    const end = 'update posthorn.subscriptions set ended_at = now() where endpoint_id = $1';
    const producer = await database.pool.connect();
    const other = await database.pool.connect();
    try {
      await producer.query(`begin isolation level ${isolation}; select pg_current_xact_id()`);
      await database.pool.query(end, [endsBefore.id]);
      await subscribe(database.pool, { endpointId: beginsBefore.id });
      await other.query('begin');
      await other.query(end, [ends.id]);
      await subscribe(other, { endpointId: begins.id });
      const eventId = await publishForLater({}, producer);
      await other.query('commit');
      await producer.query('commit');
      await fanOutAll(database.pool);
      // A REPEATABLE READ transaction sees what there was at its first statement.
      const then = isolation === 'read committed' ? beginsBefore : endsBefore;
      expect(await recipientsOf(database, eventId)).toEqual([stays.id, ends.id, then.id].sort());
    } finally {
      producer.release(true);
      other.release(true);
    }
  });

  it.each(['2 days', '1 minute'])(
    'also for subscriptions of %s ago that a dump brought with numbers of another server’s transactions',
    async (age) => {
      const old = await subscriber(database);
      const ended = await subscriber(database);
      await asReplica(
        `update posthorn.subscriptions set created_at = now() - interval '${age}', created_in = '999999999';
         update posthorn.subscriptions
         set ended_at = now() - interval '${age}', ended_in = '999999999', is_live = false
         where endpoint_id = '${ended.id}'`,
      );
      const eventId = await publishForLater();
      await fanOutAll(database.pool);
      expect(await recipientsOf(database, eventId)).toEqual([old.id]);
    },
  );

  it('also for an event that a dump brought', async () => {
    const stays = await subscriber(database);
    const ends = await subscriber(database);
    const eventId = await publishForLater();
    await asReplica(
      `update posthorn.subscriptions set created_in = '999999000';
       update posthorn.fan_outs set seen = '999999999:999999999:', published_in = '999999999'`,
    );
    await subscriber(database);
    await database.pool.query(
      'update posthorn.subscriptions set ended_at = now() where endpoint_id = $1',
      [ends.id],
    );
    await fanOutAll(database.pool);
    expect(await recipientsOf(database, eventId)).toEqual([stays.id, ends.id].sort());
  });
});

/** Runs statements as the rows of a dump are restored: no trigger fires. */
async function asReplica(statements: string): Promise<void> {
  await database.pool.query(
    `begin; set local session_replication_role = replica; ${statements}; commit`,
  );
}

it.each([
  ['paused', true],
  ['disabled', true],
  ['deleted', false],
] as const)(
  'an endpoint that was %s since then: it receives the event: %s',
  async (status, receives) => {
    const endpoint = await subscriber(database);
    const eventId = await publishForLater();
    await endpoint.set({ status });
    await fanOutAll(database.pool);
    expect(await recipientsOf(database, eventId)).toEqual(receives ? [endpoint.id] : []);
    expect(await ask(database, 'select event_id as id from posthorn.unmatched_events')).toEqual(
      receives ? [] : [{ id: eventId }],
    );
  },
);

it('a tenant that is renamed meanwhile receives what was published for its former id', async () => {
  const { id } = await subscriber(database, {}, { to: ['order.*'], filter: '$.total > 1' });
  await subscriber(database, { tenant: 'other' });
  const eventId = await publishForLater({ body: '{"total": 5}' });
  expect(
    await ask(database, `select posthorn.rename_tenant('acme', 'acme2') as endpoints`),
  ).toEqual([{ endpoints: '1' }]);
  await fanOutAll(database.pool);
  expect(await recipientsOf(database, eventId)).toEqual([id]);
});

it('a renamed tenant keeps its subscriptions, and whoever takes its former id has none of them', async () => {
  const { id } = await subscriber(database, {}, { to: ['order.*', 'user.made'] });
  await subscribe(database.pool, { endpointId: id, to: ['order.paid'], filter: '$.total > 1' });
  await database.pool.query(`insert into posthorn.tenants (id, name) values ('acme', 'Acme')`);
  await database.pool.query(`select posthorn.rename_tenant('acme', 'acme2')`);
  const former = await publish(database.pool, { tenant: 'acme' });
  const present = await publish(database.pool, { tenant: 'acme2' });
  expect(await recipientsOf(database, former)).toEqual([]);
  expect(await recipientsOf(database, present)).toEqual([id]);
  expect(
    await ask(
      database,
      `select tenant, event_type, filter::text, ended_at is null as in_force, is_live
       from posthorn.subscriptions order by in_force, event_type`,
    ),
  ).toEqual(
    [false, true].flatMap((is) =>
      [
        { event_type: 'order.*', filter: null },
        { event_type: 'order.paid', filter: '($."total" > 1)' },
        { event_type: 'user.made', filter: null },
      ].map((one) => ({ tenant: is ? 'acme2' : 'acme', ...one, in_force: is, is_live: is })),
    ),
  );
  expect(await ask(database, 'select id, name from posthorn.tenants')).toEqual([
    { id: 'acme2', name: 'Acme' },
  ]);
});

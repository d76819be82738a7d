import { beforeAll, beforeEach, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import {
  catchUpAll,
  fanOutAll,
  publish,
  recipientsOf,
  subscribe,
  subscriber,
} from '../support/events.ts';
import { ask, clear, whileHeld } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// A day of events is dropped: what is unfinished stays, and nothing that was delivered comes again.

const database = forFile(createTestDatabase);

const daysAgo = 40;
const oldDay = `((now() at time zone 'UTC')::date - ${daysAgo})`;

beforeAll(() =>
  database.pool.query(
    `update posthorn.history set whole_from = 'epoch';
     select posthorn.make_partitions(((now() at time zone 'UTC')::date - 39))`,
  ),
);

beforeEach(async () => {
  await clear(database);
  await database.pool.query(
    `update posthorn.history set whole_from = 'epoch'; select posthorn.make_partitions(${oldDay})`,
  );
});

/** An event of the old day that went to these endpoints: some webhooks were delivered, the others wait. */
async function oldEvent(options: {
  readonly delivered?: readonly string[];
  readonly waiting?: readonly string[];
  readonly tenant?: string;
}): Promise<string> {
  const { delivered = [], waiting = [], tenant = 'acme' } = options;
  const client = await database.pool.connect();
  try {
    await client.query('begin; set local session_replication_role = replica');
    const { rows } = await client.query<{ id: string }>(
      `insert into posthorn.outbox (id, created_at, tenant, event_type, body)
       select
         overlay(posthorn.uuid_floor(${oldDay} + interval '12 hours')::text placing
           substring(posthorn.uuid_v7()::text from 15) from 15)::uuid,
         now() - interval '${daysAgo} days', $1, 'order.paid', '{"total": 5}'
       returning id`,
      [tenant],
    );
    const id = rows[0]?.id ?? '';
    await client.query(
      `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
       select posthorn.webhook_id($1, e), $1, posthorn.lane_of(e), 1, now() from unnest($2::uuid[]) as e`,
      [id, waiting],
    );
    await client.query(
      `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, finished_at)
       select posthorn.webhook_id($1, e), $1, posthorn.lane_of(e), 'delivered', 1, now() - interval '${daysAgo} days'
       from unnest($2::uuid[]) as e`,
      [id, delivered],
    );
    await client.query('commit');
    return id;
  } finally {
    client.release(true);
  }
}

const drop = async (): Promise<unknown> =>
  (await ask(database, `select posthorn.drop_partitions(${oldDay}) as is_dropped`))[0]?.[
    'is_dropped'
  ];

/** The webhooks of an event end as worker 1 would end them. */
async function end(eventId: string, endpointIds: readonly string[]): Promise<void> {
  await database.pool.query(
    `with over as (
       delete from posthorn.queue
       where webhook_id in (select posthorn.webhook_id($1, e) from unnest($2::uuid[]) as e)
       returning webhook_id, outbox_id, lane
     )
     insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, finished_at)
     select webhook_id, outbox_id, lane, 'delivered', 1, now() - interval '31 days' from over`,
    [eventId, endpointIds],
  );
}

const forget = () => database.pool.query(`select posthorn.forget_kept(interval '30 days', 1000)`);

const bodies = async () =>
  (
    await ask<{ id: string }>(
      database,
      `select id from posthorn.outbox where body = '{"total": 5}'`,
    )
  ).map(({ id }) => id);

it('an event whose day is dropped stays as long as one of its webhooks is unfinished or recent', async () => {
  const [a, b, c] = [
    (await subscriber(database)).id,
    (await subscriber(database)).id,
    (await subscriber(database)).id,
  ];
  const kept = await oldEvent({ delivered: [a], waiting: [b, c] });
  await oldEvent({ delivered: [a, b, c] });
  expect(await drop()).toBe(true);
  expect(await bodies()).toEqual([kept]);
  expect(await recipientsOf(database, kept)).toEqual([b, c].sort());
  await end(kept, [b]);
  await forget();
  expect(await bodies()).toEqual([kept]);
  expect(await recipientsOf(database, kept)).toEqual([c]);
  await end(kept, [c]);
  await forget();
  expect(await bodies()).toEqual([]);
  expect(await recipientsOf(database, kept)).toEqual([]);
});

it('two that end at once are forgotten with their event', async () => {
  const [a, b] = [(await subscriber(database)).id, (await subscriber(database)).id];
  const kept = await oldEvent({ waiting: [a, b] });
  expect(await drop()).toBe(true);
  await end(kept, [a, b]);
  await forget();
  expect(await bodies()).toEqual([]);
});

it('what was delivered before the day was dropped is not sent again when the endpoint catches up', async () => {
  const a = await subscriber(database);
  const b = await subscriber(database);
  const kept = await oldEvent({ delivered: [a.id], waiting: [b.id] });
  const missedByAll = await oldEvent({ waiting: [b.id] });
  const catchUp = async (isDry: boolean) =>
    (
      await ask<{ missed: number }>(
        database,
        `select posthorn.catch_up($1, now() - interval '90 days', $2)::integer as missed`,
        [a.id, isDry],
      )
    )[0]?.missed;
  expect(await catchUp(true)).toBe(1);
  expect(await drop()).toBe(true);
  // Nobody can tell the two apart any more.
  expect(await catchUp(true)).toBe(0);
  const now = await publish(database.pool);
  await catchUp(false);
  await catchUpAll(database.pool);
  expect(await recipientsOf(database, kept)).toEqual([b.id]);
  expect(await recipientsOf(database, missedByAll)).toEqual([b.id]);
  expect(await recipientsOf(database, now)).toEqual([a.id, b.id].sort());
});

it('a day stays until its events are fanned out', async () => {
  const { id } = await subscriber(database);
  await database.pool.query(
    `set session_replication_role = replica; update posthorn.subscriptions set created_at = now() - interval '50 days';
     set session_replication_role = origin`,
  );
  const eventId = await oldEvent({});
  await database.pool.query(
    `insert into posthorn.fan_outs (event_id, published_at) values ($1, now() - interval '${daysAgo} days')`,
    [eventId],
  );
  expect(await drop()).toBe(false);
  await fanOutAll(database.pool);
  expect(await recipientsOf(database, eventId)).toEqual([id]);
  expect(await drop()).toBe(true);
  expect(await recipientsOf(database, eventId)).toEqual([id]);
  expect(await bodies()).toEqual([eventId]);
});

it('the events without a recipient are forgotten with their day', async () => {
  const old = await oldEvent({});
  await database.pool.query('insert into posthorn.unmatched_events values ($1)', [old]);
  const recent = await publish(database.pool);
  expect(await drop()).toBe(true);
  expect(await ask(database, 'select event_id as id from posthorn.unmatched_events')).toEqual([
    { id: recent },
  ]);
});

it.each([
  ['fans an event out', 'select posthorn.fan_out(event_id, 1) from posthorn.fan_outs'],
  [
    'lets an endpoint catch up',
    'select posthorn.continue_catch_up(id, 10, 10) from posthorn.catch_ups',
  ],
])(
  'a day is not dropped while a job %s, and the job waits for one that is being dropped',
  async (_, step) => {
    const endpoint = await subscriber(database, {}, { to: [] });
    await oldEvent({});
    await subscribe(database.pool, { endpointId: endpoint.id });
    const eventId = await publish(database.pool);
    await database.pool.query('delete from posthorn.queue');
    await database.pool.query('insert into posthorn.fan_outs (event_id) values ($1)', [eventId]);
    await database.pool.query('select posthorn.catch_up($1, now())', [endpoint.id]);
    const waits = { code: '55P03' };
    await whileHeld(database, step, async (pool) => {
      await expect(pool.query(`select posthorn.drop_partitions(${oldDay})`)).rejects.toMatchObject(
        waits,
      );
    });
    await whileHeld(database, `select posthorn.drop_partitions(${oldDay})`, async (pool) => {
      await expect(pool.query(step)).rejects.toMatchObject(waits);
    });
    // Already before it has locked a table.
    await whileHeld(database, 'select pg_advisory_xact_lock(1886352244, 0)', async (pool) => {
      await expect(pool.query(step)).rejects.toMatchObject(waits);
    });
  },
);

it('an event that is kept for one endpoint says nothing about what others had received', async () => {
  const [had, waits, disabled] = [
    await subscriber(database),
    await subscriber(database),
    await subscriber(database),
  ];
  await disabled.set({ status: 'disabled' });
  const event = await oldEvent({ delivered: [had.id], waiting: [waits.id] });
  expect(await drop()).toBe(true);
  const rows = await ask<{ id: string; why: string }>(
    database,
    'select endpoint_id as id, why from posthorn.explain_event($1)',
    [event],
  );
  expect(Object.fromEntries(rows.map(({ id, why }) => [id, why]))).toEqual({
    [had.id]: 'history_dropped',
    [waits.id]: 'slot',
    [disabled.id]: 'history_dropped',
  });
});

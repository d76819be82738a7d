import { beforeEach, describe, expect, it } from 'vitest';
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

// What a producer's transaction does with its events: all of it or nothing, and nobody waits.

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

describe.each(['1000', '0'])('with a fan-out limit of %s', (limit) => {
  it('a transaction that is rolled back sends nothing, and one that half fails sends its other half', async () => {
    const { id } = await subscriber(database);
    const client = await database.pool.connect();
    try {
      await client.query(`set posthorn.fan_out_limit = ${limit}`);
      await client.query('begin');
      await publish(client);
      await client.query('rollback');
      await client.query('begin');
      const first = await publish(client, { body: '1' });
      await client.query('savepoint half');
      await publish(client, { body: '2' });
      await expect(publish(client, { eventType: 'no type' })).rejects.toMatchObject({
        constraint: 'outbox_event_type_is_words',
      });
      await client.query('rollback to half');
      const third = await publish(client, { body: '3' });
      await client.query('commit');
      await fanOutAll(database.pool);
      expect(await ask(database, 'select id from posthorn.outbox order by id')).toEqual([
        { id: first },
        { id: third },
      ]);
      expect(await recipientsOf(database, first)).toEqual([id]);
      expect(await recipientsOf(database, third)).toEqual([id]);
    } finally {
      client.release(true);
    }
  });

  it('a statement with one wrong row sends none of its rows', async () => {
    await subscriber(database);
    const client = await database.pool.connect();
    try {
      await client.query(`set posthorn.fan_out_limit = ${limit}`);
      await expect(
        client.query(
          `insert into posthorn.events (tenant, event_type, body)
           values ('acme', 'order.paid', '{}'), ('acme', 'order paid', '{}')`,
        ),
      ).rejects.toThrow('outbox_event_type_is_words');
    } finally {
      client.release(true);
    }
    expect(
      await ask(
        database,
        `select id from posthorn.outbox union all select webhook_id from posthorn.queue
         union all select event_id from posthorn.fan_outs`,
      ),
    ).toEqual([]);
  });

  it('several subscriptions of an endpoint make one webhook', async () => {
    const { id } = await subscriber(database, {}, { to: ['*', 'order.*', 'order.paid'] });
    await subscribe(database.pool, { endpointId: id, to: ['order.paid'], filter: '$.total > 1' });
    const client = await database.pool.connect();
    try {
      await client.query(`set posthorn.fan_out_limit = ${limit}`);
      const eventId = await publish(client, { body: '{"total": 5}' });
      await fanOutAll(database.pool);
      expect(await recipientsOf(database, eventId)).toEqual([id]);
    } finally {
      client.release(true);
    }
  });

  it('what a transaction subscribes and ends counts for its events from then on', async () => {
    const ends = await subscriber(database);
    const begins = await subscriber(database, {}, { to: [] });
    const client = await database.pool.connect();
    try {
      await client.query(`set posthorn.fan_out_limit = ${limit}`);
      await client.query('begin');
      await client.query('select pg_current_xact_id()');
      // A later transaction commits, so that the number of this one lies between those that its snapshots tell of.
      await database.pool.query('select pg_current_xact_id()');
      const before = await publish(client);
      await subscribe(client, { endpointId: begins.id });
      await client.query(
        'update posthorn.subscriptions set ended_at = now() where endpoint_id = $1',
        [ends.id],
      );
      const after = await publish(client);
      await client.query('commit');
      await fanOutAll(database.pool);
      expect(await recipientsOf(database, before)).toEqual([ends.id]);
      expect(await recipientsOf(database, after)).toEqual([begins.id]);
    } finally {
      client.release(true);
    }
  });

  it('an ordered endpoint has its webhooks in the order of publishing, before any job has worked', async () => {
    const { id } = await subscriber(database, { ordered: true });
    const client = await database.pool.connect();
    try {
      await client.query(`set posthorn.fan_out_limit = ${limit}`);
      await client.query(
        `insert into posthorn.events (tenant, event_type, body)
         select 'acme', 'order.paid', n::text from generate_series(1, 50) as n`,
      );
      await publish(client, { body: '51' });
      await client.query(`insert into posthorn.outbox (endpoint_id, body) values ($1, '52')`, [id]);
      await client.query(`select posthorn.publish('acme', 'order.paid', '53', priority => 'high')`);
    } finally {
      client.release(true);
    }
    const rows = await ask<{ body: string }>(
      database,
      `select o.body
       from posthorn.queue as q
       join posthorn.outbox as o on o.id = q.outbox_id
       where q.priority = 1
       order by q.due_at, q.webhook_id`,
    );
    expect(rows.map(({ body }) => body)).toEqual(Array.from({ length: 53 }, (_, n) => `${n + 1}`));
  });
});

it('a session that has set the fan-out limit for one transaction can publish after it', async () => {
  const { id } = await subscriber(database);
  const client = await database.pool.connect();
  try {
    await client.query('begin; set local posthorn.fan_out_limit = 0');
    await publish(client);
    await client.query('commit');
    expect(await recipientsOf(database, await publish(client))).toEqual([id]);
  } finally {
    client.release(true);
  }
});

it('the id of a webhook is computed from its event and endpoint, and lies between the bounds of the event', async () => {
  const { id: endpointId } = await subscriber(database);
  const eventId = await publish(database.pool);
  expect(
    await ask(
      database,
      `select
         webhook_id = posthorn.webhook_id($1, $2) as is_computed,
         webhook_id between posthorn.first_webhook_id($1) and posthorn.last_webhook_id($1) as is_between,
         webhook_id <> $1 as is_another,
         posthorn.uuid_time(webhook_id) = posthorn.uuid_time($1) as is_of_that_time
       from posthorn.queue`,
      [eventId, endpointId],
    ),
  ).toEqual([{ is_computed: true, is_between: true, is_another: true, is_of_that_time: true }]);
});

// Each with an edit that is not committed yet.
const edits: Readonly<Record<string, string>> = {
  'subscribes an endpoint': `insert into posthorn.subscriptions (endpoint_id, event_type) select id, 'order.paid' from posthorn.endpoints`,
  'ends a subscription': 'update posthorn.subscriptions set ended_at = now()',
  'pauses the endpoint': `update posthorn.endpoints set status = 'paused'`,
  'disables the endpoint': `update posthorn.endpoints set status = 'disabled'`,
  'deletes the endpoint': `update posthorn.endpoints set status = 'deleted'`,
  'makes the endpoint ordered': 'update posthorn.endpoints set ordered = true',
  'lets the endpoint catch up': `select posthorn.catch_up(id, now()) from posthorn.endpoints`,
  'renames the tenant': `select posthorn.rename_tenant('acme', 'acme2')`,
};

describe.each(Object.entries(edits))('while somebody %s', (_, edit) => {
  it.each(['1000', '0'])('a producer does not wait, with a limit of %s', async (limit) => {
    const { id } = await subscriber(database);
    const eventId = await whileHeld(database, edit, async (pool) => {
      await pool.query(`set posthorn.fan_out_limit = ${limit}`);
      const published = await publish(pool);
      await fanOutAll(pool);
      return published;
    });
    expect(await recipientsOf(database, eventId)).toEqual([id]);
  });

  it('and a transaction has published, the edit does not wait', async () => {
    await subscriber(database);
    await whileHeld(
      database,
      `insert into posthorn.events (tenant, event_type, body) values ('acme', 'order.paid', '{}'), ('*', 'order.paid', '{}')`,
      (pool) => pool.query(edit),
    );
    await catchUpAll(database.pool);
  });
});

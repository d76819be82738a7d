import { beforeEach, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { fanOutAll, publish, recipientsOf, subscriber } from '../support/events.ts';
import { ask, clear, runFile } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What a worker claims of events, and how those come to it that a trigger has missed.

const database = forFile(createTestDatabase);

beforeEach(() => clear(database));

interface Claimed {
  readonly webhook_id: string | null;
  readonly outbox_id: string | null;
  readonly endpoint_id: string | null;
  readonly tenant: string | null;
  readonly event_type: string | null;
  readonly body: string | null;
}

const claim = () =>
  runFile<Claimed>(database, 'claim', {
    ...{ workerNumber: 1, maxWebhooks: 10, windowFromMs: 0, leaseS: 60 },
    ...{ lanes: [], priorities: [], quotas: [], dueFromMs: [], ranks: [], areOwned: [] },
    aheads: [],
    origins: [],
    tenants: [],
    usualGroupSlots: 500,
    maxNewest: 0,
    maxFound: 10,
    ...{ freeSlots: '{}', usualSlots: 10 },
  });

it('an event’s body is claimed once for all of its webhooks, and each has the tenant of its endpoint', async () => {
  const acme = await subscriber(database);
  const other = await subscriber(database, { tenant: 'other' });
  const eventId = await publish(database.pool, { tenant: '*', body: 'to all' });
  await fanOutAll(database.pool);
  const rows = await claim();
  const webhooks = rows.filter(({ webhook_id }) => webhook_id !== null);
  const shared = { outbox_id: eventId, event_type: 'order.paid' };
  expect(
    webhooks.toSorted((one, two) => (String(one.tenant) < String(two.tenant) ? -1 : 1)),
  ).toMatchObject([
    { ...shared, endpoint_id: acme.id, tenant: 'acme' },
    { ...shared, endpoint_id: other.id, tenant: 'other' },
  ]);
  expect(rows.map(({ body }) => body).filter((body) => body !== null)).toEqual(['to all']);
});

it('an event that the trigger has missed goes to those who subscribe when it is found, and is found once', async () => {
  const { id } = await subscriber(database);
  const client = await database.pool.connect();
  let eventId = '';
  try {
    await client.query('set session_replication_role = replica');
    eventId = await publish(client);
  } finally {
    client.release(true);
  }
  const unmatched = await publish(database.pool, { tenant: 'nobody' });
  const found = `select m.webhook_ids from posthorn.missed('ffffffff-ffff-ffff-ffff-ffffffffffff', 100) as m`;
  expect(await ask(database, found)).toEqual([{ webhook_ids: [eventId] }]);
  await database.pool.query(`select posthorn.enqueue_missed(m.webhook_ids) from (${found}) as m`);
  await fanOutAll(database.pool);
  expect(await recipientsOf(database, eventId)).toEqual([id]);
  expect(await recipientsOf(database, unmatched)).toEqual([]);
  expect(await ask(database, found)).toEqual([{ webhook_ids: [] }]);
});

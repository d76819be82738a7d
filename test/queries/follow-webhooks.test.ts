import type { DatabasePool } from 'slonik';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { lowestIdOf } from '../../src/domain/uuid.ts';
import { type FollowFilter, WebhookFollower } from '../../src/queries/follow-webhooks.ts';
import { createQueryPool } from '../../src/queries/pool.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { publishEvents, subscribedEndpoint, webhookOf } from '../support/event-rows.ts';
import { forFile } from '../support/world.ts';

const url = 'https://customer.example/hooks';
const database = forFile(createTestDatabase);
let pool: DatabasePool;

beforeAll(async () => {
  pool = await createQueryPool({ databaseUrl: database.url, maximumPoolSize: 2 });
});
afterAll(() => pool.end());
beforeEach(() => database.empty());

/** Looks, until there is nothing more right now; the ids that it found. */
function following(options: FollowFilter & { agoMs?: number } = {}): () => Promise<string[]> {
  const follower = new WebhookFollower(pool, { agoMs: 0, ...options });
  return async () => {
    const ids: string[] = [];
    for (let isAtEnd = false; !isAtEnd; ) {
      const { webhooks, hasMore } = await follower.look();
      ids.push(...webhooks.map((webhook) => webhook.webhook_id));
      isAtEnd = !hasMore;
    }
    return ids;
  };
}

it('finds what is enqueued from now on, once, also what has ended already', async () => {
  await endedWebhooks(database, { to: url, count: 2 });
  const look = following();
  expect(await look()).toEqual([]);
  const ids = await endedWebhooks(database, { to: url, count: 2, status: 'delivered' });
  const { id } = await registerEndpoint(database, { url });
  expect(await look()).toEqual(ids);
  const { rows } = await database.pool.query<{ id: string }>(
    'insert into posthorn.outbox (endpoint_id, body) values ($1, $2) returning id',
    [id, '{}'],
  );
  expect(await look()).toEqual([rows[0]?.id]);
  expect(await look()).toEqual([]);
  await database.pool.query('select posthorn.cancel(id) from posthorn.webhooks where id = $1', [
    rows[0]?.id,
  ]);
  expect(await look()).toEqual([]);
});

it('finds what was enqueued some time ago, in pages, and leaves out what was cancelled', async () => {
  const ids = await endedWebhooks(database, { to: url, count: 1_201 });
  await endedWebhooks(database, { to: url, count: 1, status: 'cancelled' });
  const look = following({ agoMs: 60_000 });
  expect(await look()).toEqual(ids);
  expect(await look()).toEqual([]);
});

it('finds what commits late', async () => {
  const look = following();
  await look();
  const late = await database.pool.connect();
  await late.query('begin');
  const { rows } = await late.query<{ id: string }>(
    "insert into posthorn.outbox (url, body) values ($1, '{}') returning id",
    [url],
  );
  const others: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    others.push(...(await endedWebhooks(database, { to: url, count: 1 })));
  }
  expect(await look()).toEqual(others);
  expect(await look()).toEqual([]);
  await late.query('commit');
  late.release();
  expect(await look()).toEqual([rows[0]?.id]);
  expect(await look()).toEqual([]);
});

it('finds what a job adds for an event of some time ago', async () => {
  const endpoint = await subscribedEndpoint(database);
  const look = following();
  await look();
  // As the trigger leaves it to a job if there are very many.
  const [event = ''] = await publishEvents(database, { tenant: '*' });
  expect(await look()).toEqual([]);
  await database.pool.query('select posthorn.fan_out($1, 100)', [event]);
  await database.pool.query('select posthorn.fan_out($1, 100)', [event]);
  expect(await look()).toEqual([await webhookOf(database, { event, endpoint })]);
});

it('finds only what was asked for', async () => {
  const acme = await subscribedEndpoint(database);
  const other = await subscribedEndpoint(database, { tenant: 'other' });
  const looks = {
    all: following(),
    acme: following({ tenant: 'acme' }),
    endpoint: following({ endpointId: other }),
    type: following({ eventType: 'order.sent', tenant: 'acme' }),
  };
  for (const look of Object.values(looks)) await look();
  const events = await publishEvents(database, {}, { type: 'order.sent' }, { tenant: 'other' });
  const [paid, sent] = await Promise.all(
    events.slice(0, 2).map((event) => webhookOf(database, { event, endpoint: acme })),
  );
  const third = await webhookOf(database, { event: events[2] ?? '', endpoint: other });
  expect(await looks.all()).toEqual([paid, sent, third]);
  expect(await looks.acme()).toEqual([paid, sent]);
  expect(await looks.endpoint()).toEqual([third]);
  expect(await looks.type()).toEqual([sent]);
});

it('knows the lowest id of a time', async () => {
  const { rows } = await database.pool.query<{ ours: string; floor: string }>(
    "select posthorn.uuid_floor(timestamptz '2026-12-01 10:00:00.123+00') as floor",
  );
  expect(lowestIdOf(Date.parse('2026-12-01T10:00:00.123Z'))).toBe(rows[0]?.floor);
});

import { createPool, type DatabasePool } from 'slonik';
import { beforeAll, expect, it } from 'vitest';
import { cancelMatching } from '../../src/queries/put-back.ts';
import { createReplay, findReplay } from '../../src/queries/replays.ts';
import { countMatching, type WebhookFilter } from '../../src/queries/webhook-filter.ts';
import { createTestDatabase } from '../support/database.ts';
import { publishEvents, subscribedEndpoint, webhookOf } from '../support/event-rows.ts';
import { carryOut } from '../support/replay-steps.ts';
import { ask } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// Replays and cancellations that choose webhooks by event, type of events and tenant.

const database = forFile(createTestDatabase);
const url = 'http://receiver.example/hook';
let pool: DatabasePool;

/** The webhooks by what they are, as "event at endpoint". */
const webhooks: Record<string, string> = {};
let events: Record<'paid' | 'shipped' | 'others' | 'all', string>;
let endpoints: Record<'one' | 'two' | 'other', string>;

beforeAll(async () => {
  pool = await createPool(database.url);
  endpoints = {
    one: await subscribedEndpoint(database, { url }),
    two: await subscribedEndpoint(database, { url, to: 'order.paid' }),
    other: await subscribedEndpoint(database, { tenant: 'other', url }),
  };
  const [paid = '', shipped = '', others = '', all = ''] = await publishEvents(
    database,
    { type: 'order.paid' },
    { type: 'order.shipped' },
    { type: 'order.paid', tenant: 'other' },
    { type: 'order.paid', tenant: '*' },
  );
  events = { paid, shipped, others, all };
  await database.pool.query('select posthorn.fan_out(event_id, 100) from posthorn.fan_outs');
  for (const [event, to] of [
    ['paid', 'one'],
    ['paid', 'two'],
    ['shipped', 'one'],
    ['others', 'other'],
    ['all', 'one'],
    ['all', 'two'],
    ['all', 'other'],
  ] as const) {
    const pair = { event: events[event], endpoint: endpoints[to] };
    webhooks[`${event} at ${to}`] = await webhookOf(database, pair);
  }
  const { rows } = await database.pool.query<{ id: string; name: string }>(
    `insert into posthorn.outbox (url, endpoint_id, tenant, body)
     values ($1, null, 'acme', 'sent'), ($1, null, '', 'own'), (null, $2, '', 'direct')
     returning id, body as name`,
    [url, endpoints.one],
  );
  for (const { id, name } of rows) webhooks[name] = id;
  return () => pool.end();
});

const cases: readonly {
  readonly what: string;
  readonly filter: () => Partial<WebhookFilter>;
  readonly finds: readonly string[];
}[] = [
  {
    what: 'an event',
    filter: () => ({ eventId: events.paid }),
    finds: ['paid at one', 'paid at two'],
  },
  {
    what: 'an event at an endpoint',
    filter: () => ({ eventId: events.paid, endpointId: endpoints.two }),
    finds: ['paid at two'],
  },
  {
    what: 'an endpoint, with its direct sends',
    filter: () => ({ endpointId: endpoints.one }),
    finds: ['paid at one', 'shipped at one', 'all at one', 'direct'],
  },
  {
    what: 'a type of events',
    filter: () => ({ eventType: 'order.paid' }),
    finds: ['paid at one', 'paid at two', 'others at other', 'all at one', 'all at two'].concat(
      'all at other',
    ),
  },
  {
    what: 'a tenant, with its direct sends and what went to all tenants',
    filter: () => ({ tenant: 'acme' }),
    finds: ['paid at one', 'paid at two', 'shipped at one', 'all at one', 'all at two'].concat(
      'sent',
      'direct',
    ),
  },
  { what: 'the application itself', filter: () => ({ tenant: '' }), finds: ['own'] },
  {
    what: 'a type of events of a tenant',
    filter: () => ({ tenant: 'other', eventType: 'order.paid' }),
    finds: ['others at other', 'all at other'],
  },
  {
    what: 'a URL, without the endpoints that have it',
    filter: () => ({ url }),
    finds: ['sent', 'own'],
  },
  {
    what: 'a direct send that is asked for as if it were an event',
    filter: () => ({ eventId: webhooks['own'] ?? '' }),
    finds: [],
  },
];

it.each(cases)('those of $what are counted, replayed and cancelled, and no others', async (one) => {
  const ids = one.finds.map((name) => webhooks[name] ?? name).toSorted();
  const filter = filterOf(one.filter());
  expect(await countMatching(pool, filter)).toEqual({ matched: ids.length, isAtLeast: false });
  expect(await cancelMatching(pool, filter)).toEqual({ matched: ids.length, isAtLeast: false });
  expect(await endedIds()).toEqual(ids);
  await cancelMatching(pool, filterOf({ from: '2000-01-01T00:00:00Z' }));
  const replay = await startReplay({ ...filter, statuses: ['cancelled'] });
  expect(await findReplay(pool, replay)).toMatchObject({
    replayed: ids.length,
    status: 'finished',
  });
  const queued = await ask<{ id: string }>(
    database,
    'select webhook_id as id from posthorn.queue order by 1',
  );
  expect(queued.map(({ id }) => id)).toEqual(ids);
  await startReplay(filterOf({ from: '2000-01-01T00:00:00Z', statuses: ['cancelled'] }));
  expect(await endedIds()).toEqual([]);
});

it('a replay shows by what it chose', async () => {
  const filter = { eventId: events.paid, eventType: 'order.paid', tenant: 'acme' };
  const id = await startReplay(filterOf(filter));
  expect((await findReplay(pool, id))?.filter).toMatchObject({
    event_id: events.paid,
    event_type: 'order.paid',
    tenant: 'acme',
  });
});

it.each(['event_id', 'event_type', 'tenant'])('%s alone bounds a replay', async (column) => {
  await expect(
    database.pool.query(`insert into posthorn.replays (until_at) values (now())`),
  ).rejects.toMatchObject({ constraint: 'replays_are_bounded' });
  const value = column === 'event_id' ? events.paid : 'x';
  await database.pool.query(
    `insert into posthorn.replays (${column}, until_at) values ($1, '2000-01-01')`,
    [value],
  );
});

it('the search for an event reads its webhooks only', async () => {
  const others = `insert into posthorn.outbox (url, body) select $1, 'x' from generate_series(1, 100)`;
  await database.pool.query(others, [url]);
  const [event = ''] = await publishEvents(database, {});
  await database.pool.query(others, [url]);
  const [page] = await ask<{ walked_to: string | null; found: number }>(
    database,
    `select walked_to, cardinality(webhook_ids) as found
     from posthorn.matching('{pending}', null, null, null, '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', 10, 10, event_id => $1)`,
    [event],
  );
  // A walk of ten rows got to the end.
  expect(page).toEqual({ walked_to: null, found: 2 });
});

it('after a tenant was renamed, its endpoints have their webhooks under the new id, and direct sends stay with the old one', async () => {
  const endpoint = await subscribedEndpoint(database, { tenant: 'before' });
  await publishEvents(database, { tenant: 'before' });
  await database.pool.query(
    `insert into posthorn.outbox (endpoint_id, tenant, body) values ($1, 'before', 'its'), ($1, '', 'no one''s')`,
    [endpoint],
  );
  await database.pool.query(`select posthorn.rename_tenant('before', 'after')`);
  const count = async (tenant: string) => (await countMatching(pool, filterOf({ tenant }))).matched;
  expect([await count('before'), await count('after')]).toEqual([1, 2]);
  const inView = await ask(
    database,
    `select tenant, count(*)::integer as webhooks from posthorn.webhooks
     where tenant in ('before', 'after') group by tenant order by tenant`,
  );
  expect(inView).toEqual([
    { tenant: 'after', webhooks: 2 },
    { tenant: 'before', webhooks: 1 },
  ]);
});

function filterOf(parts: Partial<WebhookFilter>): WebhookFilter {
  const none = { endpointId: null, url: null, from: null, until: null, ids: null };
  const noEvent = { eventId: null, eventType: null, tenant: null };
  return { statuses: ['pending'], ...none, ...noEvent, ...parts };
}

async function startReplay(filter: WebhookFilter): Promise<string> {
  const order = { filter, rateLimitPerS: null, priority: 'own', matched: 0 } as const;
  const id = await createReplay(pool, { ...order, isAtLeast: true });
  await carryOut(database, id);
  return id;
}

async function endedIds(): Promise<string[]> {
  const ended = await ask<{ id: string }>(
    database,
    'select webhook_id as id from posthorn.outcomes order by 1',
  );
  return ended.map(({ id }) => id);
}

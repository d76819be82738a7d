import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { publishEvents, subscribedEndpoint, webhookOf } from '../support/event-rows.ts';
import { unknownId } from '../support/unknown-id.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// Replays and cancellations over HTTP that choose webhooks by event, type of events and tenant. Which webhooks those are is in
// test/replays.

let database: TestDatabase;
let api: TestApi;
let events: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

beforeEach(async () => {
  await database.empty();
  await subscribedEndpoint(database);
  await subscribedEndpoint(database, { tenant: 'other' });
  events = await publishEvents(
    database,
    { type: 'order.paid' },
    { type: 'order.sent' },
    { type: 'order.paid', tenant: 'other' },
  );
});

const cases = [
  { by: 'event', filter: () => ({ event_id: events[1] }), matched: 1 },
  { by: 'type', filter: () => ({ event_type: 'order.paid' }), matched: 2 },
  { by: 'tenant', filter: () => ({ tenant: 'acme' }), matched: 2 },
  {
    by: 'all',
    filter: () => ({ event_id: events[2], event_type: 'order.paid', tenant: 'acme' }),
    matched: 0,
  },
];

it.each(cases)('by $by they are counted, cancelled and replayed', async ({ filter, matched }) => {
  const order = { filter: filter(), dry_run: true };
  expect(await post('/webhooks/cancel', order)).toMatchObject({ status: 200, fields: { matched } });
  expect(await post('/webhooks/cancel', { filter: filter() })).toMatchObject({
    status: 200,
    fields: { cancelled: matched, is_complete: true },
  });
  const replay = { filter: { ...filter(), status: 'cancelled' } };
  expect(await post('/replays', replay)).toMatchObject({
    status: 202,
    fields: { matched, filter: filter() },
  });
});

it('the replay of an event puts back its webhooks', async () => {
  const [event = ''] = events;
  const { rows } = await database.pool.query<{ id: string }>(
    `select id from posthorn.endpoints where tenant = 'acme'`,
  );
  const id = await webhookOf(database, { event, endpoint: rows[0]?.id ?? '' });
  await post('/webhooks/cancel', { filter: { event_id: event } });
  expect((await api.ask(`/webhooks/${id}`)).json.status).toBe('cancelled');
  expect(await post(`/webhooks/${id}/retry`, {})).toMatchObject({
    status: 202,
    fields: { status: 'pending' },
  });
});

describe.each(['/webhooks/cancel', '/replays'])('POST %s', (path) => {
  it.each([
    { filter: { event_id: 'x' }, code: 'invalid_event_id', field: '/filter/event_id' },
    { filter: { event_type: 'order.*' }, code: 'invalid_event_type', field: '/filter/event_type' },
    {
      filter: { event_type: 'a'.repeat(129) },
      code: 'invalid_event_type',
      field: '/filter/event_type',
    },
    { filter: { tenant: 'ä'.repeat(128) }, code: 'invalid_tenant', field: '/filter/tenant' },
    { filter: { tenant: 7 }, code: 'invalid_tenant', field: '/filter/tenant' },
    { filter: { until: '2030-01-31T12:00:00Z' }, code: 'unbounded_filter', field: '/filter' },
  ])('refuses $code', async ({ filter, code, field }) => {
    expect(await post(path, { filter })).toMatchObject({
      status: 400,
      fields: { errors: [{ code, pointer: field }] },
    });
  });

  it('answers 404 when there is no such event, and 410 or nothing when it was dropped', async () => {
    expect(await post(path, { filter: { event_id: unknownId() } })).toMatchObject({
      status: 404,
      fields: { code: 'event_not_found' },
    });
    // Of 2020.
    const dropped = { filter: { event_id: '016f5e66-e800-7506-bf90-21b36e74e172' } };
    const { status } = await post(path, dropped);
    expect(status).toBe(path === '/replays' ? 410 : 200);
  });

  it('takes a tenant of 255 bytes, and the empty one', async () => {
    for (const tenant of ['a'.repeat(255), '']) {
      expect(await post(path, { filter: { tenant }, dry_run: true })).toMatchObject({
        status: 200,
        fields: { matched: 0 },
      });
    }
  });
});

async function post(path: string, body: object) {
  const { status, text } = await api.ask(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status, fields: JSON.parse(text) as Record<string, unknown> };
}

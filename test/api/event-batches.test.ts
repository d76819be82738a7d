import { describe, expect, it } from 'vitest';
import { eventApi, newTenant } from './event-api.ts';

const on = eventApi({ bodyLimitBytes: 1_000 });

function eventsOf(tenant: string, count: number, more: (n: number) => object = () => ({})) {
  return Array.from({ length: count }, (_, n) => ({
    tenant,
    event_type: 'order.paid',
    body: { n },
    ...more(n),
  }));
}

async function bodiesOf(ids: readonly string[]): Promise<string[]> {
  const { rows } = await on.database.pool.query<{ id: string; body: string }>(
    'select id, body from posthorn.outbox where id = any ($1::uuid[])',
    [ids],
  );
  const byId = new Map(rows.map(({ id, body }) => [id, body]));
  return ids.map((id) => byId.get(id) ?? '');
}

describe('POST /events/batch', () => {
  it('publishes 1,000 events, and returns their ids in their order', async () => {
    const tenant = newTenant();
    await on.subscriber(tenant, '*');
    const { status, json } = await on.post('/events/batch', { events: eventsOf(tenant, 1_000) });
    expect(status).toBe(202);
    expect(await bodiesOf(json.ids)).toEqual(
      eventsOf(tenant, 1_000).map(({ body }) => JSON.stringify(body)),
    );
    const { rows } = await on.database.pool.query(
      `select count(*)::integer as webhooks, count(distinct outbox_id)::integer as events
       from posthorn.queue where outbox_id = any ($1::uuid[])`,
      [json.ids],
    );
    expect(rows).toEqual([{ webhooks: 1_000, events: 1_000 }]);
  });

  it('keeps all fields of each, and each body byte for byte', async () => {
    const tenant = newTenant();
    const { json } = await on.post(
      '/events/batch',
      `{"events":[{"tenant":"${tenant}","event_type":"a.b","body":{"n":  1.0}, "headers":{"X-A":"b"},"priority":"low","max_attempts":2,"content_type":"text/plain","send_at":"2026-12-01T00:00:00+01:00","idempotency_key":"k"},
        {"event_type":"c","body":"a=1"}]}`,
    );
    const { rows } = await on.database.pool.query(
      `select tenant, event_type, body, headers, priority, max_attempts, content_type, send_at, idempotency_key
       from posthorn.outbox where id = any ($1::uuid[]) order by id`,
      [json.ids],
    );
    expect(rows).toEqual([
      {
        tenant,
        event_type: 'a.b',
        body: '{"n":  1.0}',
        headers: { 'X-A': 'b' },
        priority: 'low',
        max_attempts: 2,
        content_type: 'text/plain',
        send_at: new Date('2026-11-30T23:00:00Z'),
        idempotency_key: 'k',
      },
      {
        tenant: '',
        event_type: 'c',
        body: 'a=1',
        headers: null,
        priority: 'normal',
        max_attempts: null,
        content_type: 'application/json',
        send_at: null,
        idempotency_key: null,
      },
    ]);
  });

  it('publishes no event again whose key is known, and the others', async () => {
    const tenant = newTenant();
    const events = eventsOf(tenant, 3, (n) => ({ idempotency_key: `k${n}` }));
    const first = await on.post('/events/batch', { events });
    const longer = [...events, ...eventsOf(tenant, 1, () => ({ body: 'new' }))];
    const again = await on.post('/events/batch', { events: longer });
    expect(again.json.ids.slice(0, 3)).toEqual(first.json.ids);
    expect(await bodiesOf(again.json.ids)).toEqual(['{"n":0}', '{"n":1}', '{"n":2}', 'new']);
    const single = await on.post('/events', events[1]);
    expect(single.json.id).toBe(first.json.ids[1]);
  });

  it('publishes nothing if a key stands for another event', async () => {
    const tenant = newTenant();
    const [event] = eventsOf(tenant, 1, () => ({ idempotency_key: 'k' }));
    const { json: known } = await on.post('/events', event);
    const before = await on.counts();
    const events = [...eventsOf(tenant, 2), { ...event, body: 'other' }];
    const { status, json } = await on.post('/events/batch', { events });
    expect([status, json.code, json.errors]).toEqual([
      409,
      'idempotency_conflict',
      [
        {
          pointer: '/events/2/idempotency_key',
          code: 'idempotency_conflict',
          detail: `The idempotency key stands for another event: ${known.id}`,
        },
      ],
    ]);
    expect(await on.counts()).toEqual(before);
  });

  it('gives batches with the same keys at the same time the same ids', async () => {
    const tenant = newTenant();
    await on.subscriber(tenant, '*');
    const events = eventsOf(tenant, 50, (n) => ({ idempotency_key: `same-${n}` }));
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => on.post('/events/batch', { events })),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    const { rows } = await on.database.pool.query(
      'select count(*)::integer as events from posthorn.events where tenant = $1',
      [tenant],
    );
    expect(rows).toEqual([{ events: 50 }]);
  });

  it('publishes nothing if one event breaks a rule that Postgres alone checks', async () => {
    const tenant = newTenant();
    const before = await on.counts();
    const events = [...eventsOf(tenant, 2), ...eventsOf(tenant, 1, () => ({ traceparent: 'x' }))];
    const { status, json } = await on.post('/events/batch', { events });
    expect([status, json.type, json.code]).toEqual([
      400,
      'urn:posthorn:problem:invalid_event',
      'outbox_traceparent_is_w3c',
    ]);
    expect(await on.counts()).toEqual(before);
  });

  it('says what is wrong with which event', async () => {
    const before = await on.counts();
    const good = { event_type: 'a', body: 1 };
    const { status, json } = await on.post('/events/batch', {
      events: [
        good,
        { event_type: 'a b', body: 1 },
        { event_type: 'a', priority: 'x' },
        [],
        'x',
        { ...good, headers: { Host: 'a' } },
      ],
    });
    expect([status, json.code]).toEqual([400, 'outbox_event_type_is_words']);
    expect(json.errors.map(({ pointer, code }) => [pointer, code])).toEqual([
      ['/events/1/event_type', 'outbox_event_type_is_words'],
      ['/events/2/priority', 'invalid_priority'],
      ['/events/2/body', 'missing_body'],
      ['/events/3', 'not_an_object'],
      ['/events/4', 'not_an_object'],
      ['/events/5/headers/Host', 'outbox_headers_names_are_not_reserved'],
    ]);
    expect(json.errors[1]?.detail).toBe(
      'events/2: priority must be one of high, normal, low: "x" is not',
    );
    expect(await on.counts()).toEqual(before);
  });

  it.each([
    ['no events', { events: [] }, 'invalid_events', '/events'],
    ['1,001 events', { events: eventsOf('a', 1_001) }, 'invalid_events', '/events'],
    ['no list', { events: { event_type: 'a', body: 1 } }, 'invalid_events', '/events'],
    ['nothing', {}, 'missing_events', '/events'],
    [
      'a key twice',
      { events: eventsOf('a', 2, () => ({ idempotency_key: 'k' })) },
      'repeated_idempotency_key',
      '/events/1/idempotency_key',
    ],
  ])('refuses %s', async (_what, given, code, pointer) => {
    const before = await on.counts();
    const { status, json } = await on.post('/events/batch', given);
    expect([status, json.type, json.code, json.errors[0]?.pointer]).toEqual([
      400,
      'urn:posthorn:problem:invalid_event',
      code,
      pointer,
    ]);
    expect(await on.counts()).toEqual(before);
  });

  it('takes the same key of two tenants', async () => {
    const events = [newTenant(), newTenant()].flatMap((tenant) =>
      eventsOf(tenant, 1, () => ({ idempotency_key: 'k' })),
    );
    expect((await on.post('/events/batch', { events })).status).toBe(202);
  });

  it('refuses a body over the limit, and says of which event', async () => {
    const { status, json } = await on.post('/events/batch', {
      events: [
        { event_type: 'a', body: 1 },
        { event_type: 'a', body: 'x'.repeat(1_001) },
      ],
    });
    expect([status, json.code, json.errors[0]?.pointer]).toEqual([
      413,
      'body_too_large',
      '/events/1/body',
    ]);
  });
});

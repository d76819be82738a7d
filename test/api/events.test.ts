import { describe, expect, it } from 'vitest';
import { unknownId } from '../support/unknown-id.ts';
import { eventApi, newTenant } from './event-api.ts';

const on = eventApi({ bodyLimitBytes: 1_000 });
const event = (tenant: string, more: object = {}) => ({
  tenant,
  event_type: 'order.paid',
  body: { id: 42 },
  ...more,
});

describe('POST /events', () => {
  it('publishes an event to the endpoints of its tenant that subscribe to it', async () => {
    const tenant = newTenant();
    const receivers = [
      await on.subscriber(tenant, 'order.*', 'order.paid'),
      await on.subscriber(tenant, '*'),
    ];
    await on.subscriber(tenant, 'invoice.paid');
    await on.subscriber(newTenant(), 'order.*');
    const { status, headers, json } = await on.post('/events', {
      ...event(tenant, { priority: 'high', max_attempts: 3 }),
      body: '{"n":  1.0}',
    });
    expect([status, headers.get('location')]).toEqual([202, `/events/${json.id}`]);
    expect(json).toEqual({ id: json.id });
    const shown = await on.api.ask(`/events/${json.id}`);
    expect(shown.json).toMatchObject({
      id: json.id,
      tenant,
      event_type: 'order.paid',
      recipients: 2,
      is_at_least: false,
      body_bytes: 11,
      content_type: 'application/json',
      priority: 'high',
      max_attempts: 3,
      idempotency_key: null,
      more: false,
    });
    const of = { tenant, event_id: json.id, event_type: 'order.paid', status: 'pending' };
    expect(shown.json.webhooks).toHaveLength(2);
    for (const endpoint_id of receivers) {
      expect(shown.json.webhooks).toContainEqual(expect.objectContaining({ ...of, endpoint_id }));
    }
    expect(shown.text).not.toContain('1.0');
  });

  it('keeps the body byte for byte', async () => {
    const tenant = newTenant();
    const { json } = await on.post(
      '/events',
      `{"tenant":"${tenant}","event_type":"a","body":{"n":  1.0,"n":12345678901234567890}}`,
    );
    const { rows } = await on.database.pool.query(
      'select body from posthorn.outbox where id = $1',
      [json.id],
    );
    expect(rows).toEqual([{ body: '{"n":  1.0,"n":12345678901234567890}' }]);
  });

  it('publishes once with an idempotency key, which is of the tenant', async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    await on.subscriber(tenant, '*');
    const key = { 'idempotency-key': 'one' };
    const first = await on.post('/events', event(tenant), key);
    const again = await on.post('/events', event(tenant, { idempotency_key: 'one' }));
    expect([
      first.headers.get('idempotent-replay'),
      again.headers.get('idempotent-replay'),
    ]).toEqual([null, 'true']);
    expect([again.status, again.json]).toEqual([202, { id: first.json.id }]);
    expect((await on.api.ask(`/events/${first.json.id}`)).json).toMatchObject({ recipients: 1 });
    const before = await on.counts();
    for (const changed of [{ body: 1 }, { event_type: 'order.sent' }, { priority: 'low' }]) {
      const { status, json } = await on.post('/events', event(tenant, changed), key);
      expect([status, json.code, json.detail]).toEqual([
        409,
        'idempotency_conflict',
        `The idempotency key stands for another event: ${first.json.id}`,
      ]);
    }
    expect(await on.counts()).toEqual(before);
    const theirs = await on.post('/events', event(other), key);
    expect([theirs.status, theirs.json.id === first.json.id]).toEqual([202, false]);
  });

  it('takes no key of an event for that of a webhook, and the other way round', async () => {
    const tenant = newTenant();
    const webhook = { url: 'https://example.com/', body: { id: 42 }, tenant };
    const key = { 'idempotency-key': 'both' };
    const { json } = await on.post('/events', event(tenant), key);
    const sent = await on.api.send(webhook, key);
    expect([sent.status, sent.json.detail]).toEqual([
      409,
      `The idempotency key stands for another webhook: ${json.id}`,
    ]);
    const mine = { 'idempotency-key': 'mine' };
    expect((await on.api.send(webhook, mine)).status).toBe(202);
    expect((await on.post('/events', event(tenant), mine)).status).toBe(409);
    // A webhook of the application itself has other keys than that of a tenant.
    expect((await on.api.send({ ...webhook, tenant: undefined }, mine)).status).toBe(202);
  });

  it.each([
    ['without a type', { tenant: 'a', body: 1 }, 'missing_event_type', '/event_type'],
    ['without a body', { tenant: 'a', event_type: 'a' }, 'missing_body', '/body'],
    [
      'with a type of blanks',
      { event_type: 'a b', body: 1 },
      'outbox_event_type_is_words',
      '/event_type',
    ],
    ['with a pattern', { event_type: 'a.*', body: 1 }, 'outbox_event_type_is_words', '/event_type'],
    [
      'with 17 words',
      { event_type: `a${'.a'.repeat(16)}`, body: 1 },
      'outbox_event_type_is_words',
      '/event_type',
    ],
    [
      "with a type of Posthorn's",
      { event_type: 'posthorn.x', body: 1 },
      'outbox_event_type_is_not_reserved',
      '/event_type',
    ],
    [
      'with a tenant of 256 bytes',
      { tenant: 'é'.repeat(128), event_type: 'a', body: 1 },
      'outbox_tenant_is_at_most_255_bytes',
      '/tenant',
    ],
    [
      'with a tenant that has a line feed',
      { tenant: 'a\nb', event_type: 'a', body: 1 },
      'outbox_tenant_is_at_most_255_bytes',
      '/tenant',
    ],
    [
      'with a tenant that has a NUL, which is told once',
      { tenant: 'a\0b', event_type: 'a', body: 1 },
      'invalid_tenant',
      '/tenant',
    ],
    ['with a secret', { event_type: 'a', body: 1, secret: 's' }, 'unknown_field', '/secret'],
    [
      'with a url',
      { event_type: 'a', body: 1, url: 'https://a.example/' },
      'unknown_field',
      '/url',
    ],
    [
      'with a send_at in two years',
      { event_type: 'a', body: 1, send_at: '2999-01-01T00:00:00Z' },
      'outbox_send_at_is_within_a_year',
      '/send_at',
    ],
    [
      'with an unreadable traceparent',
      { event_type: 'a', body: 1, traceparent: 'x' },
      'outbox_traceparent_is_w3c',
      '/traceparent',
    ],
  ])('refuses an event %s', async (_what, given, code, pointer) => {
    const before = await on.counts();
    const { status, json } = await on.post('/events', given);
    expect([status, json.type, json.code]).toEqual([
      400,
      'urn:posthorn:problem:invalid_event',
      code,
    ]);
    expect(json.errors).toEqual([expect.objectContaining({ pointer, code })]);
    expect(await on.counts()).toEqual(before);
  });

  it('refuses a body over the limit', async () => {
    const { status, json } = await on.post('/events', { event_type: 'a', body: 'x'.repeat(1_001) });
    expect([status, json.code]).toEqual([413, 'body_too_large']);
  });

  it('publishes an event of the application itself if no tenant is given', async () => {
    const endpoint = await on.subscriber('', 'own.thing');
    const { json } = await on.post('/events', { event_type: 'own.thing', body: 1 });
    const { json: shown } = await on.api.ask(`/events/${json.id}`);
    expect(shown).toMatchObject({
      tenant: '',
      recipients: 1,
      webhooks: [{ endpoint_id: endpoint }],
    });
  });

  it('tells no recipients of an event for all tenants until a job has added them', async () => {
    const { json } = await on.post('/events', event('*'));
    const shown = await on.api.ask(`/events/${json.id}`);
    expect(shown.json).toMatchObject({ tenant: '*', recipients: null, webhooks: [] });
  });
});

describe('GET /events/{id}', () => {
  it('finds no event with the id of another thing, or of none', async () => {
    const sent = await on.api.send({ url: 'https://example.com/', body: 1 });
    for (const id of [sent.json.id, unknownId()]) {
      const { status, json } = await on.api.ask(`/events/${id}`);
      expect([status, json.code, json.detail]).toEqual([
        404,
        'event_not_found',
        `No event with id ${id}`,
      ]);
    }
  });

  it('shows 100 webhooks of an event, and that there are more', async () => {
    const tenant = newTenant();
    await on.database.pool.query(
      `with e as (
         insert into posthorn.endpoints (url, tenant)
         select 'https://example.com/' || n, $1 from generate_series(1, 101) as n returning id)
       select from e`,
      [tenant],
    );
    await on.database.pool.query(
      `insert into posthorn.subscriptions (endpoint_id, event_type) select id, '*' from posthorn.endpoints where tenant = $1`,
      [tenant],
    );
    const { json } = await on.post('/events', event(tenant));
    const shown = await on.api.ask(`/events/${json.id}`);
    expect(shown.json).toMatchObject({ recipients: 101, more: true });
    expect(shown.json.webhooks).toHaveLength(100);
    const pages: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const at = `/webhooks?event_id=${json.id}&limit=60${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const page = await on.api.ask(at);
      pages.push(...page.json.webhooks.map(({ id }) => id));
      cursor = page.json.next_cursor;
    }
    expect(new Set(pages).size).toBe(101);
  });
});

describe('POST /events/recipients', () => {
  it('explains each endpoint of the tenant and publishes nothing', async () => {
    const tenant = newTenant();
    const ids = {
      subscribed: await on.subscriber(tenant, ['order.*', '$.total >= 1000']),
      filter_is_false: await on.subscriber(tenant, ['order.paid', '$.total < 1000']),
      filter_has_no_answer: await on.subscriber(tenant, ['order.paid', '$.name > 1000']),
      no_subscription: await on.subscriber(tenant, 'invoice.*'),
      paused: await on.subscriber(tenant, '*'),
      disabled: await on.subscriber(tenant, '*'),
    };
    await on.set(ids.paused, 'paused');
    await on.set(ids.disabled, 'disabled');
    await on.subscriber(newTenant(), '*');
    const before = await on.counts();
    const { status, json } = await on.post('/events/recipients', {
      tenant,
      event_type: 'order.paid',
      body: { total: 1_500, name: 'a' },
    });
    expect(status).toBe(200);
    expect(json.recipients.map(({ endpoint_id, why }) => [why, endpoint_id])).toEqual(
      Object.entries(ids),
    );
    expect(json.recipients[0]).toEqual({
      endpoint_id: ids.subscribed,
      url: 'https://example.com/hooks',
      receives: true,
      why: 'subscribed',
      receives_later: false,
      subscription_id: expect.any(String),
      subscribed_to: 'order.*',
      filter: '($."total" >= 1000)',
    });
    expect(json.recipients[5]).toMatchObject({ receives: false, receives_later: true });
    expect(await on.counts()).toEqual(before);
    const text = await on.post('/events/recipients', {
      tenant,
      event_type: 'order.paid',
      body: 'x',
    });
    expect(text.json.recipients[0]).toMatchObject({ why: 'body_is_not_json', receives: false });
  });

  it.each([
    [{ body: 1 }, 400, 'missing_event_type'],
    [{ event_type: 'a.*', body: 1 }, 400, 'outbox_event_type_is_words'],
    [{ event_type: 'a' }, 400, 'missing_body'],
    [{ event_type: 'a', body: 'x'.repeat(1_001) }, 413, 'body_too_large'],
  ])('refuses %o', async (given, expected, code) => {
    const { status, json } = await on.post('/events/recipients', given);
    expect([status, json.code]).toEqual([expected, code]);
  });
});

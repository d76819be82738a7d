import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { carryOut } from '../support/replay-steps.ts';
import { unknownId } from '../support/unknown-id.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// Sending again and cancelling over HTTP. No worker is there: what a replay does then is in test/replays.

let database: TestDatabase;
let api: TestApi;

const url = 'https://customer.example/hooks';
const unknown = unknownId();
/** Of 2020. */
const old = '016f5e66-e800-7506-bf90-21b36e74e172';

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

beforeEach(() => database.empty());

describe('POST /webhooks/{id}/retry', () => {
  it('answers with the webhook, which waits again, and with how it had ended', async () => {
    const [id = ''] = await endedWebhooks(database, { to: url, count: 1, attempts: 2 });
    const { status, fields } = await post(`/webhooks/${id}/retry`);
    expect(status).toBe(202);
    expect(fields).toMatchObject({
      id,
      status: 'pending',
      attempt_count: 2,
      attempts: [{ number: 1 }, { number: 2 }],
      earlier_outcomes: [
        {
          status: 'failed',
          reason: 'http_503',
          attempts: 2,
          last_status_code: 503,
          replay_id: null,
        },
      ],
    });
  });

  it('brings a retry forward, and changes nothing when it is asked for twice', async () => {
    const { json } = await api.send({ url, body: 'x' });
    await database.pool.query(`update posthorn.queue set due_at = now() + interval '1 day'`);
    for (const _ of [1, 2]) {
      const { status, fields } = await post(`/webhooks/${json.id}/retry`);
      expect(status).toBe(202);
      expect(Date.parse(String(fields['next_attempt_at']))).toBeLessThanOrEqual(Date.now() + 1_000);
    }
  });

  it.each<[string, number, string, () => Promise<string>]>([
    ['delivered', 409, 'webhook_delivered', () => one('delivered')],
    ['being sent', 409, 'webhook_delivering', beingSent],
    ['of a deleted endpoint', 409, 'endpoint_deleted', ofDeletedEndpoint],
    ['never sent', 404, 'webhook_not_found', async () => unknown],
    ['dropped', 410, 'payload_gone', async () => old],
    ['no id', 400, 'invalid_id', async () => 'x'],
  ])('refuses one that is %s with %i', async (_what, status, code, make) => {
    const answer = await post(`/webhooks/${await make()}/retry`);
    expect(answer).toMatchObject({ status, fields: { code } });
  });

  it('sends one again that was delivered if it is forced to', async () => {
    const id = await one('delivered');
    expect(await post(`/webhooks/${id}/retry`, { force: true })).toMatchObject({
      status: 202,
      fields: { status: 'pending', earlier_outcomes: [{ status: 'delivered' }] },
    });
    expect(await post(`/webhooks/${id}/retry`, { force: 1 })).toMatchObject({
      status: 400,
      fields: { code: 'invalid_force' },
    });
  });
});

describe('POST /webhooks/{id}/cancel', () => {
  it('cancels one that waits, and leaves one that is cancelled as it is', async () => {
    const { json } = await api.send({ url, body: 'x' });
    for (const _ of [1, 2]) {
      expect(await post(`/webhooks/${json.id}/cancel`)).toMatchObject({
        status: 200,
        fields: { status: 'cancelled', reason: 'cancelled' },
      });
    }
  });

  it.each<[string, number, string, () => Promise<string>]>([
    ['delivered', 409, 'webhook_delivered', () => one('delivered')],
    ['failed', 409, 'webhook_failed', () => one('failed')],
    ['being sent', 409, 'webhook_delivering', beingSent],
    ['never sent', 404, 'webhook_not_found', async () => unknown],
    ['dropped', 410, 'payload_gone', async () => old],
  ])('refuses one that is %s with %i', async (_what, status, code, make) => {
    const answer = await post(`/webhooks/${await make()}/cancel`);
    expect(answer).toMatchObject({ status, fields: { code } });
  });
});

describe('POST /webhooks/cancel', () => {
  it('counts what waits, and cancels it', async () => {
    for (const to of [url, `${url}?a=1`, 'https://other.example/'])
      await api.send({ url: to, body: '' });
    await one('failed');
    const filter = { url };
    expect(await post('/webhooks/cancel', { filter, dry_run: true })).toMatchObject({
      status: 200,
      fields: { dry_run: true, matched: 2, is_at_least: false },
    });
    expect(await post('/webhooks/cancel', { filter })).toMatchObject({
      status: 200,
      fields: { cancelled: 2, is_complete: true },
    });
    const { rows } = await database.pool.query('select from posthorn.queue');
    expect(rows).toHaveLength(1);
  });

  // What the API stores in another form than it was written, and what SQL stores as it was.
  const written = [
    'http://LOCALHOST:8811/a',
    'HTTPS://customer.EXAMPLE',
    'https://customer.example?a=1',
    'https://customer.example:443/b',
    'https://customer.example/c/../d',
    'https://customer.example/ä',
    'https://bücher.example/',
  ];

  it.each(written)('finds what was sent to %s by the same text', async (text) => {
    await api.send({ url: text, body: '' });
    await database.pool.query(`insert into posthorn.outbox (url, body) values ($1, '')`, [text]);
    await api.send({ url: 'https://other.example/', body: '' });
    const listed = await api.ask(`/webhooks?q=${encodeURIComponent(text)}`);
    expect(listed.json.webhooks).toHaveLength(2);
    const filter = { url: text };
    const pending = { filter: { ...filter, status: 'pending' } };
    expect(await post('/replays', { ...pending, dry_run: true })).toMatchObject({
      fields: { matched: 2 },
    });
    const started = await post('/replays', pending);
    expect(started.fields).toMatchObject({ filter: { url: text.replace(/\?.*/, '') } });
    await database.pool.query(`update posthorn.queue set due_at = now() + interval '1 hour'`);
    await carryOut(database, String(started.fields['id']));
    expect((await api.ask(`/replays/${started.fields['id']}`)).json).toMatchObject({ replayed: 2 });
    expect(await post('/webhooks/cancel', { filter })).toMatchObject({ fields: { cancelled: 2 } });
  });

  it('looks for "%", "_" and "\\" as such', async () => {
    for (const path of ['50%25', 'a_b', 'aXb']) {
      await api.send({ url: `https://customer.example/${path}`, body: '' });
    }
    const found = async (q: string) =>
      (await api.ask(`/webhooks?q=${encodeURIComponent(q)}`)).json.webhooks.length;
    expect(await found('%25')).toBe(1);
    expect(await found('A_B')).toBe(1);
    expect(await found('\\')).toBe(0);
  });

  it('refuses a URL that is longer than any that is stored', async () => {
    const long = { url: `https://customer.example/${'a'.repeat(2_048)}` };
    for (const path of ['/webhooks/cancel', '/replays']) {
      expect(await post(path, { filter: long })).toMatchObject({
        status: 400,
        fields: { code: 'invalid_url' },
      });
    }
  });

  it('cancels thousands in one call, each in full', async () => {
    await database.pool.query(
      `insert into posthorn.outbox (url, body) select $1, n::text from generate_series(1, 9000) as n`,
      [url],
    );
    expect(await post('/webhooks/cancel', { filter: { url } })).toMatchObject({
      fields: { cancelled: 9_000, is_complete: true },
    });
    const { rows } = await database.pool.query(
      `select count(*)::integer as webhooks from posthorn.outcomes where status = 'cancelled'`,
    );
    expect(rows).toEqual([{ webhooks: 9_000 }]);
  });

  it('does not take a status', async () => {
    expect(await post('/webhooks/cancel', { filter: { url, status: 'failed' } })).toMatchObject({
      status: 400,
      fields: { code: 'invalid_status', errors: [{ pointer: '/filter/status' }] },
    });
  });
});

describe('POST /replays', () => {
  it('counts on a dry run, and starts nothing', async () => {
    await endedWebhooks(database, { to: url, count: 300 });
    expect(await post('/replays', { filter: { url: `${url}?a=1` }, dry_run: true })).toMatchObject({
      status: 200,
      fields: { dry_run: true, matched: 300, is_at_least: false },
    });
    const { rows } = await database.pool.query('select from posthorn.replays');
    expect(rows).toEqual([]);
  });

  it('starts a replay that can be looked at, listed and cancelled', async () => {
    await endedWebhooks(database, { to: url, count: 3 });
    const from = new Date(Date.now() - 60_000).toISOString();
    const started = await post('/replays', {
      filter: { url, status: ['failed', 'cancelled'], from },
      rate_limit_per_s: 0.5,
      priority: 'own',
    });
    expect(started.status).toBe(202);
    expect(started.headers.get('location')).toBe(`/replays/${started.fields['id']}`);
    expect(started.fields).toMatchObject({
      status: 'running',
      filter: {
        status: ['failed', 'cancelled'],
        endpoint_id: null,
        url,
        from,
        until: null,
        ids: null,
      },
      rate_limit_per_s: 0.5,
      priority: 'own',
      matched: 3,
      is_at_least: false,
      replayed: 0,
      skipped: 0,
      skipped_for: {},
      taken_back: 0,
      finished_at: null,
      results: {
        waiting: 0,
        delivering: 0,
        delivered: 0,
        failed: 0,
        cancelled: 0,
        is_at_least: false,
      },
    });
    const path = `/replays/${started.fields['id']}`;
    expect(JSON.parse((await api.ask(path)).text)).toEqual(started.fields);
    expect(await post(`${path}/cancel`)).toMatchObject({
      status: 202,
      fields: { status: 'cancelling' },
    });
    const { results: _, ...row } = JSON.parse((await api.ask(path)).text);
    expect(JSON.parse((await api.ask('/replays?status=cancelling&limit=1')).text)).toEqual({
      replays: [row],
      next_cursor: null,
    });
    expect(JSON.parse((await api.ask('/replays?status=running')).text)).toMatchObject({
      replays: [],
    });
  });

  it.each<[string, string, object]>([
    ['missing_filter', '/filter', {}],
    ['invalid_filter', '/filter', { filter: [] }],
    ['unbounded_filter', '/filter', { filter: { status: 'failed' } }],
    ['unbounded_filter', '/filter', { filter: { until: '2026-01-01T00:00:00Z' } }],
    ['unknown_field', '/filter/lane', { filter: { lane: 1, url } }],
    ['unknown_field', '/force', { filter: { url }, force: true }],
    ['invalid_url', '/filter/url', { filter: { url: 'ftp://x' } }],
    ['invalid_status', '/filter/status', { filter: { url, status: 'delivering' } }],
    ['invalid_status', '/filter/status', { filter: { url, status: [] } }],
    ['invalid_from', '/filter/from', { filter: { from: 'yesterday' } }],
    ['invalid_ids', '/filter/ids', { filter: { ids: [] } }],
    ['invalid_ids', '/filter/ids', { filter: { ids: ['x'] } }],
    ['url_and_endpoint_id', '/filter/endpoint_id', { filter: { url, endpoint_id: unknown } }],
    ['invalid_rate_limit_per_s', '/rate_limit_per_s', { filter: { url }, rate_limit_per_s: 0 }],
    ['invalid_priority', '/priority', { filter: { url }, priority: 'lowest' }],
    ['invalid_dry_run', '/dry_run', { filter: { url }, dry_run: 'yes' }],
  ])('refuses with %s at %s', async (code, pointer, body) => {
    const { status, fields } = await post('/replays', body);
    expect(status).toBe(400);
    expect(fields).toMatchObject({
      type: 'urn:posthorn:problem:invalid_filter',
      code,
      errors: [{ code, pointer }],
    });
  });

  it.each<[string, number, object]>([
    ['endpoint_not_found', 404, { endpoint_id: unknown }],
    ['payload_gone', 410, { from: '2020-01-01T00:00:00Z', until: '2020-02-01T00:00:00Z' }],
    ['payload_gone', 410, { ids: [old] }],
  ])('answers %s with %i', async (code, status, filter) => {
    expect(await post('/replays', { filter })).toMatchObject({ status, fields: { code } });
  });

  it('does not know a replay that is not there', async () => {
    expect(await api.ask(`/replays/${unknown}`)).toMatchObject({ status: 404 });
    expect(await post(`/replays/${unknown}/cancel`)).toMatchObject({
      status: 404,
      fields: { code: 'replay_not_found' },
    });
  });
});

async function one(status: 'failed' | 'delivered'): Promise<string> {
  const [id = ''] = await endedWebhooks(database, { to: url, count: 1, status });
  return id;
}

async function beingSent(): Promise<string> {
  const { json } = await api.send({ url, body: 'x' });
  await database.pool.query(
    `update posthorn.queue set lease_until = now() + interval '1 minute', leased_by = 1, attempts = 1`,
  );
  return json.id;
}

async function ofDeletedEndpoint(): Promise<string> {
  const endpoint = await registerEndpoint(database, { url });
  const [id = ''] = await endedWebhooks(database, { to: endpoint.id, count: 1 });
  await endpoint.set({ status: 'deleted' });
  return id;
}

async function post(
  path: string,
  body?: object,
): Promise<{ status: number; headers: Headers; fields: Record<string, unknown> }> {
  const { status, headers, text } = await api.ask(path, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status, headers, fields: JSON.parse(text) };
}

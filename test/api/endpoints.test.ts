import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, serveTestApi, type TestApi } from './served-api.ts';

let database: TestDatabase;
let api: TestApi;

const url = 'https://customer.example/hooks';
const unknown = '01a20d7f-4449-7506-bf90-21b36e74e172';

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

beforeEach(() => database.empty());

describe('POST /endpoints', () => {
  it('registers an endpoint with the defaults, and shows the secret that it made, once', async () => {
    const { status, headers, fields } = await post('/endpoints', { url });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/endpoints/${fields['id']}`);
    expect(fields).toMatchObject({
      url,
      description: '',
      has_secret: true,
      status: 'active',
      status_reason: null,
      max_in_flight: null,
      rate_limit_per_s: null,
      timeout_ms: null,
      retry_schedule_s: null,
      ordered: false,
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
      breaker: {
        state: 'closed',
        consecutive_failures: 0,
        failing_since: null,
        next_probe_at: null,
      },
      backlog: { waiting: 0, delivering: 0, is_at_least: false, oldest_due_at: null },
    });
    const { rows } = await database.pool.query('select secret from posthorn.endpoints');
    expect(rows).toEqual([{ secret: fields['secret'] }]);
    const { text } = await api.ask(`/endpoints/${fields['id']}`);
    expect(text).not.toContain(String(fields['secret']));
  });

  it('has no headers when it was given none: {}, null and nothing are the same', async () => {
    for (const headers of [{}, null, undefined]) {
      const { fields } = await post('/endpoints', { url, headers });
      expect(fields['has_headers']).toBe(false);
      const id = String(fields['id']);
      expect((await patch(id, { headers: { 'X-Shop': '7' } })).fields['has_headers']).toBe(true);
      expect((await patch(id, { headers: headers ?? {} })).fields['has_headers']).toBe(false);
    }
    await database.pool.query(`update posthorn.endpoints set headers = '{}'`);
    const { json } = await api.ask('/endpoints');
    expect(JSON.stringify(json)).not.toContain('"has_headers":true');
  });

  it('takes all settings, and keeps a secret that it was given to itself', async () => {
    const settings = {
      url,
      description: 'Käthe’s shop',
      max_in_flight: 5,
      rate_limit_per_s: 0.5,
      timeout_ms: 10_000,
      retry_schedule_s: [60, 3_600],
      ordered: true,
    };
    const { status, fields, text } = await post('/endpoints', { ...settings, secret: 'hush hush' });
    expect(status).toBe(201);
    expect(fields).toMatchObject({ ...settings, has_secret: true });
    expect(text).not.toContain('hush');
    const none = await post('/endpoints', { url, retry_schedule_s: [] });
    expect(none.fields['retry_schedule_s']).toEqual([]);
  });

  it.each<[string, string, object]>([
    ['missing_url', '/url', {}],
    ['invalid_url', '/url', { url: null }],
    ['invalid_url', '/url', { url: 'ftp://example.com' }],
    ['invalid_url', '/url', { url: 'https://user:pw@example.com' }],
    ['endpoints_url_is_at_most_2048_bytes', '/url', { url: `${url}/${'x'.repeat(2_048)}` }],
    ['invalid_description', '/description', { url, description: 5 }],
    [
      'endpoints_description_is_at_most_1_kib',
      '/description',
      { url, description: 'x'.repeat(1_025) },
    ],
    ['endpoints_secret_is_1_to_512_bytes', '/secret', { url, secret: '' }],
    ['endpoints_secret_is_base64_after_whsec', '/secret', { url, secret: 'whsec_short' }],
    ['invalid_max_in_flight', '/max_in_flight', { url, max_in_flight: 0 }],
    ['invalid_max_in_flight', '/max_in_flight', { url, max_in_flight: 1.5 }],
    ['invalid_max_in_flight', '/max_in_flight', { url, max_in_flight: '5' }],
    ['invalid_rate_limit_per_s', '/rate_limit_per_s', { url, rate_limit_per_s: 0 }],
    ['invalid_rate_limit_per_s', '/rate_limit_per_s', { url, rate_limit_per_s: 10_001 }],
    ['invalid_timeout_ms', '/timeout_ms', { url, timeout_ms: 99 }],
    ['invalid_timeout_ms', '/timeout_ms', { url, timeout_ms: 60_001 }],
    ['invalid_retry_schedule_s', '/retry_schedule_s', { url, retry_schedule_s: '1m' }],
    ['invalid_retry_schedule_s', '/retry_schedule_s', { url, retry_schedule_s: [1.5] }],
    ['invalid_retry_schedule_s', '/retry_schedule_s', { url, retry_schedule_s: [null] }],
    [
      'invalid_retry_schedule_s',
      '/retry_schedule_s',
      { url, retry_schedule_s: Array(100).fill(1) },
    ],
    ['invalid_ordered', '/ordered', { url, ordered: 1 }],
    ['unknown_field', '/status', { url, status: 'active' }],
  ])('refuses with %s at %s: %j', async (code, pointer, body) => {
    const { status, json } = await post('/endpoints', body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ type: 'urn:posthorn:problem:invalid_endpoint', code });
    expect(json.errors).toMatchObject([{ pointer, code }]);
    const { rowCount } = await database.pool.query('select from posthorn.endpoints');
    expect(rowCount).toBe(0);
  });

  it('names all that is wrong at once, and never a secret', async () => {
    const { json, text } = await post('/endpoints', {
      url: 'x',
      ordered: 'yes',
      timeout_ms: -1,
      secret: 7_654_321,
    });
    expect(json.errors.map(({ code }) => code)).toEqual([
      'invalid_url',
      'invalid_ordered',
      'invalid_timeout_ms',
      'invalid_secret',
    ]);
    expect(text).not.toContain('7654321');
  });
});

describe('GET /endpoints/{id}', () => {
  it('tells the breaker and the backlog', async () => {
    const id = await register();
    await database.pool.query(
      `insert into posthorn.outbox (endpoint_id, body) select $1, '' from generate_series(1, 7)`,
      [id],
    );
    await database.pool.query(
      `insert into posthorn.breakers (key, url, state, consecutive, trips, open_until, last_error)
       select lane, url, 'open', 9, 2, now() + interval '1 minute', 'timeout' from posthorn.endpoints`,
    );
    const { fields } = await get(`/endpoints/${id}`);
    expect(fields['breaker']).toMatchObject({
      state: 'open',
      consecutive_failures: 9,
      trips: 2,
      last_error: 'timeout',
      failing_since: expect.any(String),
      next_probe_at: expect.any(String),
      throttled_until: null,
    });
    expect(fields['backlog']).toMatchObject({
      waiting: 7,
      delivering: 0,
      is_at_least: false,
      oldest_due_at: expect.any(String),
    });
  });

  it('tells the breaker of its origin while that is open', async () => {
    const id = await register();
    const setOrigin = (state: string) =>
      database.pool.query(
        `insert into posthorn.breakers (key, url, state, consecutive, trips, open_until, last_error)
         select origin, 'https://customer.example', $1, 9, 2, now() + interval '1 minute', 'timeout' from posthorn.endpoints
         on conflict (key) do update set state = excluded.state`,
        [state],
      );
    const breaker = async () => (await get(`/endpoints/${id}`)).fields['breaker'];
    await setOrigin('closed');
    expect(await breaker()).toMatchObject({ of_origin: false, consecutive_failures: 0 });
    await setOrigin('open');
    expect(await breaker()).toMatchObject({
      ...{ state: 'open', of_origin: true, consecutive_failures: 9, last_error: 'timeout' },
      next_probe_at: expect.any(String),
    });
  });

  it('counts a large backlog only so far, along the index', async () => {
    const id = await register();
    await database.pool.query(
      `insert into posthorn.outbox (endpoint_id, body) select $1, '' from generate_series(1, 30000)`,
      [id],
    );
    const { fields } = await get(`/endpoints/${id}`);
    expect(fields['backlog']).toMatchObject({ waiting: 10_001, is_at_least: true });
  });

  it('answers 404 for one that is not there, and 400 for what is no id', async () => {
    expect((await get(`/endpoints/${unknown}`)).json.code).toBe('endpoint_not_found');
    expect((await get('/endpoints/X')).json.code).toBe('invalid_id');
  });
});

describe('PATCH /endpoints/{id}', () => {
  it('changes what is there, and nothing else; null goes back to the default', async () => {
    const id = await register({ max_in_flight: 5, timeout_ms: 500, description: 'a' });
    const { status, fields } = await patch(id, {
      url: 'https://new.example/',
      max_in_flight: null,
      description: null,
      ordered: true,
    });
    expect(status).toBe(200);
    expect(fields).toMatchObject({
      id,
      url: 'https://new.example/',
      max_in_flight: null,
      timeout_ms: 500,
      description: '',
      ordered: true,
      has_secret: true,
    });
    expect((await patch(id, { secret: null })).fields['has_secret']).toBe(false);
  });

  it('refuses what is wrong or nothing, and changes nothing then', async () => {
    const id = await register({ max_in_flight: 5 });
    const before = (await get(`/endpoints/${id}`)).text;
    for (const [code, body] of [
      ['nothing_to_change', {}],
      ['invalid_url', { url: null }],
      ['unknown_field', { max_in_flight: 3, lane: '5' }],
      ['endpoints_secret_is_base64_after_whsec', { max_in_flight: 3, secret: 'whsec_x' }],
    ] as const) {
      const { status, json } = await patch(id, body);
      expect([status, json.code]).toEqual([400, code]);
    }
    expect((await get(`/endpoints/${id}`)).text).toBe(before);
    expect((await patch(unknown, { ordered: true })).status).toBe(404);
  });
});

describe('the states of an endpoint', () => {
  const steps: [string, string, number, string][] = [
    ['active', 'pause', 200, 'paused'],
    ['active', 'resume', 200, 'active'],
    ['active', 'disable', 200, 'disabled'],
    ['active', 'enable', 200, 'active'],
    ['paused', 'pause', 200, 'paused'],
    ['paused', 'resume', 200, 'active'],
    ['paused', 'disable', 200, 'disabled'],
    ['paused', 'enable', 409, 'paused'],
    ['disabled', 'pause', 409, 'disabled'],
    ['disabled', 'resume', 409, 'disabled'],
    ['disabled', 'disable', 200, 'disabled'],
    ['disabled', 'enable', 200, 'active'],
    ...['pause', 'resume', 'disable', 'enable'].map((action): [string, string, number, string] => [
      'deleted',
      action,
      404,
      'deleted',
    ]),
  ];

  it.each(steps)('%s, on %s: %i, and %s', async (from, action, status, to) => {
    const id = await register();
    await database.pool.query(`update posthorn.endpoints set status = $1 where status <> $1`, [
      from,
    ]);
    const answer = await post(`/endpoints/${id}/${action}`);
    expect(answer.status).toBe(status);
    if (status === 409) expect(answer.json.code).toBe('endpoint_state_conflict');
    const { fields } = await get(`/endpoints/${id}`);
    expect(fields['status']).toBe(to);
    if (status === 200) {
      expect(fields['status_reason']).toBe(to === 'active' ? null : 'by_request');
    }
  });

  it('take no fields', async () => {
    const id = await register();
    expect((await post(`/endpoints/${id}/pause`, {})).status).toBe(200);
    expect((await post(`/endpoints/${id}/pause`, { for: '1h' })).json.code).toBe('unknown_field');
    expect((await api.ask(`/endpoints/${id}/pause`)).status).toBe(405);
  });

  it('end with DELETE, which forgets the secret and keeps the row', async () => {
    const id = await register();
    const { status, text } = await api.ask(`/endpoints/${id}`, { method: 'DELETE' });
    expect([status, text]).toEqual([204, '']);
    expect((await get(`/endpoints/${id}`)).fields).toMatchObject({
      status: 'deleted',
      has_secret: false,
    });
    expect((await api.ask(`/endpoints/${id}`, { method: 'DELETE' })).status).toBe(404);
    expect((await patch(id, { ordered: true })).status).toBe(404);
    expect((await post(`/endpoints/${id}/test`)).status).toBe(404);
  });

  it('are not changed by a page of another site', async () => {
    const id = await register();
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const { status, json } = await api.ask(`/endpoints/${id}/pause`, {
        method: 'POST',
        headers,
      });
      expect([status, json.code]).toEqual([403, 'cross_origin']);
    }
    expect((await get(`/endpoints/${id}`)).fields['status']).toBe('active');
    const own = { origin: api.url, 'sec-fetch-site': 'same-origin' };
    const { status } = await api.ask(`/endpoints/${id}/pause`, { method: 'POST', headers: own });
    expect(status).toBe(200);
  });
});

describe('POST /endpoints/{id}/test', () => {
  it.each(['active', 'paused', 'disabled'])('sends to the URL of one that is %s', async (state) => {
    const id = await register({ secret: 'hush' });
    await database.pool.query('update posthorn.endpoints set status = $1 where status <> $1', [
      state,
    ]);
    const { status, headers, fields } = await post(`/endpoints/${id}/test`);
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/webhooks/${fields['id']}`);
    const { rows } = await database.pool.query(
      `select url, endpoint_id, secret, signed_as, priority, max_attempts, body::json ->> 'type' as type,
         body::json ->> 'endpoint_id' as of
       from posthorn.outbox where id = $1`,
      [fields['id']],
    );
    expect(rows).toEqual([
      {
        url,
        endpoint_id: null,
        secret: null,
        signed_as: id,
        priority: 'high',
        max_attempts: 1,
        type: 'posthorn.test',
        of: id,
      },
    ]);
  });

  it('sends another body when there is one', async () => {
    const id = await register();
    const { fields } = await post(`/endpoints/${id}/test`, { body: { n: 1 } });
    const { rows } = await database.pool.query('select body from posthorn.outbox where id = $1', [
      fields['id'],
    ]);
    expect(rows).toEqual([{ body: '{"n":1}' }]);
    expect((await post(`/endpoints/${id}/test`, { url })).json.code).toBe('unknown_field');
    const large = await post(`/endpoints/${id}/test`, { body: 'x'.repeat(262_145) });
    expect([large.status, large.json.code]).toEqual([413, 'body_too_large']);
  });
});

describe('GET /endpoints', () => {
  it('lists them newest first, page by page, without the deleted', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift(await register({ description: String(n) }));
    await api.ask(`/endpoints/${ids[1]}`, { method: 'DELETE' });
    await post(`/endpoints/${ids[2]}/pause`);
    const first = await get('/endpoints?limit=2');
    expect(idsOf(first)).toEqual([ids[0], ids[2]]);
    const next = await get(`/endpoints?limit=2&cursor=${first.fields['next_cursor']}`);
    expect(idsOf(next)).toEqual([ids[3], ids[4]]);
    expect(next.fields['next_cursor']).toBeNull();
    expect(idsOf(await get('/endpoints?status=paused'))).toEqual([ids[2]]);
    expect(idsOf(await get('/endpoints?status=deleted'))).toEqual([ids[1]]);
    expect((await get('/endpoints?status=pending')).json.code).toBe('invalid_status');
    expect((await get(`/webhooks?cursor=${first.fields['next_cursor']}`)).json.code).toBe(
      'invalid_cursor',
    );
  });

  it('finds those with a text in the URL or the description, or by id', async () => {
    const shop = await register({ url: 'http://127.0.0.1:9/Shop-7', description: 'A' });
    const bank = await register({ url: 'http://127.0.0.1:9/bank', description: '50 % of 7 shops' });
    expect(idsOf(await get('/endpoints?q=SHOP'))).toEqual([bank, shop]);
    expect(idsOf(await get('/endpoints?q=shop-7'))).toEqual([shop]);
    expect(idsOf(await get('/endpoints?q=0%20%25'))).toEqual([bank]);
    expect(idsOf(await get('/endpoints?q=_'))).toEqual([]);
    expect(idsOf(await get(`/endpoints?q=${shop}`))).toEqual([shop]);
    const { fields } = await get('/endpoints?q=7&limit=1');
    expect(idsOf(await get(`/endpoints?q=7&limit=1&cursor=${fields['next_cursor']}`))).toEqual([
      shop,
    ]);
    expect((await get(`/endpoints?q=8&cursor=${fields['next_cursor']}`)).json.code).toBe(
      'invalid_cursor',
    );
  });

  it('shows each as GET /endpoints/{id} does: how it is doing, and what waits for it', async () => {
    await register();
    const failing = await register({ max_in_flight: 3, headers: { 'x-shop': '1' } });
    await database.pool.query(
      `insert into posthorn.breakers (key, state, consecutive, trips, open_until, throttled_until, last_failure_at, last_error, url)
       select lane, 'open', 7, 2, now() + interval '1 min', now() + interval '2 min', now(), 'http_503', ''
       from posthorn.endpoints where id = $1`,
      [failing],
    );
    await database.pool.query(
      `insert into posthorn.outbox (endpoint_id, body, priority)
       select $1, '1', case when n > 1 then 'high' else 'low' end from generate_series(1, 3) as n`,
      [failing],
    );
    await database.pool.query(
      `update posthorn.queue set lease_until = now() + interval '1 min'
       where webhook_id = (select max(id::text)::uuid from posthorn.outbox where endpoint_id = $1)`,
      [failing],
    );
    const { fields } = await get('/endpoints?limit=2');
    const listed = z.array(z.looseObject({ id: z.string() })).parse(fields['endpoints']);
    expect(listed[0]).toMatchObject({
      id: failing,
      breaker: { state: 'open', consecutive_failures: 7, last_error: 'http_503' },
      backlog: { waiting: 2, delivering: 1, is_at_least: false },
    });
    expect(listed[1]).toMatchObject({
      breaker: { state: 'closed', consecutive_failures: 0, failing_since: null },
      backlog: { waiting: 0, delivering: 0, is_at_least: false, oldest_due_at: null },
    });
    for (const endpoint of listed) {
      const { subscriptions, catch_up, ...shown } = (await get(`/endpoints/${endpoint.id}`)).fields;
      expect(shown).toEqual(endpoint);
      expect([subscriptions, catch_up]).toEqual([[], null]);
    }
  });
});

describe('a webhook to an endpoint', () => {
  it('is sent by its id, and shown with its URL', async () => {
    const id = await register();
    const { status, json } = await api.send({ endpoint_id: id, body: 1 });
    expect(status).toBe(202);
    const shown = await get(`/webhooks/${json.id}`);
    expect(shown.fields).toMatchObject({ url, endpoint_id: id, status: 'pending' });
    await post(`/endpoints/${id}/pause`);
    expect((await get(`/webhooks/${json.id}`)).fields).toMatchObject({
      waits_for: 'endpoint_paused',
      next_attempt_at: null,
    });
  });

  it('is another one than that to another endpoint under the same key', async () => {
    const [one, two] = [await register(), await register()];
    const headers = { 'idempotency-key': 'k' };
    const first = await api.send({ endpoint_id: one, body: 1 }, headers);
    const again = await api.send({ endpoint_id: one, body: 1 }, headers);
    expect([again.status, again.json.id]).toEqual([202, first.json.id]);
    expect((await api.send({ endpoint_id: two, body: 1 }, headers)).status).toBe(409);
    expect((await api.send({ url, body: 1 }, headers)).status).toBe(409);
  });
});

type Fields = Readonly<Record<string, unknown>>;

async function get(path: string): Promise<Answer & { fields: Fields }> {
  return withFields(await api.ask(path));
}

async function post(path: string, body?: object): Promise<Answer & { fields: Fields }> {
  return withFields(await ask('POST', path, body));
}

async function patch(id: string, body: object): Promise<Answer & { fields: Fields }> {
  return withFields(await ask('PATCH', `/endpoints/${id}`, body));
}

async function ask(method: string, path: string, body: object | undefined): Promise<Answer> {
  if (body === undefined) return api.ask(path, { method });
  const headers = { 'content-type': 'application/json' };
  return api.ask(path, { method, headers, body: JSON.stringify(body) });
}

function withFields(answer: Answer): Answer & { fields: Fields } {
  return { ...answer, fields: answer.json as unknown as Fields };
}

async function register(settings: object = {}): Promise<string> {
  const { fields } = await post('/endpoints', { url, ...settings });
  return String(fields['id']);
}

function idsOf({ fields }: { fields: Fields }): string[] {
  return (fields['endpoints'] as { id: string }[]).map(({ id }) => id);
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

const url = 'https://example.com/hooks';

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url, { bodyLimitBytes: 1_000 });
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

async function stored(id: string): Promise<Record<string, unknown>> {
  const { rows } = await database.pool.query('select * from posthorn.outbox where id = $1', [id]);
  return rows[0] ?? {};
}

describe('a webhook that is sent', () => {
  it('is accepted with its id and where to look at it, and waits in the queue', async () => {
    const { status, headers, json } = await api.send({ url, body: { a: 1 } });
    expect(status).toBe(202);
    expect(json).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), status: 'pending' });
    expect(headers.get('location')).toBe(`/webhooks/${json.id}`);
    expect(headers.get('content-type')).toBe('application/json');
    const { rows } = await database.pool.query('select from posthorn.queue where webhook_id = $1', [
      json.id,
    ]);
    expect(rows).toHaveLength(1);
  });

  it('is stored with every field', async () => {
    const sendAt = new Date(Date.now() + 86_400_000);
    const { json } = await api.send({
      url: 'HTTPS://Example.COM:443/a/../b?q=ä',
      body: 'x',
      headers: { 'X-Tenant': 'a' },
      secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      priority: 'low',
      content_type: 'text/plain; charset=utf-8',
      send_at: sendAt.toISOString().replace('Z', '+00:00'),
      max_attempts: 7,
      idempotency_key: 'every field',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
    expect(await stored(json.id)).toMatchObject({
      url: 'https://example.com/b?q=%C3%A4',
      body: 'x',
      headers: { 'X-Tenant': 'a' },
      secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      priority: 'low',
      content_type: 'text/plain; charset=utf-8',
      send_at: sendAt,
      max_attempts: 7,
      idempotency_key: 'every field',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });

  it('has the defaults where a field is null or left out', async () => {
    const { json } = await api.send({
      url,
      body: null,
      secret: null,
      priority: null,
      send_at: null,
    });
    expect(await stored(json.id)).toMatchObject({
      body: 'null',
      content_type: 'application/json',
      priority: 'normal',
      secret: null,
      send_at: null,
    });
  });
});

describe('its body arrives byte for byte', () => {
  it.each([
    '{"big":12345678901234567890,"exp":1e400,"tiny":1E-400}',
    '{ "z" : -0 , "one":1.0, "two" : 1E2 }',
    '{"2":1,"1":2}',
    '{"a":1,"a":2,"__proto__":{"x":1},"constructor":null}',
    '[\n\t1,\r\n2 ]',
    '"not this one"',
    '{"nul":"\\u0000","lone":"\\ud800","escaped":"\\u00e4\\/"}',
    '{"text":"ä 𝄞 \u2028 \u007f"}',
    'true',
    '0',
  ])('when it is the JSON %s', async (raw) => {
    const { status, json } = await api.send(`{"url":"${url}",  "body" : ${raw} ,"max_attempts":1}`);
    expect(status).toBe(202);
    const { body } = await stored(json.id);
    expect(body).toBe(raw.startsWith('"') ? JSON.parse(raw) : raw);
  });

  it.each(['', '{"n": 1.0}', 'plain ä 𝄞 \u0001 \r\n "quoted" \\', "'; drop table x; --"])(
    'when it is the string %j',
    async (body) => {
      const { status, json } = await api.send({ url, body });
      expect(status).toBe(202);
      expect((await stored(json.id))['body']).toBe(body);
    },
  );

  it('up to the limit, however it is written, and is refused beyond it', async () => {
    const escaped = (count: number) => `{"url":"${url}","body":"${'\\u0001'.repeat(count)}"}`;
    expect((await api.send(escaped(1_000))).status).toBe(202);
    expect((await api.send({ url, body: 'ä'.repeat(500) })).status).toBe(202);
    for (const tooLarge of [escaped(1_001), JSON.stringify({ url, body: 'ä'.repeat(501) })]) {
      const { status, json } = await api.send(tooLarge);
      expect(status).toBe(413);
      expect(json.code).toBe('body_too_large');
    }
  });
});

describe('an idempotency key', () => {
  it('gives the same id for the same content, and says that it is a replay', async () => {
    const webhook = { url, body: { a: 1 }, headers: { a: 'b', c: 'd' }, idempotency_key: 'replay' };
    const first = await api.send(webhook);
    expect(first.headers.get('idempotent-replay')).toBeNull();
    const again = await api.send({ ...webhook, headers: { c: 'd', a: 'b' }, priority: 'normal' });
    expect(again.status).toBe(202);
    expect(again.json).toEqual(first.json);
    expect(again.headers.get('idempotent-replay')).toBe('true');
    expect(again.headers.get('location')).toBe(`/webhooks/${first.json.id}`);
  });

  it.each([
    { headers: {} },
    { priority: 'normal' },
    { content_type: 'application/json' },
    { secret: null, send_at: null, max_attempts: null, traceparent: null, endpoint_id: null },
    { url: 'HTTPS://EXAMPLE.com:443/hooks' },
  ])('stands for the same webhook when a default is said: %j', async (change) => {
    const webhook = { url, body: 1, idempotency_key: `default ${JSON.stringify(change)}` };
    const first = await api.send(webhook);
    const again = await api.send({ ...webhook, ...change });
    expect([again.status, again.json.id]).toEqual([202, first.json.id]);
    const other = { ...webhook, idempotency_key: `other ${webhook.idempotency_key}` };
    const said = await api.send({ ...other, ...change });
    expect((await api.send(other)).json.id).toBe(said.json.id);
  });

  it('stands for what SQL has enqueued, however the URL is written there', async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, headers, idempotency_key)
       values ('HTTPS://Example.com', '1', '{}', 'by SQL') returning id`,
    );
    const same = { body: 1, idempotency_key: 'by SQL' };
    const again = await api.send({ url: 'https://example.com/', ...same });
    expect(again.json.id).toBe(rows[0]?.id);
    expect((await api.send({ url: 'https://example.com/other', ...same })).status).toBe(409);
  });

  it('may come as a header, and be the same as the field', async () => {
    const first = await api.send({ url, body: 1 }, { 'Idempotency-Key': 'header' });
    expect(await stored(first.json.id)).toMatchObject({ idempotency_key: 'header' });
    const webhook = { url, body: 1, idempotency_key: 'header' };
    const both = await api.send(webhook, { 'Idempotency-Key': 'header' });
    expect(both.json.id).toBe(first.json.id);
  });

  it.each([
    { body: '{"a": 1}' },
    { url: `${url}/other` },
    { secret: 'other' },
    { headers: { a: 'b' } },
    { max_attempts: 2 },
    { priority: 'high' },
    { content_type: 'text/plain' },
    { send_at: '2020-01-01T00:00:00Z' },
  ])('is a conflict with other content: %j', async (change) => {
    const webhook = { url, body: '{"a":1}', idempotency_key: 'conflict' };
    const first = await api.send(webhook);
    const { status, json } = await api.send({ ...webhook, ...change });
    expect(status).toBe(409);
    expect(json).toMatchObject({
      code: 'idempotency_conflict',
      detail: expect.stringContaining(first.json.id),
    });
  });

  it('goes with another traceparent: each try has its own', async () => {
    const webhook = { url, body: 1, idempotency_key: 'traced' };
    const traced = (span: string) => ({
      ...webhook,
      traceparent: `00-${'a'.repeat(32)}-${span.repeat(16)}-01`,
    });
    const first = await api.send(traced('1'));
    expect((await api.send(traced('2'))).json.id).toBe(first.json.id);
  });

  it('gives one id and one row to 20 requests at once', async () => {
    const webhook = { url, body: { a: 1 }, idempotency_key: 'twenty' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.send(webhook)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replay') === null)).toHaveLength(
      1,
    );
    const { rows } = await database.pool.query(
      `select from posthorn.outbox where idempotency_key = 'twenty'`,
    );
    expect(rows).toHaveLength(1);
  });

  it('gives one winner to 20 requests with 20 contents at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, body) => api.send({ url, body, idempotency_key: 'race' })),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
  });

  it('says how the webhook is, when it has gone on meanwhile', async () => {
    const webhook = { url, body: 1, idempotency_key: 'ended' };
    const first = await api.send(webhook);
    await database.pool.query('select posthorn.cancel($1)', [first.json.id]);
    expect((await api.send(webhook)).json).toEqual({ id: first.json.id, status: 'cancelled' });
  });

  it('is free again when it has expired', async () => {
    const webhook = { url, body: 1, idempotency_key: 'expired' };
    const first = await api.send(webhook);
    await database.pool.query(
      `update posthorn.idempotency_keys set expires_at = now() where key = 'expired'`,
    );
    const second = await api.send({ ...webhook, body: 2 });
    expect(second.status).toBe(202);
    expect(second.json.id).not.toBe(first.json.id);
    expect(second.headers.get('idempotent-replay')).toBeNull();
  });
});

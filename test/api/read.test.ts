import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

const url = 'https://example.com/hooks';
const rfc3339 = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  // However the database writes times by itself.
  await database.pool.query(`do $$ begin
    execute format('alter database %I set datestyle = ''German''', current_database());
    execute format('alter database %I set timezone = ''Asia/Kolkata''', current_database());
  end $$`);
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

async function sendMany(count: number, body: unknown = 1): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) ids.push((await api.send({ url, body })).json.id);
  return ids;
}

async function lease(ids: readonly string[]): Promise<void> {
  await database.pool.query(
    `update posthorn.queue set lease_until = now() + interval '1 minute', attempts = 1 where webhook_id = any($1)`,
    [ids],
  );
}

async function finish(ids: readonly string[], status: string): Promise<void> {
  await database.pool.query(
    `with ended as (delete from posthorn.queue where webhook_id = any($1) returning *)
     insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason)
     select webhook_id, outbox_id, lane, $2, 1, 200, 'because' from ended`,
    [ids, status],
  );
}

describe('GET /webhooks/:id', () => {
  it('shows a webhook that waits', async () => {
    const body = { secret: 'hunter2' };
    const sent = await api.send({
      url: `${url}?a=b`,
      body,
      secret: 'hunter2',
      headers: { a: 'hunter2' },
    });
    const { status, text, json } = await api.ask(`/webhooks/${sent.json.id}`);
    expect(status).toBe(200);
    expect(json).toEqual({
      id: sent.json.id,
      url: `${url}?a=b`,
      endpoint_id: null,
      waits_for: 'slot',
      status: 'pending',
      attempt_count: 0,
      attempts: [],
      earlier_outcomes: [],
      created_at: rfc3339,
      next_attempt_at: rfc3339,
      finished_at: null,
      last_status_code: null,
      last_error: null,
      reason: null,
      priority: 'normal',
      send_at: null,
      max_attempts: null,
      idempotency_key: null,
      content_type: 'application/json',
      body_bytes: JSON.stringify(body).length,
      tenant: '',
      event_id: null,
      event_type: null,
      lane: expect.stringMatching(/^-?\d+$/),
    });
    expect(Math.abs(Date.parse(json.created_at) - Date.now())).toBeLessThan(60_000);
    expect(text).not.toContain('hunter2');
  });

  it('shows all attempts of one that has ended', async () => {
    const [id = ''] = await sendMany(1);
    await database.pool.query(
      `insert into posthorn.attempts
         (webhook_id, number, worker, started_at, finished_at, duration_ms, status_code, error, error_message, response_body, response_truncated)
       values
         ($1, 1, 7, '2030-01-01 00:00:00.123456Z', '2030-01-01 00:00:01Z', 876.5, 503, 'http_503', 'busy', 'no', true),
         ($1, 2, 8, '2030-01-01 00:01:00Z', null, null, null, null, null, null, null)`,
      [id],
    );
    await finish([id], 'failed');
    const { json } = await api.ask(`/webhooks/${id}`);
    expect(json).toMatchObject({
      status: 'failed',
      attempt_count: 1,
      finished_at: rfc3339,
      next_attempt_at: null,
      last_status_code: 200,
      reason: 'because',
    });
    expect(json.attempts).toEqual([
      {
        number: 1,
        started_at: '2030-01-01T00:00:00.123Z',
        finished_at: '2030-01-01T00:00:01.000Z',
        duration_ms: 876.5,
        status_code: 503,
        error: 'http_503',
        error_message: 'busy',
        response_body: 'no',
        response_truncated: true,
        worker: 7,
      },
      {
        number: 2,
        started_at: '2030-01-01T00:01:00.000Z',
        finished_at: null,
        duration_ms: null,
        status_code: null,
        error: null,
        error_message: null,
        response_body: null,
        response_truncated: null,
        worker: 8,
      },
    ]);
  });

  it('finds nothing under an id that nobody has', async () => {
    const { status, json } = await api.ask(`/webhooks/${randomUUID()}`);
    expect([status, json.code]).toEqual([404, 'webhook_not_found']);
  });

  it.each(['1', 'x%00y', '%zz', '%ED%A0%80', '..%2fhealthz', "';--"])(
    'takes no id like %s',
    async (id) => {
      const { status, json } = await api.ask(`/webhooks/${id}`);
      expect([status, json.code]).toEqual([400, 'invalid_id']);
    },
  );

  it('takes an id in its canonical form only', async () => {
    const [id = ''] = await sendMany(1);
    for (const spelled of [id.toUpperCase(), `{${id}}`, id.replaceAll('-', ''), `${id}%20`]) {
      const { status, json } = await api.ask(`/webhooks/${spelled}`);
      expect([status, json.code]).toEqual([400, 'invalid_id']);
    }
  });
});

describe('GET /webhooks', () => {
  it('lists each webhook under its status, newest first', async () => {
    const ids = await sendMany(10);
    const [pending, delivering, delivered, failed, cancelled] = [0, 2, 4, 6, 8].map((at) =>
      ids.slice(at, at + 2).reverse(),
    );
    await lease(delivering ?? []);
    await finish(delivered ?? [], 'delivered');
    await finish(failed ?? [], 'failed');
    await finish(cancelled ?? [], 'cancelled');
    for (const [status, expected] of Object.entries({
      pending,
      delivering,
      delivered,
      failed,
      cancelled,
    })) {
      const { json } = await api.ask(`/webhooks?status=${status}&limit=2`);
      const rows = json.webhooks;
      expect(rows.map((row) => row.id)).toEqual(expected);
      expect(new Set(rows.map((row) => row.status))).toEqual(new Set([status]));
    }
    const { json } = await api.ask('/webhooks?limit=10');
    expect(json.webhooks.map(({ id }) => id)).toEqual(ids.reverse());
    expect(json.webhooks[0]).not.toHaveProperty('attempts');
  });

  it('gives 50 unless asked, and at most 200', async () => {
    await sendMany(60);
    expect((await api.ask('/webhooks')).json.webhooks).toHaveLength(50);
    expect((await api.ask('/webhooks?limit=200')).json.webhooks.length).toBeGreaterThan(59);
  });

  it('counts a lease that has run out as pending', async () => {
    const [id] = await sendMany(1);
    await database.pool.query(
      `update posthorn.queue set lease_until = now() - interval '1 s' where webhook_id = $1`,
      [id],
    );
    expect((await api.ask('/webhooks?status=pending&limit=1')).json.webhooks[0]?.id).toBe(id);
  });

  it.each(['', 'failed'])(
    'neither skips nor repeats while webhooks arrive (status "%s")',
    async (status) => {
      const ids = await sendMany(40);
      if (status !== '') await finish(ids, status);
      const filter = status === '' ? '' : `status=${status}&`;
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const next: string = cursor === null ? '' : `&cursor=${cursor}`;
        const { json } = await api.ask(`/webhooks?${filter}limit=7${next}`);
        seen.push(...json.webhooks.map(({ id }) => id));
        cursor = json.next_cursor;
        const arrived = await sendMany(3);
        if (status !== '') await finish(arrived, status);
      } while (cursor !== null);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((id) => ids.includes(id))).toEqual(ids.toReversed());
    },
  );

  it('ends with null', async () => {
    const { json } = await api.ask('/webhooks?status=cancelled&limit=200');
    expect(json.next_cursor).toBeNull();
  });
});

describe('the parameters of GET /webhooks', () => {
  it.each([
    'limit=0',
    'limit=-1',
    'limit=201',
    'limit=1.5',
    'limit=1e2',
    'limit=abc',
    'limit=',
    'limit=%201',
    'limit=99999999999999999999',
    'status=',
    'status=done',
    'status=FAILED',
    "status=failed'--",
    'cursor=',
    'cursor=x',
    `cursor=${'a'.repeat(43)}`,
    `cursor=${'a'.repeat(10_000)}`,
  ])('are refused: %.30s', async (query) => {
    const { status, json } = await api.ask(`/webhooks?${query}`);
    const [parameter] = query.split('=');
    expect([status, json.code]).toEqual([400, `invalid_${parameter}`]);
    expect(json.errors).toMatchObject([{ parameter }]);
  });

  it.each([
    ['unknown_parameter', 'offset=1'],
    ['unknown_parameter', 'limit[]=1'],
    ['repeated_parameter', 'limit=1&limit=2'],
    ['repeated_parameter', 'status=failed&status=failed'],
  ])('are refused with %s: %s', async (code, query) => {
    const { status, json } = await api.ask(`/webhooks?${query}`);
    expect([status, json.code]).toEqual([400, code]);
  });

  it('are told of up to 20 at once', async () => {
    const many = Array.from({ length: 30 }, (_, n) => `p${n}=1`).join('&');
    for (const path of ['/webhooks?limit=0&', '/stats/series?hours=x&', '/endpoints?']) {
      const { status, json } = await api.ask(path + many);
      expect([status, json.code, json.errors.length]).toEqual([400, 'unknown_parameter', 20]);
    }
  });

  it('bind a cursor to its filter, and recognise one that was changed', async () => {
    await sendMany(3);
    const { json } = await api.ask('/webhooks?status=pending&limit=1');
    const cursor = json.next_cursor ?? '';
    expect((await api.ask(`/webhooks?status=pending&limit=5&cursor=${cursor}`)).status).toBe(200);
    const changed = (cursor.startsWith('A') ? 'B' : 'A') + cursor.slice(1);
    for (const query of [
      `cursor=${cursor}`,
      `status=failed&cursor=${cursor}`,
      `status=pending&cursor=${changed}`,
    ]) {
      const refused = await api.ask(`/webhooks?${query}`);
      expect([refused.status, refused.json.code]).toEqual([400, 'invalid_cursor']);
    }
  });
});

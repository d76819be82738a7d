import type { PoolClient } from 'pg';
import { describe, expect, it } from 'vitest';
import { enqueue, enqueueMany, type NewWebhook } from '../../src/producer/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

const url = 'https://example.com/hooks';

const database = forFile(createTestDatabase);

async function stored(id: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await database.pool.query('select * from posthorn.outbox where id = $1', [id]);
  return rows[0];
}

async function inTransaction(
  work: (client: PoolClient) => Promise<void>,
  end: string,
): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await work(client);
    await client.query(end);
  } finally {
    client.release();
  }
}

describe('a webhook to a registered endpoint', () => {
  it('names it in place of a URL', async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      'insert into posthorn.endpoints (url) values ($1) returning id',
      [url],
    );
    const endpointId = rows[0]?.id ?? '';
    const id = await enqueue(database.pool, { endpointId, body: {} });
    expect(await stored(id)).toMatchObject({ url: null, endpoint_id: endpointId });
  });

  it('is refused when there is none, and when there is a URL as well', async () => {
    const endpointId = '01a20d7f-4449-7506-bf90-21b36e74e172';
    await expect(enqueue(database.pool, { endpointId, body: {} })).rejects.toMatchObject({
      code: '23503',
      constraint: 'outbox_endpoint_id_is_registered',
    });
    // @ts-expect-error: one of them
    await expect(enqueue(database.pool, { endpointId, url, body: {} })).rejects.toThrow(
      'A webhook needs either a url or an endpointId: both are given',
    );
    // @ts-expect-error: one of them
    await expect(enqueue(database.pool, { body: {} })).rejects.toThrow('both are missing');
  });
});

describe('a webhook', () => {
  it('is stored with all that was said, and the defaults of what was not', async () => {
    const id = await enqueue(database.pool, { url, body: { a: [1, 'ä'] } });
    expect(await stored(id)).toMatchObject({
      url,
      body: '{"a":[1,"ä"]}',
      headers: null,
      secret: null,
      content_type: 'application/json',
      priority: 'normal',
      send_at: null,
      max_attempts: null,
      idempotency_key: null,
      traceparent: null,
    });
    const sendAt = new Date(Date.now() + 3_600_000);
    const full = await enqueue(database.pool, {
      url,
      body: 'plain',
      headers: { 'X-Tenant': 'a' },
      secret: 'a secret',
      contentType: 'text/plain',
      priority: 'high',
      sendAt,
      maxAttempts: 3,
      idempotencyKey: 'all fields',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
    expect(await stored(full)).toMatchObject({
      body: 'plain',
      headers: { 'X-Tenant': 'a' },
      secret: 'a secret',
      content_type: 'text/plain',
      priority: 'high',
      send_at: sendAt,
      max_attempts: 3,
      idempotency_key: 'all fields',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });

  it.each([
    ['empty', ''],
    ['beyond the basic plane', "𝄞 ä \u0001 \r\n\t \\ ' $1 %s"],
    ['JSON that a parser would change', '{"n":12345678901234567890,"e":1e400,"z":-0,"a":1,"a":2}'],
  ])('has its body kept byte for byte when it is %s', async (_what, body) => {
    const id = await enqueue(database.pool, { url, body });
    const row = await stored(id);
    expect(row?.['body']).toBe(body);
  });
});

describe('in a transaction', () => {
  it('that rolls back, nothing is left', async () => {
    let id = '';
    await inTransaction(async (client) => {
      id = await enqueue(client, { url, body: '1', idempotencyKey: 'rolled back' });
    }, 'rollback');
    expect(await stored(id)).toBeUndefined();
    const { rows } = await database.pool.query(
      `select from posthorn.queue where webhook_id = $1
       union all select from posthorn.idempotency_keys where key = 'rolled back'`,
      [id],
    );
    expect(rows).toHaveLength(0);
  });

  it('that commits, a savepoint rolled back leaves nothing of its own', async () => {
    const ids: string[] = [];
    await inTransaction(async (client) => {
      ids.push(await enqueue(client, { url, body: '1' }));
      await client.query('savepoint a');
      ids.push(await enqueue(client, { url, body: '2', idempotencyKey: 'savepoint' }));
      await client.query('rollback to savepoint a');
      ids.push(await enqueue(client, { url, body: '3', idempotencyKey: 'savepoint' }));
    }, 'commit');
    const rows = await Promise.all(ids.map(stored));
    expect(rows.map((row) => row?.['body'])).toEqual(['1', undefined, '3']);
    const { rows: queued } = await database.pool.query(
      'select webhook_id from posthorn.queue where webhook_id = any($1)',
      [ids],
    );
    expect(queued).toHaveLength(2);
  });
});

describe('an idempotency key', () => {
  it('gives the same id and one row', async () => {
    const webhook = { url, body: '1', idempotencyKey: 'same' } as const;
    const first = await enqueue(database.pool, webhook);
    expect(await enqueue(database.pool, webhook)).toBe(first);
    expect(await countWithKey('same')).toBe(1);
  });

  it('gives the same id and one row in two transactions at once', async () => {
    const webhook = { url, body: '1', idempotencyKey: 'concurrent' } as const;
    const [one, other] = [await database.pool.connect(), await database.pool.connect()];
    await one.query('begin');
    await other.query('begin');
    const first = await enqueue(one, webhook);
    const second = enqueue(other, webhook);
    await untilWaiting();
    await one.query('commit');
    expect(await second).toBe(first);
    await other.query('commit');
    expect(await countWithKey('concurrent')).toBe(1);
    one.release();
    other.release();
  });

  it('is free again when the transaction that had it rolls back', async () => {
    const webhook = { url, body: '1', idempotencyKey: 'freed' } as const;
    const [one, other] = [await database.pool.connect(), await database.pool.connect()];
    await one.query('begin');
    await other.query('begin');
    const first = await enqueue(one, webhook);
    const second = enqueue(other, webhook);
    await untilWaiting();
    await one.query('rollback');
    expect(await second).not.toBe(first);
    await other.query('commit');
    expect(await countWithKey('freed')).toBe(1);
    one.release();
    other.release();
  });
});

describe('is refused, and the transaction goes on,', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;

  it.each<[string, Partial<Record<keyof NewWebhook, unknown>>, string]>([
    ['a lone surrogate in the body', { body: 'a\ud800' }, 'body must be well-formed Unicode'],
    ['a NUL in the body', { body: 'a\0' }, 'body must not contain NUL'],
    ['a lone surrogate in the secret', { secret: '\udc00' }, 'secret must be well-formed Unicode'],
    ['a NUL in a header', { headers: { a: '\0' } }, 'header value must not contain NUL'],
    ['a header without a value', { headers: { a: undefined } }, 'header value must be a string'],
    ['a number as the url', { url: 1 }, 'url must be a string: this is of type number'],
    ['no body', { body: undefined }, 'body must be a string or a JSON value'],
    ['a function as the body', { body: () => 1 }, 'body must be a string or a JSON value'],
    ['a BigInt in the body', { body: { a: 1n } }, 'body must be a JSON value'],
    ['a cycle in the body', { body: cycle }, 'body must be a JSON value'],
    ['bytes as the body', { body: Buffer.from('{}') }, 'this is a Uint8Array'],
    ['a Map as the body', { body: new Map([['a', 1]]) }, 'this is a Map'],
    ['a promise as the body', { body: Promise.resolve('{}') }, 'this is a Promise'],
    ['Headers', { headers: new Headers({ a: 'b' }) }, 'must be a plain object: this is a Headers'],
    ['a Map of headers', { headers: new Map([['a', 'b']]) }, 'plain object: this is a Map'],
    ['an invalid date', { sendAt: new Date('no') }, 'sendAt must be a valid Date'],
    ['a date of microseconds', { sendAt: new Date(1.8e15) }, 'Was it made of milliseconds?'],
    ['a year before Christ', { sendAt: new Date(-1e14) }, 'of the years 0 to 9999'],
    ['NaN attempts', { maxAttempts: Number.NaN }, 'maxAttempts must be an integer'],
    ['a list of headers', { headers: [] }, 'headers must be an object: this is an array'],
  ])('%s', async (_what, part, message) => {
    let id = '';
    await inTransaction(async (client) => {
      const webhook = { url, body: '1', ...part } as NewWebhook;
      const refused = enqueue(client, webhook);
      await expect(refused).rejects.toThrow(TypeError);
      await expect(refused).rejects.toThrow(message);
      id = await enqueue(client, { url, body: 'after' });
    }, 'commit');
    expect(await stored(id)).toMatchObject({ body: 'after' });
  });
});

it('leaves the other rules to Postgres, which names the one that is broken', async () => {
  const refused = enqueue(database.pool, { url: 'ftp://example.com/', body: '1' });
  await expect(refused).rejects.toMatchObject({ code: '23514', constraint: 'outbox_url_is_http' });
});

it('takes null for what is left out, as SQL does', async () => {
  const webhook = { url, body: '1', headers: null, secret: null, priority: null, endpointId: null };
  expect(
    await stored(await enqueue(database.pool, webhook as unknown as NewWebhook)),
  ).toMatchObject({ headers: null, secret: null, priority: 'normal' });
});

it('says so when the query of a client resolves to something else than rows with ids', async () => {
  const own = { query: async () => ({ rows: [{ id: 'x' }] }) };
  expect(await enqueue(own, { url, body: '1' })).toBe('x');
  for (const rows of [[], [{}], [{ id: 1 }], [{ id: 'x' }, { id: 'y' }], undefined]) {
    const odd = { query: async () => ({ rows }) };
    await expect(enqueue(odd, { url, body: '1' })).rejects.toThrow(
      'but it resolved to something else',
    );
  }
});

describe('many webhooks', () => {
  const bodies = (ids: readonly string[]) =>
    Promise.all(ids.map(async (id) => (await stored(id))?.['body']));

  it('are enqueued by one statement, and their ids are in their order', async () => {
    let statements = 0;
    const counting = {
      query: (text: string, values: unknown[]) => {
        statements += 1;
        return database.pool.query(text, values);
      },
    };
    const webhooks = Array.from({ length: 1_000 }, (_, n) => ({ url, body: { n } }));
    const ids = await enqueueMany(counting, webhooks);
    const { rows } = await database.pool.query(
      `select o.body
       from unnest($1::uuid[]) with ordinality as n (id, place) join posthorn.outbox as o using (id)
       order by n.place`,
      [ids],
    );
    expect(rows.map(({ body }) => body)).toEqual(webhooks.map(({ body }) => JSON.stringify(body)));
    expect(statements).toBe(1);
  });

  it('with the same idempotency key are one, also in one list', async () => {
    const webhook = (body: string, idempotencyKey?: string) => ({ url, body, idempotencyKey });
    const [first = '', second = '', third = '', fourth = ''] = await enqueueMany(database.pool, [
      webhook('1', 'list a'),
      webhook('2', 'list b'),
      webhook('3', 'list a'),
      webhook('4'),
    ]);
    expect(third).toBe(first);
    expect(await bodies([first, second, fourth])).toEqual(['1', '2', '4']);
  });

  it('have each what was said of it', async () => {
    const sendAt = new Date(Date.now() + 60_000);
    const [first = '', second = ''] = await enqueueMany(database.pool, [
      {
        url,
        body: 'a',
        tenant: 'acme',
        headers: { a: 'b' },
        secret: 'one',
        sendAt,
        maxAttempts: 2,
      },
      { url: `${url}?2`, body: 'b', contentType: 'text/plain', priority: 'low' },
    ]);
    expect(await stored(first)).toMatchObject({
      url,
      tenant: 'acme',
      headers: { a: 'b' },
      secret: 'one',
      content_type: 'application/json',
      priority: 'normal',
      send_at: sendAt,
      max_attempts: 2,
    });
    expect(await stored(second)).toMatchObject({
      url: `${url}?2`,
      tenant: '',
      headers: null,
      secret: null,
      content_type: 'text/plain',
      priority: 'low',
      send_at: null,
      max_attempts: null,
    });
  });

  it('are refused with the place of the one that is wrong', async () => {
    const wrong = [
      { url, body: '1' },
      { url, body: '2', maxAttempts: 1.5 },
    ];
    await expect(enqueueMany(database.pool, wrong)).rejects.toThrow(
      'webhooks[1]: The maxAttempts must be an integer',
    );
    const holes = Object.assign(new Array<NewWebhook>(2), { 0: { url, body: '1' } });
    await expect(enqueueMany(database.pool, holes)).rejects.toThrow(
      'webhooks[1]: The webhook must be an object: this is of type undefined',
    );
    const all = { url, body: '1' } as unknown as NewWebhook[];
    await expect(enqueueMany(database.pool, all)).rejects.toThrow('The webhooks must be an array');
  });
});

async function countWithKey(key: string): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    'select count(*)::int as count from posthorn.outbox where idempotency_key = $1',
    [key],
  );
  return rows[0]?.count ?? 0;
}

/** Until some transaction of this database waits for another. */
async function untilWaiting(): Promise<void> {
  for (;;) {
    const { rows } = await database.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
  }
}

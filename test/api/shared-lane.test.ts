import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint, type TestEndpoint } from '../support/endpoints.ts';
import { carryOut } from '../support/replay-steps.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// A lane is a hash, so two URLs, or a URL and an endpoint, may share one. What is said to be done with the webhooks of one of
// them is not done with those of the other.

const url = 'https://customer.example/hooks';
const other = 'https://other.example/hooks';

describe('a lane', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  const laneOf = async (argument: string, type: 'text' | 'uuid') => {
    const { rows } = await database.pool.query<{ lane: string }>(
      `select posthorn.lane_of($1::${type})::text as lane`,
      [argument],
    );
    return rows[0]?.lane;
  };
  const sha256 = (...parts: readonly (string | Buffer)[]) => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest().readBigInt64BE().toString();
  };

  it.each([url, `${url}/\\a\\\\b\\101`, `${url}/ä€𝄞`, ''])(
    'is the first 8 bytes of the SHA-256 of the URL without its query: %s',
    async (text) => {
      expect(await laneOf(text, 'text')).toBe(sha256(text));
      expect(await laneOf(`${text}?a=1?b`, 'text')).toBe(sha256(text));
    },
  );

  it('of an endpoint is that of its id', async () => {
    const id = '01a20d7f-4449-7506-bf90-000000000001';
    const expected = sha256('endpoint ', Buffer.from(id.replaceAll('-', ''), 'hex'));
    expect(await laneOf(id, 'uuid')).toBe(expected);
  });

  it('is not shared with a URL that was made for it when lanes were hashes of Postgres', async () => {
    const made = 'http://127.0.0.1:8790/evil/aaaaaaaaaD-8c!0Xeot1';
    const { rows } = await database.pool.query(
      'select hashtextextended($1, 0) = hashtextextended($2, 0) as was_shared',
      ['https://victim.example/hooks', made],
    );
    expect(rows).toEqual([{ was_shared: true }]);
    expect(await laneOf(made, 'text')).not.toBe(
      await laneOf('https://victim.example/hooks', 'text'),
    );
  });
});

describe('with two URLs and an endpoint in one lane', () => {
  let database: TestDatabase;
  let api: TestApi;
  let endpoint: TestEndpoint;

  beforeAll(async () => {
    database = await createTestDatabase();
    for (const argument of ['url text', 'endpoint_id uuid']) {
      await database.pool.query(
        `create or replace function posthorn.lane_of(${argument}) returns bigint
         language sql immutable strict parallel safe return 7`,
      );
    }
    api = await serveTestApi(database.url);
  });

  afterAll(async () => {
    await api.close();
    await database.drop();
  });

  beforeEach(async () => {
    await database.empty();
    endpoint = await registerEndpoint(database, { url });
    await database.pool.query(
      `insert into posthorn.outbox (url, body) values ($1, 'url'), ($1 || '?a=1', 'url'), ($2, 'other')`,
      [url, other],
    );
    await database.pool.query(
      `insert into posthorn.outbox (endpoint_id, body) values ($1, 'endpoint')`,
      [endpoint.id],
    );
  });

  const cases = [
    { by: 'a URL', filter: () => ({ url }), own: ['url', 'url'] },
    { by: 'the other URL', filter: () => ({ url: other }), own: ['other'] },
    { by: 'the endpoint', filter: () => ({ endpoint_id: endpoint.id }), own: ['endpoint'] },
  ];

  it.each(cases)('cancelling by $by cancels its own', async ({ filter, own }) => {
    expect(await post('/webhooks/cancel', { filter: filter(), dry_run: true })).toMatchObject({
      matched: own.length,
    });
    expect(await post('/webhooks/cancel', { filter: filter() })).toMatchObject({
      cancelled: own.length,
    });
    expect(await bodiesIn('outcomes')).toEqual(own);
  });

  it.each(cases)('a replay by $by puts back its own', async ({ filter, own }) => {
    await database.pool.query(
      'select posthorn.cancel_many(array(select webhook_id from posthorn.queue))',
    );
    const order = { filter: { ...filter(), status: 'cancelled' } };
    expect(await post('/replays', { ...order, dry_run: true })).toMatchObject({
      matched: own.length,
    });
    await carryOut(database, String((await post('/replays', order))['id']));
    expect(await bodiesIn('queue')).toEqual(own);
  });

  it.each(cases)('a replay by $by and by ids puts back its own', async ({ filter, own }) => {
    const { rows } = await database.pool.query<{ webhook_id: string }>(
      'select webhook_id from posthorn.queue',
    );
    await database.pool.query(`update posthorn.queue set due_at = now() + interval '1 hour'`);
    const ids = rows.map(({ webhook_id }) => webhook_id);
    const started = await post('/replays', { filter: { ...filter(), ids, status: 'pending' } });
    await carryOut(database, String(started['id']));
    expect(await bodiesIn('queue', 'where due_at <= now()')).toEqual(own);
  });

  it('a page takes no more than its share of them, and the next one goes on', async () => {
    const statement = `select cardinality(webhook_ids) as webhooks, walked_to
      from posthorn.matching('{pending}', null, $1, null, $2, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', 100, 1)`;
    let after: string | null = '00000000-0000-0000-0000-000000000000';
    const pages: number[] = [];
    while (after !== null) {
      const { rows }: { rows: { webhooks: number; walked_to: string | null }[] } =
        await database.pool.query(statement, [[url], after]);
      pages.push(rows[0]?.webhooks ?? -1);
      after = rows[0]?.walked_to ?? null;
    }
    expect(pages).toEqual([1, 1, 0]);
  });

  it.each(['', '&status=pending'])('a list of the endpoint shows its own (%s)', async (status) => {
    const { json } = await api.ask(`/webhooks?endpoint_id=${endpoint.id}${status}`);
    const { rows } = await database.pool.query('select id from posthorn.outbox where body = $1', [
      'endpoint',
    ]);
    expect(json.webhooks.map(({ id }) => ({ id }))).toEqual(rows);
  });

  async function bodiesIn(table: 'queue' | 'outcomes', condition = ''): Promise<string[]> {
    const { rows } = await database.pool.query<{ body: string }>(
      `select o.body
       from (select outbox_id from posthorn.${table} ${condition}) as w
       join posthorn.outbox as o on o.id = w.outbox_id
       order by 1`,
    );
    return rows.map(({ body }) => body);
  }

  async function post(path: string, body: object): Promise<Record<string, unknown>> {
    const { text } = await api.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return JSON.parse(text);
  }
});

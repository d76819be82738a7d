import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from './support/database.ts';
import { forFile } from './support/world.ts';

// What producers may say, in SQL alone: no worker runs here.

const database = forFile(createTestDatabase);

const legal = { url: 'https://example.com/hook', body: '{}' };
const key24 = 'A'.repeat(32);

describe('an illegal value is refused by a constraint named for its rule', () => {
  it.each([
    ['url', 'ftp://example.com/', 'outbox_url_is_http'],
    ['url', 'example.com', 'outbox_url_is_http'],
    ['url', '', 'outbox_url_is_http'],
    ['url', 'http://', 'outbox_url_is_http'],
    ['url', 'http://u:p@example.com/', 'outbox_url_is_http'],
    ['url', 'http://example.com/#part', 'outbox_url_is_http'],
    ['url', 'http://example.com/a b', 'outbox_url_is_http'],
    ['url', 'http://example.com/\nx: y', 'outbox_url_is_http'],
    ['url', 'http://example.com\\evil', 'outbox_url_is_http'],
    ['url', ' http://example.com/', 'outbox_url_is_http'],
    ['url', `http://example.com/${'a'.repeat(2048)}`, 'outbox_url_is_at_most_2048_bytes'],
    ['body', 'x'.repeat(1_048_577), 'outbox_body_is_at_most_1_mib'],
    ['headers', '[]', 'outbox_headers_is_object'],
    ['headers', '"a"', 'outbox_headers_is_object'],
    ['headers', '{"a": 1}', 'outbox_headers_values_are_strings'],
    ['headers', '{"a": null}', 'outbox_headers_values_are_strings'],
    ['headers', '{"a b": "x"}', 'outbox_headers_names_are_tokens'],
    ['headers', '{"": "x"}', 'outbox_headers_names_are_tokens'],
    ['headers', '{"a\\n": "x"}', 'outbox_headers_names_are_tokens'],
    ['headers', '{"a": "x\\r\\ny: z"}', 'outbox_headers_values_are_printable_ascii'],
    ['headers', '{"a": "x\\ny"}', 'outbox_headers_values_are_printable_ascii'],
    ['headers', '{"a": "é"}', 'outbox_headers_values_are_printable_ascii'],
    ['headers', '{"a": "1", "A": "2"}', 'outbox_headers_names_are_unique'],
    ['headers', '{"HOST": "x"}', 'outbox_headers_names_are_not_reserved'],
    ['headers', '{"webhook-id": "x"}', 'outbox_headers_names_are_not_reserved'],
    ['headers', '{"Content-Length": "1"}', 'outbox_headers_names_are_not_reserved'],
    ['headers', JSON.stringify({ a: 'x'.repeat(8_200) }), 'outbox_headers_are_at_most_8_kib'],
    ['secret', '', 'outbox_secret_is_1_to_512_bytes'],
    ['secret', 'x'.repeat(513), 'outbox_secret_is_1_to_512_bytes'],
    ['secret', 'whsec_', 'outbox_secret_is_base64_after_whsec'],
    ['secret', 'whsec_!!!!', 'outbox_secret_is_base64_after_whsec'],
    ['secret', `whsec_${'A'.repeat(28)}`, 'outbox_secret_is_base64_after_whsec'],
    ['secret', `whsec_${'A'.repeat(92)}`, 'outbox_secret_is_base64_after_whsec'],
    ['content_type', 'json', 'outbox_content_type_is_media_type'],
    ['content_type', 'a/b\r\nx: y', 'outbox_content_type_is_media_type'],
    ['priority', 'urgent', 'outbox_priority_is_high_normal_or_low'],
    ['priority', 'HIGH', 'outbox_priority_is_high_normal_or_low'],
    ['send_at', 'infinity', 'outbox_send_at_is_within_a_year'],
    ['send_at', '-infinity', 'outbox_send_at_is_within_a_year'],
    ['send_at', '2999-01-01', 'outbox_send_at_is_within_a_year'],
    ['max_attempts', 0, 'outbox_max_attempts_is_1_to_100'],
    ['max_attempts', -1, 'outbox_max_attempts_is_1_to_100'],
    ['max_attempts', 40_000, 'outbox_max_attempts_is_1_to_100'],
    ['idempotency_key', '', 'outbox_idempotency_key_is_1_to_255_printable_ascii'],
    ['idempotency_key', 'x'.repeat(256), 'outbox_idempotency_key_is_1_to_255_printable_ascii'],
    ['idempotency_key', 'a\tb', 'outbox_idempotency_key_is_1_to_255_printable_ascii'],
    ['traceparent', '00-xyz', 'outbox_traceparent_is_w3c'],
    ['id', '11111111-1111-4111-8111-111111111111', 'outbox_id_is_uuid_v7'],
    ['id', '00000000-0001-7111-8111-111111111111', 'outbox_id_is_of_today'],
    ['id', 'ffffffff-0001-7111-8111-111111111111', 'outbox_id_is_of_today'],
    ['created_at', 'infinity', 'outbox_created_at_is_finite'],
    ['url', null, 'outbox_has_a_url_an_endpoint_id_or_an_event_type'],
    [
      'endpoint_id',
      '01a20d7f-4449-7506-bf90-21b36e74e172',
      'outbox_has_a_url_an_endpoint_id_or_an_event_type',
    ],
  ])('%s %j: %s', async (column, value, constraint) => {
    await expect(insert({ [column]: value })).rejects.toMatchObject({ code: '23514', constraint });
    const { rows } = await database.pool.query('select from posthorn.queue');
    expect(rows).toHaveLength(0);
  });

  it('and by an error that does not repeat the row, as that of a plain CHECK does', async () => {
    const refused: unknown = await insert({ url: 'ftp://a', secret: 'hush', body: 'hush' }).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({
      ...{ constraint: 'outbox_url_is_http', schema: 'posthorn', table: 'outbox' },
      // Hibernate and others read the name of the constraint in it.
      message: 'new row for relation "outbox" violates check constraint "outbox_url_is_http"',
    });
    expect(inspect(refused, { depth: null, showHidden: true })).not.toContain('hush');
  });

  it('a secret after whsec_ by its length and its padding', async () => {
    const secrets = Array.from({ length: 100 }, (_, length) => length).flatMap((length) =>
      ['', '=', '==', '==='].map((padding) => `whsec_${'A'.repeat(length)}${padding}`),
    );
    const { rows } = await database.pool.query<{ secret: string }>(
      `select secret
       from unnest($1::text[]) as secret
       where secret ~ '^whsec_([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$'`,
      [secrets],
    );
    const legalSecrets = new Set(rows.map(({ secret }) => secret));
    expect(legalSecrets.size).toBeGreaterThan(30);
    const client = await database.pool.connect();
    // All by one call, as each has to wait for the answer to the one before.
    await client.query(
      `create function pg_temp.end_of(secret text) returns text language plpgsql as $$
       declare
         rule text;
       begin
         insert into posthorn.outbox (url, body, secret) values ('https://example.com/hook', '{}', secret);
         return 'accepted';
       exception
         when check_violation then
           get stacked diagnostics rule = constraint_name;
           return rule;
       end $$`,
    );
    const { rows: ends } = await client.query<{ secret: string; end: string }>(
      'select secret, pg_temp.end_of(secret) as end from unnest($1::text[]) as secret',
      [secrets],
    );
    client.release(true);
    expect(ends).toEqual(
      secrets.map((secret) => ({
        secret,
        end: legalSecrets.has(secret) ? 'accepted' : 'outbox_secret_is_base64_after_whsec',
      })),
    );
    await database.pool.query('delete from posthorn.queue');
  });

  it.each(['body', 'priority', 'content_type'])('%s must not be null', async (column) => {
    const constraint = column === 'body' ? 'outbox_body_is_given' : 'outbox_defaults_are_not_null';
    await expect(insert({ [column]: null })).rejects.toMatchObject({ code: '23514', constraint });
  });
});

it.each([
  ['url', 'http://127.0.0.1:9000/a?b=c&d=%20e'],
  ['url', 'HTTPS://[::1]:8443/x'],
  ['url', 'https://bücher.example/ü'],
  ['headers', '{"Authorization": "Bearer x y", "X-Empty": ""}'],
  ['secret', 's'],
  ['secret', `whsec_${key24}`],
  ['content_type', 'application/vnd.a+json; charset="utf-8"'],
  ['priority', 'low'],
  ['send_at', '2000-01-01'],
  ['max_attempts', 100],
  ['idempotency_key', 'order 1 / created'],
  ['body', ''],
])('accepts %s %j', async (column, value) => {
  await insert({ [column]: value });
  await database.pool.query('delete from posthorn.queue');
});

describe('many at once', () => {
  it('go into the queue by one statement, each once', async () => {
    const { rowCount } = await database.pool.query(
      `insert into posthorn.outbox (url, body)
       select 'https://example.com/' || n % 7, '{}' from generate_series(1, 20000) as n`,
    );
    expect(rowCount).toBe(20_000);
    const { rows } = await database.pool.query(
      'select count(*)::integer as count, count(distinct lane)::integer as lanes from posthorn.queue',
    );
    expect(rows).toEqual([{ count: 20_000, lanes: 7 }]);
    await database.pool.query('truncate posthorn.queue');
  });

  it('have ids in the order of the statement', async () => {
    const { rows } = await database.pool.query<{ body: string }>(
      `with inserted as (
         insert into posthorn.outbox (url, body)
         select 'https://example.com/', n::text from generate_series(1, 5000) as n
         returning id, body
       )
       select body from inserted order by id`,
    );
    expect(rows.map(({ body }) => Number(body))).toEqual(
      Array.from({ length: 5_000 }, (_, at) => at + 1),
    );
    await database.pool.query('truncate posthorn.queue');
  });

  it('go into the queue by COPY', async () => {
    const client = await database.pool.connect();
    // COPY fires the same statement trigger; fed from the server so that no driver for it is needed.
    const { rows: allowed } = await client.query<{ is_superuser: string }>('show is_superuser');
    expect(allowed[0]?.is_superuser).toBe('on');
    await client.query(
      `copy posthorn.outbox (url, body) from program
         $$seq 20000 | sed 's,.*,https://example.com/copied\t{"n":&},'$$`,
    );
    const { rows } = await client.query('select count(*)::integer as count from posthorn.queue');
    expect(rows).toEqual([{ count: 20_000 }]);
    client.release();
    await database.pool.query('truncate posthorn.queue');
  });
});

describe('an idempotency key', () => {
  it('stands for one webhook: posthorn.enqueue returns its id again', async () => {
    const first = await enqueueWithKey('k1');
    expect(await enqueueWithKey('k1')).toBe(first);
    const { rows } = await database.pool.query(
      `select id from posthorn.outbox where idempotency_key = 'k1'`,
    );
    expect(rows).toEqual([{ id: first }]);
  });

  it('refuses a plain insert that repeats it', async () => {
    await insert({ idempotency_key: 'k2' });
    await expect(insert({ idempotency_key: 'k2' })).rejects.toMatchObject({
      code: '23505',
      constraint: 'outbox_idempotency_key_is_unique',
    });
    await expect(
      database.pool.query(
        `insert into posthorn.outbox (url, body, idempotency_key)
         select 'https://example.com/', '{}', 'k3' from generate_series(1, 2)`,
      ),
    ).rejects.toMatchObject({ constraint: 'outbox_idempotency_key_is_unique' });
  });

  it('is free again when the transaction that used it rolls back', async () => {
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query(
      `select posthorn.enqueue('https://a.example/', '{}', idempotency_key => 'k4')`,
    );
    await client.query('rollback');
    client.release();
    expect(await enqueueWithKey('k4')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is one webhook also for 20 that come at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => enqueueWithKey('k5')));
    expect(new Set(ids).size).toBe(1);
  });

  it('is free again after it has expired', async () => {
    const first = await enqueueWithKey('k6');
    await database.pool.query(
      `update posthorn.idempotency_keys set expires_at = now() - interval '1 s' where key = 'k6'`,
    );
    expect(await enqueueWithKey('k6')).not.toBe(first);
  });
});

describe('posthorn.cancel', () => {
  it('ends a webhook that waits, once', async () => {
    const id = await enqueueWithKey('c1');
    expect(await cancel(id)).toBe(true);
    expect(await cancel(id)).toBe(false);
    const { rows } = await database.pool.query(
      'select status, reason, next_attempt_at from posthorn.webhooks where id = $1',
      [id],
    );
    expect(rows).toEqual([{ status: 'cancelled', reason: 'cancelled', next_attempt_at: null }]);
  });

  it('leaves one that is being sent', async () => {
    const id = await enqueueWithKey('c2');
    await database.pool.query(
      `update posthorn.queue set lease_until = now() + interval '1 minute', leased_by = 1 where webhook_id = $1`,
      [id],
    );
    expect(await cancel(id)).toBe(false);
  });
});

describe('a role that is not the owner', () => {
  const role = `shop_${process.pid}`;

  beforeAll(async () => {
    await database.pool.query(`create role ${role}`);
    await database.pool.query(`grant usage on schema posthorn to ${role}`);
    // As the README says.
    await database.pool.query(
      `grant insert (url, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key, traceparent),
         select (id) on posthorn.outbox to ${role}`,
    );
  });

  afterAll(async () => {
    await database.pool.query(`drop owned by ${role}`);
    await database.pool.query(`drop role ${role}`);
  });

  /** Runs a statement as the role, and takes back what it did. */
  async function as(statement: string): Promise<unknown[]> {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await client.query(`set local role ${role}`);
      return (await client.query(statement)).rows;
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  it('may insert and learn the id', async () => {
    const rows = await as(
      `insert into posthorn.outbox (url, body, headers, idempotency_key)
       values ('https://example.com/', '{}', '{"a": "b"}', 'of the shop') returning id`,
    );
    expect(rows).toHaveLength(1);
  });

  it.each([
    'select body from posthorn.outbox',
    'select * from posthorn.queue',
    'select * from posthorn.webhooks',
    `update posthorn.outbox set url = 'https://evil.example/'`,
    'delete from posthorn.outbox',
    'truncate posthorn.outbox',
    `insert into posthorn.outbox (url, body, created_at) values ('https://a.example/', '', now())`,
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at) values (gen_random_uuid(), gen_random_uuid(), 1, 1, now())`,
    `select posthorn.cancel(gen_random_uuid())`,
    `select posthorn.enqueue('https://a.example/', '')`,
    'select posthorn.drop_partitions(current_date)',
  ])('may not: %s', async (statement) => {
    await expect(as(statement)).rejects.toMatchObject({ code: '42501' });
  });
});

it('gives ids in the order of time, version 7', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    'select posthorn.uuid_v7()::text as id, pg_sleep(0.002) from generate_series(1, 20)',
  );
  const ids = rows.map(({ id }) => id);
  expect(ids).toEqual([...ids].sort());
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
});

async function insert(values: Record<string, unknown>): Promise<void> {
  const row: Record<string, unknown> = { ...legal, ...values };
  const columns = Object.keys(row);
  await database.pool.query(
    `insert into posthorn.outbox (${columns.join(', ')})
     values (${columns.map((_, at) => `$${at + 1}`).join(', ')})`,
    Object.values(row),
  );
}

async function enqueueWithKey(key: string): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    'select posthorn.enqueue($1, $2, idempotency_key => $3) as id',
    [legal.url, legal.body, key],
  );
  return rows[0]?.id ?? '';
}

async function cancel(id: string): Promise<boolean | undefined> {
  const { rows } = await database.pool.query<{ cancel: boolean }>('select posthorn.cancel($1)', [
    id,
  ]);
  return rows[0]?.cancel;
}

import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf } from '../../src/db/sqlstate.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { connect, createTestRoles, type TestRoles } from '../support/roles.ts';

// Producers and readers look for a body, a secret, a header, a query string or an answer everywhere: in each relation,
// partition, column and function there is, whoever adds one, and in what Postgres tells of them.

const hidden = /hidden-(body|secret|header|query|answer)/;

let database: TestDatabase;
let roles: TestRoles;
/** What functions are called with, by type. */
let values: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
  const { rows } = await database.pool.query<{ id: string; endpoint: string }>(
    `with endpoint as (
       insert into posthorn.endpoints (url, secret, headers, former_secrets)
       values ('https://registered.example/?hidden-query', 'hidden-secret', '{"X-Token": "hidden-header"}',
         '[{"secret": "hidden-secret", "public_key": null, "expires_at": "2999-01-01T00:00:00Z"}]')
       returning id
     )
     select
       (select id from endpoint) as endpoint,
       posthorn.enqueue(url => 'https://example.com/?hidden-query', body => 'hidden-body', secret => 'hidden-secret',
         headers => '{"X-Note": "hidden-header"}', idempotency_key => 'known') as id`,
  );
  const { id = '', endpoint = '' } = rows[0] ?? {};
  // Often enough to be in the statistics as a most common value.
  await database.pool.query(
    `insert into posthorn.outbox (url, body, secret, headers)
     select url, body, secret, headers from posthorn.outbox, generate_series(1, 100)`,
  );
  await database.pool.query(
    `insert into posthorn.attempts (webhook_id, number, worker, response_body)
     select id, 1, 1, 'hidden-answer' from posthorn.outbox`,
  );
  await database.pool.query(
    `select posthorn_graphile.add_job('none', '{"note": "hidden-body"}', run_at => 'infinity')`,
  );
  await database.pool.query(
    'analyze posthorn.outbox, posthorn.attempts, posthorn.endpoints, posthorn_graphile._private_jobs',
  );
  values = {
    uuid: [`'${id}'`, `'${endpoint}'`],
    'uuid[]': [`array['${id}']::uuid[]`],
    text: [`'known'`, `'https://example.com/'`],
    date: ['current_date'],
    'timestamp with time zone': ['now()'],
    'bigint[]': ['(select array_agg(n) from generate_series(1, 100) as n)'],
  };
});

afterAll(() => roles[Symbol.asyncDispose]());

it('the owner finds all of it in these places, or these tests would look for nothing', async () => {
  await using client = await roles.connect('owner');
  const relations = await relationsOf(client);
  const found = new Set<string>();
  for (const { name, columns } of relations) {
    for (const column of columns) {
      const answer = await ask(client, `select ${column}::text from ${name}`);
      for (const [, what = ''] of answer.matchAll(new RegExp(hidden, 'g'))) {
        found.add(`${name.replace(/_\d{8}$/, '_today')}.${column}: ${what}`);
      }
    }
  }
  const places = [...found].sort();
  expect(places).toContain('posthorn.outbox.body: body');
  expect(places).toContain('posthorn.outbox_today.secret: secret');
  expect(places).toContain('posthorn.attempts.response_body: answer');
  expect(places).toContain('posthorn.endpoints.secret: secret');
  expect(places).toContain('posthorn.endpoints.former_secrets: secret');
  expect(places).toContain('posthorn.endpoints.headers: header');
  expect(places).toContain('posthorn.webhooks.url: query');
  expect(places).toContain('posthorn_graphile._private_jobs.payload: body');
  expect(places.filter((place) => place.includes('redacted_'))).toEqual([]);
  expect(await ask(client, 'select * from pg_stats')).toMatch(hidden);
});

describe.each(['producer', 'reader'] as const)('a %s finds none of it', (kind) => {
  it('in any relation, by the row and by the column', async () => {
    await using client = await roles.connect(kind);
    const relations = await relationsOf(client);
    expect(relations.length).toBeGreaterThan(40);
    for (const { name, columns } of relations) {
      const questions = [
        `select * from ${name}`,
        `select to_json(r)::text from ${name} as r`,
        `select r::text from ${name} as r`,
        ...columns.map((column) => `select ${column}::text from ${name}`),
      ];
      for (const question of questions) {
        expect(await ask(client, question), question).not.toMatch(hidden);
      }
    }
  });

  it('by any function', async () => {
    await using client = await roles.connect(kind);
    const { rows } = await client.query<{ name: string; types: string[] }>(
      `select
         p.oid::regproc::text as name,
         array(select format_type(t, null) from unnest(p.proargtypes) as t) as types
       from pg_proc as p
       where p.pronamespace in ('posthorn'::regnamespace, 'posthorn_graphile'::regnamespace)`,
    );
    expect(rows.length).toBeGreaterThan(15);
    for (const { name, types } of rows) {
      for (const turn of [0, 1]) {
        const given = types.map((type) => values[type]?.[turn] ?? values[type]?.[0] ?? 'null');
        const call = `select r::text from ${name}(${given.map((one, at) => `${one}::${types[at]}`).join(', ')}) as r`;
        expect(await ask(client, call), call).not.toMatch(hidden);
      }
    }
  });

  it('in the statistics of the planner, or in what others are doing', async () => {
    await using client = await roles.connect(kind);
    await using other = await connect(database.url);
    await other.query(`select 'hidden-body'`);
    for (const name of ['pg_stats', 'pg_stats_ext', 'pg_statistic', 'pg_stat_activity']) {
      expect(await ask(client, `select * from ${name}`), name).not.toMatch(hidden);
    }
    await using admin = await connect(database.url);
    expect(await ask(admin, 'select query from pg_stat_activity')).toMatch(hidden);
  });
});

it('a reader’s own function in a condition is not shown more than the view shows', async () => {
  await using client = await roles.connect('reader');
  const notices: string[] = [];
  client.on('notice', ({ message }) => notices.push(message ?? ''));
  const leak = `${roles.playground}.leak`;
  await client.query(
    `create function ${leak}(text) returns boolean language plpgsql cost 0.0000001
     as 'begin raise notice ''%'', $1; return true; end'`,
  );
  for (const name of ['redacted_outbox', 'redacted_endpoints', 'redacted_webhooks']) {
    await client.query(`select id from posthorn.${name} where ${leak}(url) limit 5`);
  }
  expect(notices.length).toBeGreaterThan(2);
  expect(notices.filter((notice) => hidden.test(notice))).toEqual([]);
});

it.each([
  ['a rule', `insert into posthorn.outbox (url, body) values ('ftp://example.com', 'mine')`],
  ['NOT NULL', `insert into posthorn.outbox (url, body) values ('https://mine.example', null)`],
])('what Postgres says of %s that is violated is the name of the rule alone', async (_, sql) => {
  await using client = await roles.connect('producer');
  const details = await ask(client, sql);
  expect(details).toMatch(/^23514 /);
  expect(details).not.toContain('mine');
  expect(details).not.toMatch(hidden);
});

/** All there are in both schemas, partitions and sequences too, and their columns. */
async function relationsOf(client: pg.Client): Promise<{ name: string; columns: string[] }[]> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `select
       c.oid::regclass::text as name,
       array(
         select quote_ident(a.attname)
         from pg_attribute as a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
     from pg_class as c
     where c.relnamespace in ('posthorn'::regnamespace, 'posthorn_graphile'::regnamespace)
       and c.relkind in ('r', 'p', 'v', 'm', 'S')
     order by 1`,
  );
  return rows;
}

/** Everything that Postgres answers, as text; an error's code, message and detail. Nothing of it lasts. */
async function ask(client: pg.Client, text: string): Promise<string> {
  await client.query('begin; set local jit = off');
  try {
    const { rows } = await client.query(text);
    return JSON.stringify(rows);
  } catch (error) {
    const { message, detail = '' } = error as pg.DatabaseError;
    return `${codeOf(error)} ${message} ${detail}`;
  } finally {
    await client.query('rollback');
  }
}

import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reservedHeaders } from '../../src/domain/reserved-headers.ts';
import { catchUpRules } from '../../src/input/catch-up-fields.ts';
import { newEndpoint } from '../../src/input/endpoint-fields.ts';
import { brokenEndpointRule, endpointRules } from '../../src/input/endpoint-rules.ts';
import { eventFields } from '../../src/input/event-request.ts';
import { webhookHeaders } from '../../src/input/headers.ts';
import { brokenOutboxRule, outboxRules } from '../../src/input/outbox-rules.ts';
import { sendFields } from '../../src/input/send-fields.ts';
import { subscriptionRules } from '../../src/input/subscription-rules.ts';
import { tenantRules } from '../../src/input/tenant-fields.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

const url = 'https://example.com/hooks';

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

const scripts = ['migrations/', 'sql/functions/'].flatMap((name) => {
  const folder = new URL(`../../${name}`, import.meta.url);
  return readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'));
});
/** Of a table: its CHECKs, and what its triggers raise. */
const namesIn = (sql: string, table: string) =>
  [
    ...sql.matchAll(/\bconstraint (\w+) check\b/g),
    ...sql.matchAll(/\bthen '(\w+)'/g),
    ...sql.matchAll(/\bbroken := '(\w+)'/g),
    ...sql.matchAll(/\breturn '(\w+)';/g),
    ...sql.matchAll(/\braise (?:check|foreign_key)_violation using\s+constraint = '(\w+)'/g),
  ].flatMap(([, name = '']) => (name.startsWith(`${table}_`) ? [name] : []));
/** The one CHECK of the outbox. Its function has the rules, and so has that of a trigger on the endpoints. */
const keepsRules = 'outbox_keeps_rules';
const raised = [
  'outbox_id_is_given',
  'outbox_id_is_of_today',
  'outbox_endpoint_id_is_registered',
  'outbox_tenant_is_not_full',
  'endpoints_deleted_is_final',
  'endpoints_tenant_is_fixed',
];

describe.each([
  ['outbox', outboxRules],
  ['endpoints', endpointRules],
  ['subscriptions', subscriptionRules],
  ['catch_ups', catchUpRules],
  ['tenants', tenantRules],
])('the rules of %s', (table, rules) => {
  it('are all that the SQL states, and no others', () => {
    const stated = new Set(scripts.flatMap((sql) => namesIn(sql, table)));
    stated.delete(keepsRules);
    expect(Object.keys(rules).sort()).toEqual([...stated].sort());
  });

  it('are said in a sentence each', () => {
    for (const { rule } of Object.values(rules)) expect(rule).toMatch(/^[a-z].+ must .+[^.]$/);
  });
});

describe.each([
  ['outbox', outboxRules],
  ['endpoints', endpointRules],
])('the rules of %s', (table, rules) => {
  it('are those of the table itself', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select conname::text as name
       from pg_constraint
       where conrelid = $1::regclass and contype = 'c' and conname <> $2
       union all
       select found[1]
       from pg_proc as p
       cross join regexp_matches(p.prosrc, $3, 'g') as found
       where p.pronamespace = 'posthorn'::regnamespace
         and p.proname in ('outbox_keeps_rules', 'endpoint_keeps_rules')`,
      [`posthorn.${table}`, keepsRules, `then '(${table}_\\w+)'`],
    );
    const ofTable = raised.filter((name) => name.startsWith(`${table}_`));
    expect([...rows.map(({ name }) => name), ...ofTable].sort()).toEqual(Object.keys(rules).sort());
  });
});

it('the rules are found in the SQL, or the test above would compare nothing', () => {
  const found = scripts.flatMap((sql) => namesIn(sql, 'outbox'));
  expect(found).toContain('outbox_secret_is_base64_after_whsec');
  expect(found.length).toBeGreaterThan(15);
});

describe('the rules of endpoints', () => {
  it.each(Object.entries(endpointRules))(
    'say %s in a sentence and point to its field',
    (name, rule) => {
      const { detail, code, pointer } = brokenEndpointRule(name);
      expect(detail).toMatch(/^[a-z].+ must .+[^.]$/);
      expect(code).toBe(name);
      const field = 'field' in rule ? rule.field : undefined;
      expect(pointer).toBe(field === undefined ? undefined : `/${field}`);
      if (field !== undefined) {
        expect(Object.keys(newEndpoint.schema.shape)).toContain(field);
        expect(name.startsWith(`endpoints_${field}_`)).toBe(true);
      }
    },
  );
});

describe('the rules of the outbox', () => {
  it.each(Object.entries(outboxRules))(
    'say %s in a sentence and point to its field',
    (name, rule) => {
      const { detail, code, pointer } = brokenOutboxRule(name);
      expect(detail).toMatch(/^[a-z].+ must .+[^.]$/);
      expect(code).toBe(name);
      if ('field' in rule) {
        const { shape } = /_event_/.test(name) ? eventFields : sendFields;
        expect(Object.keys(shape)).toContain(rule.field);
        expect(name.startsWith(`outbox_${rule.field}_`)).toBe(true);
        expect(pointer).toBe(`/${rule.field}`);
      } else {
        expect(pointer).toBeUndefined();
      }
    },
  );
});

describe('a header is judged by the API as by Postgres', () => {
  const reserved = reservedHeaders.flatMap((name) => [
    name.replace('*', ''),
    name.replace('*', 'anything').toUpperCase(),
    name.replace('*', 'a.b').toLowerCase(),
  ]);
  const free = [
    'X-Shop',
    'Authorization',
    'User-Agent',
    'Hosts',
    'X-Host',
    'tea',
    'x-webhook',
    'webhook',
  ];
  const strange = [
    '',
    'a b',
    'a:b',
    'ä',
    'Host\n',
    '\nHost',
    'a\n',
    'ſet-Host',
    'Hoſt',
    'a'.repeat(128),
    'a'.repeat(129),
  ];
  const values = ['', 'x', ' ~', 'a\nb', 'a\r\nb: c', '\t', 'ä', '\x7f'];

  const samples: readonly Record<string, string>[] = [
    ...[...reserved, ...free, ...strange].map((name) => ({ [name]: 'x' })),
    ...values.map((value) => ({ a: value })),
    { a: '1', A: '2' },
    { a: '1', b: '2' },
  ];

  it.each(samples)('%j', async (headers) => {
    const byPostgres = await database.pool
      .query('insert into posthorn.outbox (url, body, headers) values ($1, $2, $3)', [
        url,
        'x',
        JSON.stringify(headers),
      ])
      .then(
        () => [],
        (error: object) => [Reflect.get(error, 'constraint')],
      );
    const issues = webhookHeaders.safeParse(headers).error?.issues ?? [];
    const byApi = issues.map((issue) => Reflect.get(Reflect.get(issue, 'params'), 'rule'));
    expect(byApi).toEqual(byPostgres);
  });
});

describe('headers that break rules', () => {
  it('are all named, with what else is wrong', async () => {
    const headers = { Host: 'a', ok: 'b', 'x/y': 'c', 'Webhook-Id': 'd\n', OK: 'e', n: 1 };
    const { status, json } = await api.send({ url: 'x', body: 1, headers });
    expect(status).toBe(400);
    expect(json.errors).toMatchObject([
      { pointer: '/url', code: 'invalid_url' },
      { pointer: '/headers/Host', code: 'outbox_headers_names_are_not_reserved' },
      { pointer: '/headers/x~1y', code: 'outbox_headers_names_are_tokens' },
      { pointer: '/headers/Webhook-Id', code: 'outbox_headers_names_are_not_reserved' },
      { pointer: '/headers/Webhook-Id', code: 'outbox_headers_values_are_printable_ascii' },
      { pointer: '/headers/OK', code: 'outbox_headers_names_are_unique' },
      { pointer: '/headers/n', code: 'invalid_headers' },
    ]);
    expect(json.errors).toContainEqual(
      expect.objectContaining({
        detail: expect.stringMatching(/Transfer-Encoding.+: the header Host breaks this rule$/),
      }),
    );
  });

  it('together are refused by Postgres, with the rule in full', async () => {
    const { status, json } = await api.send({ url, body: 1, headers: { a: 'b'.repeat(8_192) } });
    expect([status, json.code]).toEqual([400, 'outbox_headers_are_at_most_8_kib']);
    expect(json.detail).toBe('headers must be at most 8 KiB (8192 bytes) together, as JSON');
  });
});

describe('a CHECK that is not ours', () => {
  it('on the outbox is the caller’s to keep, and is named', async () => {
    await using own = await openOwn();
    await own.database.pool.query(
      `alter table posthorn.outbox add constraint only_our_customers check (url like 'https://shop.example/%')`,
    );
    const { status, json } = await own.api.send({ url, body: 1 });
    expect([status, json.code]).toEqual([400, 'only_our_customers']);
    expect(json.detail).toBe('the constraint only_our_customers of posthorn.outbox must hold');
  });

  it('on another table is no mistake of the caller', async () => {
    await using own = await openOwn();
    await own.database.pool.query(
      'alter table posthorn.queue add constraint queue_stays_empty check (false)',
    );
    const { status, json } = await own.api.send({ url, body: 1 });
    expect([status, json.code]).toEqual([500, 'internal_error']);
    expect(own.api.logged).toMatchObject([{ level: 'error', fields: { code: '23514' } }]);
  });
});

async function openOwn(): Promise<AsyncDisposable & { database: TestDatabase; api: TestApi }> {
  const own = await createTestDatabase();
  const ownApi = await serveTestApi(own.url);
  return {
    database: own,
    api: ownApi,
    [Symbol.asyncDispose]: async () => {
      await ownApi.close();
      await own.drop();
    },
  };
}

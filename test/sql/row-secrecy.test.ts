import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { endpointRules } from '../../src/input/endpoint-rules.ts';
import { outboxRules } from '../../src/input/outbox-rules.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// Postgres' own error for a broken CHECK or NOT NULL repeats the row. No rule of a table with secrets may be broken that way.

const marker = 'hunter2';
/** Whatever may be secret has the marker in it. */
const secret = {
  url: `https://example.com/${marker}-path?token=${marker}`,
  secret: `${marker}-secret`,
  headers: { Authorization: `${marker}-header` },
} as const;
const webhook = { ...secret, body: `${marker}-body` };
const endpoint = { ...secret, description: `${marker}-description` };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `insert into posthorn.tenants (id, max_waiting, refuse_when_full, full_since)
     values ('full', 1, true, now())`,
  );
});

afterAll(() => database.drop());

/** What Postgres said beside the names of the rules of the outbox. */
const hints = new Map<string, string>();

type Row = Readonly<Record<string, unknown>>;

async function insert(table: string, row: Row): Promise<void> {
  const names = Object.keys(row);
  await database.pool.query(
    `insert into posthorn.${table} (${names.join(', ')})
     values (${names.map((_, at) => `$${at + 1}`).join(', ')})`,
    Object.values(row),
  );
}

/** The rule that an insert breaks, after a look at everything that Postgres says about it; undefined when it is legal. */
async function brokenRule(table: string, row: Row): Promise<string | undefined> {
  try {
    await insert(table, row);
    return undefined;
  } catch (error) {
    const said = JSON.stringify({ ...(error as object), message: String(error) });
    expect(said).not.toContain(marker);
    expect(said).not.toContain('Failing row');
    const { constraint, hint } = error as { constraint?: string; hint?: string };
    if (table === 'outbox' && constraint !== undefined) hints.set(constraint, hint ?? '');
    return constraint;
  }
}

const v7 = '01a22c64-efc3-7000-8000-000000000000';
const v4 = '01a22c64-efc3-4000-8000-000000000000';
const none = '00000000-0000-0000-0000-000000000000';
const headers = (more: object) => ({ headers: { ...secret.headers, ...more } });

/** One way to break each rule. */
const outboxFaults: Readonly<Record<keyof typeof outboxRules, Row>> = {
  outbox_id_is_given: { id: null },
  outbox_id_is_uuid_v7: { id: v4 },
  outbox_id_is_of_today: { id: '00000000-0000-7000-8000-000000000000' },
  outbox_defaults_are_not_null: { priority: null },
  outbox_tenant_is_at_most_255_bytes: { tenant: marker.repeat(100) },
  outbox_tenant_is_one_unless_it_is_an_event: { tenant: '*' },
  outbox_tenant_is_not_full: { tenant: 'full' },
  outbox_event_type_is_words: { url: null, event_type: `${marker} ` },
  outbox_event_type_is_not_reserved: { url: null, event_type: `posthorn.${marker}` },
  outbox_event_has_no_secret: { url: null, event_type: marker },
  outbox_created_at_is_finite: { created_at: 'infinity' },
  outbox_has_a_url_an_endpoint_id_or_an_event_type: { endpoint_id: v7 },
  outbox_endpoint_id_is_registered: { url: null, endpoint_id: v7 },
  outbox_url_is_http: { url: `ftp://${marker}` },
  outbox_url_is_at_most_2048_bytes: { url: `${secret.url}${'x'.repeat(2048)}` },
  outbox_body_is_given: { body: null },
  outbox_body_is_at_most_1_mib: { body: marker.repeat(200_000) },
  outbox_headers_is_object: { headers: JSON.stringify(marker) },
  outbox_headers_are_at_most_8_kib: headers({ a: 'x'.repeat(9_000) }),
  outbox_headers_values_are_strings: headers({ a: 1 }),
  outbox_headers_values_are_printable_ascii: headers({ a: '\n' }),
  outbox_headers_names_are_tokens: headers({ 'a b': '' }),
  outbox_headers_names_are_unique: headers({ authorization: '' }),
  outbox_headers_names_are_not_reserved: headers({ Host: '' }),
  outbox_secret_is_1_to_512_bytes: { secret: marker.repeat(100) },
  outbox_secret_is_base64_after_whsec: { secret: `whsec_${marker}` },
  outbox_secret_is_ed25519_after_whsk: { secret: `whsk_${marker}` },
  outbox_content_type_is_media_type: { content_type: marker },
  outbox_priority_is_high_normal_or_low: { priority: marker },
  outbox_send_at_is_within_a_year: { send_at: 'infinity' },
  outbox_max_attempts_is_1_to_100: { max_attempts: 0 },
  outbox_idempotency_key_is_1_to_255_printable_ascii: { idempotency_key: '' },
  outbox_traceparent_is_w3c: { traceparent: marker },
};

const endpointFaults: Readonly<
  Record<
    Exclude<keyof typeof endpointRules, 'endpoints_deleted_is_final' | 'endpoints_tenant_is_fixed'>,
    Row
  >
> = {
  endpoints_id_is_given: { id: null },
  endpoints_id_is_uuid_v7: { id: v4 },
  endpoints_defaults_are_not_null: { ordered: null },
  endpoints_tenant_is_at_most_255_bytes: { tenant: marker.repeat(100) },
  endpoints_tenant_is_one: { tenant: '*' },
  endpoints_url_is_given: { url: null },
  endpoints_url_is_http: { url: marker },
  endpoints_url_is_at_most_2048_bytes: { url: `${secret.url}${'x'.repeat(2048)}` },
  endpoints_description_is_at_most_1_kib: { description: marker.repeat(200) },
  endpoints_secret_is_1_to_512_bytes: { secret: marker.repeat(100) },
  endpoints_secret_is_base64_after_whsec: { secret: `whsec_${marker}` },
  endpoints_secret_is_ed25519_after_whsk: { secret: `whsk_${marker}` },
  endpoints_secret_is_not_like_sealed: { secret: `sealed:${marker}` },
  endpoints_public_key_is_ed25519: { public_key: marker },
  endpoints_former_secrets_are_at_most_2: { former_secrets: JSON.stringify([]) },
  endpoints_headers_is_object: { headers: JSON.stringify(marker) },
  endpoints_headers_are_at_most_8_kib: headers({ a: 'x'.repeat(9_000) }),
  endpoints_headers_values_are_strings: headers({ a: 1 }),
  endpoints_headers_values_are_printable_ascii: headers({ a: '\n' }),
  endpoints_headers_names_are_tokens: headers({ 'a b': '' }),
  endpoints_headers_names_are_unique: headers({ authorization: '' }),
  endpoints_headers_names_are_not_reserved: headers({ Host: '' }),
  endpoints_max_in_flight_is_1_to_10000: { max_in_flight: 0 },
  endpoints_rate_limit_per_s_is_0_001_to_10000: { rate_limit_per_s: 'NaN' },
  endpoints_timeout_ms_is_100_to_60000: { timeout_ms: 1 },
  endpoints_retry_schedule_s_is_0_to_99_delays_of_at_most_30_days: { retry_schedule_s: [1, null] },
};

describe.each([
  ['outbox', webhook, outboxFaults],
  ['endpoints', endpoint, endpointFaults],
])('no error about a row of %s holds what is in it', (table, row, faults) => {
  it.each(Object.entries(faults))('when it breaks %s', async (rule, fault) => {
    expect(await brokenRule(table, { ...row, ...fault })).toBe(rule);
  });

  it('whichever column is null', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select attname::text as name
       from pg_attribute
       where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
      [`posthorn.${table}`],
    );
    expect(rows.length).toBeGreaterThan(10);
    for (const { name } of rows) await brokenRule(table, { ...row, [name]: null });
  });

  it('by enqueue(), a row of one value too many and one with an id that is taken', async () => {
    await database.pool
      .query('select posthorn.enqueue(url => $1, body => $2, secret => $3, priority => $4)', [
        webhook.url,
        webhook.body,
        webhook.secret,
        marker,
      ])
      .catch((error: object) => {
        expect(JSON.stringify({ ...error, message: String(error) })).not.toContain(marker);
      });
    const id = await database.pool.query<{ id: string }>('select posthorn.uuid_v7() as id');
    await insert(table, { ...row, id: id.rows[0]?.id ?? none });
    expect(await brokenRule(table, { ...row, id: id.rows[0]?.id ?? none })).toMatch(/_pkey$/);
  });
});

it('docs/sending.md has every rule of the outbox with its hint', () => {
  const page = readFileSync(new URL('../../docs/sending.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(outbox_\w+)` \| (.*) \|$/gm)].map(
    ([, rule = '', text = '']) => [rule, plain(text)] as const,
  );
  const documented = new Map(rows);
  expect([...documented.keys()].toSorted()).toEqual(
    [...Object.keys(outboxRules), 'outbox_idempotency_key_is_unique'].toSorted(),
  );
  for (const rule of Object.keys(outboxRules)) {
    const hint = hints.get(rule);
    if (hint !== undefined) expect([rule, plain(hint)]).toEqual([rule, documented.get(rule)]);
  }
});

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text.replaceAll(/[`\\]/g, '');
}

it('nor does an error about a change of an endpoint', async () => {
  await insert('endpoints', endpoint);
  const changed = database.pool.query(`update posthorn.endpoints set max_in_flight = 0`);
  const error: object = await changed.then(
    () => ({}),
    (cause: object) => cause,
  );
  expect(error).toMatchObject({ constraint: 'endpoints_max_in_flight_is_1_to_10000' });
  expect(JSON.stringify(error)).not.toContain(marker);
});

it('no other constraint of these tables is left that repeats the row', async () => {
  const { rows } = await database.pool.query(
    `select conname
     from pg_constraint
     where conrelid in ('posthorn.outbox'::regclass, 'posthorn.endpoints'::regclass)
       and contype = 'c'`,
  );
  expect(rows).toEqual([{ conname: 'outbox_keeps_rules' }]);
});

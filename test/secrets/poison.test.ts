import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { codeOf } from '../../src/db/sqlstate.ts';
import { outboxRules } from '../../src/input/outbox-rules.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { createTestRoles, type TestRoles } from '../support/roles.ts';
import { forFile } from '../support/world.ts';

// What a producer inserts is refused at INSERT by a rule that names itself, or it ends with an outcome: nothing that is legal
// stops a worker, nor what others send meanwhile.

type Row = Readonly<Record<string, unknown>>;

let database: TestDatabase;
let roles: TestRoles;
let producer: pg.Client;
const receiver = forFile(startReceiver);

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
  producer = await roles.connect('producer');
});

afterAll(async () => {
  await producer.end();
  await roles[Symbol.asyncDispose]();
});

/** The rule that refused it, or undefined. Values that Postgres itself cannot take have a code of class 22. */
async function refusal(row: Row): Promise<string | undefined> {
  const columns = Object.keys(row);
  try {
    await producer.query(
      `insert into posthorn.outbox (${columns.join(', ')}) values (${columns.map((_, at) => `$${at + 1}`).join(', ')})`,
      Object.values(row),
    );
    return undefined;
  } catch (error) {
    const rule = String(Reflect.get(error as object, 'constraint') ?? '');
    const code = codeOf(error) ?? 'none';
    if (rule !== '' && Object.hasOwn(outboxRules, rule)) return rule;
    if (/^22|^42501$|^23502$|^54000$/.test(code)) return code;
    throw error;
  }
}

describe('refused at INSERT, by the name of the rule', () => {
  const url = 'https://example.com/';
  const ok = { url, body: '{}' };
  const cases: readonly (readonly [row: Row, rule: string])[] = [
    [{ body: '{}' }, 'outbox_has_a_url_an_endpoint_id_or_an_event_type'],
    [{ url, body: null }, 'outbox_body_is_given'],
    [{ ...ok, url: 'garbage' }, 'outbox_url_is_http'],
    [{ ...ok, url: 'ftp://example.com' }, 'outbox_url_is_http'],
    [{ ...ok, url: 'http://user:pass@example.com/' }, 'outbox_url_is_http'],
    [{ ...ok, url: `${url}${'x'.repeat(2_048)}` }, 'outbox_url_is_at_most_2048_bytes'],
    [
      { endpoint_id: '019aaaaa-0000-7000-8000-000000000000', body: '' },
      'outbox_endpoint_id_is_registered',
    ],
    [{ ...ok, body: 'x'.repeat(1_048_577) }, 'outbox_body_is_at_most_1_mib'],
    [{ ...ok, body: 'a\0b' }, '22021'],
    [{ ...ok, headers: '{"a": "\\u0000"}' }, '22P05'],
    [{ ...ok, headers: '[]' }, 'outbox_headers_is_object'],
    [{ ...ok, headers: '{"a": 1}' }, 'outbox_headers_values_are_strings'],
    [{ ...ok, headers: '{"Host": "x"}' }, 'outbox_headers_names_are_not_reserved'],
    [{ ...ok, headers: '{"a b": "x"}' }, 'outbox_headers_names_are_tokens'],
    [{ ...ok, headers: '{"a": "x\\r\\ny: z"}' }, 'outbox_headers_values_are_printable_ascii'],
    [{ ...ok, headers: '{"a": "1", "A": "2"}' }, 'outbox_headers_names_are_unique'],
    [
      { ...ok, headers: JSON.stringify({ a: 'x'.repeat(8_192) }) },
      'outbox_headers_are_at_most_8_kib',
    ],
    [{ ...ok, secret: '' }, 'outbox_secret_is_1_to_512_bytes'],
    [{ ...ok, secret: 'whsec_short' }, 'outbox_secret_is_base64_after_whsec'],
    [{ ...ok, secret: 'whsk_short' }, 'outbox_secret_is_ed25519_after_whsk'],
    [{ ...ok, priority: 'urgent' }, 'outbox_priority_is_high_normal_or_low'],
    [{ ...ok, send_at: 'infinity' }, 'outbox_send_at_is_within_a_year'],
    [{ ...ok, send_at: '-infinity' }, 'outbox_send_at_is_within_a_year'],
    [{ ...ok, send_at: '2999-01-01' }, 'outbox_send_at_is_within_a_year'],
    [{ ...ok, send_at: 'the day after' }, '22007'],
    [{ ...ok, max_attempts: 0 }, 'outbox_max_attempts_is_1_to_100'],
    [{ ...ok, max_attempts: 2_147_483_648 }, '22003'],
    [{ ...ok, content_type: 'text' }, 'outbox_content_type_is_media_type'],
    [{ ...ok, traceparent: 'x' }, 'outbox_traceparent_is_w3c'],
    [{ ...ok, idempotency_key: 'ü' }, 'outbox_idempotency_key_is_1_to_255_printable_ascii'],
    [{ ...ok, id: '019aaaaa-0000-7000-8000-000000000000' }, '42501'],
    [{ ...ok, created_at: '2020-01-01' }, '42501'],
    [{ ...ok, signed_as: '019aaaaa-0000-7000-8000-000000000000' }, '42501'],
  ];

  it.each(cases.map(([row, rule], at) => [at, rule, row] as const))(
    '%i: %s',
    async (...[, rule, row]) => {
      expect(await refusal(row)).toBe(rule);
    },
  );
});

/** Legal by the rules, or nearly, and nothing that a receiver would like. */
const nasty = {
  url: (port: string) => [
    `http://127.0.0.1:${port}/?${'q'.repeat(2_000)}`,
    `http://127.0.0.1:${port}/%zz%00%ff`,
    `http://127.0.0.1:${port}/a/../../b//c;d`,
    `http://127.0.0.1:${port}/ü✓𝄞`,
    `http://127.0.0.1:${port}/"<>{}|^\``,
    `http://0x7f.1:${port}/`,
    `http://2130706433:${port}/`,
    `http://0177.0.0.1:${port}/`,
    `http://１２７.0.0.1:${port}/`,
    'http://127.0.0.1:0/',
    'http://127.0.0.1:65536/',
    'http://127.0.0.1:99999/',
    'http://127.0.0.1:00080/',
    'http://[::1]:1/',
    'http://[::]/',
    'http://[:::::::]/',
    'http://[1:2:3:4:5:6:7:8:9]/',
    'http://[::ffff:127.0.0.1]:1/',
    'http://[....]/',
    'http://a..b.invalid/',
    'http://.../',
    'http://-a.invalid/',
    `http://${'a'.repeat(64)}.invalid/`,
    `http://${'a.'.repeat(300)}invalid/`,
    'http://xn--.invalid/',
    'http://xn--a-ü.invalid/',
    'http://ü.invalid/',
    'http://\u{1F4A9}.invalid/',
    'http://\u200b/',
    'http://\u00ad/',
    'http://a\u202eb.invalid/',
    'http://%31%32%37.0.0.1/',
    'http://%/',
    'http://%00.invalid/',
    'http://a%20b.invalid/',
    'http://a|b.invalid/',
    'http://a<b>.invalid/',
    'http://a^b.invalid/',
    'http://[0:0:0:0:0:ffff:7f00:1]:1/?x',
    'HTTP://127.0.0.1:1/',
    'http://256.256.256.256/',
    'http://0/',
    'http://999999999999/',
    'http://127.0.0.1:1?x',
    'http://localhost.:1/',
    'https://127.0.0.1:1/',
  ],
  headers: [
    null,
    {},
    { 'User-Agent': '' },
    JSON.parse('{"__proto__": "x", "constructor": "y", "toString": "z"}'),
    Object.fromEntries(Array.from({ length: 650 }, (_, at) => [`h${at}`, ''])),
    { ['n'.repeat(128)]: 'v' },
    { "!#$%&'*+-.^_`|~": ' !"#$%&\'()*+,/:;<=>?@[\\]^_`{|}~ ' },
    { Date: 'never', Cookies: 'x', Range: 'bytes=0-', 'If-Match': '*', Via: '1.1 x' },
    { 'Set-Cookie': 'a=b', 'Content-Disposition': 'x', 'Content-Range': 'x', Date: '' },
    { 'http2-settings': 'AAAA', 'x-http-method-override': 'DELETE' },
  ],
  secret: [
    null,
    'x',
    ' ',
    '\n',
    '\u{10FFFF}',
    'é'.repeat(256),
    'sealed:v1:k1:AAAA',
    'sealed:',
    'whsk-',
    'WHSEC_',
    `whsk_${Buffer.alloc(64).toString('base64')}`,
    `whsk_${Buffer.alloc(64, 255).toString('base64')}`,
    `whsec_${Buffer.alloc(24).toString('base64')}`,
    `whsec_${Buffer.alloc(64, 255).toString('base64')}`,
    'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=',
  ],
  content_type: ['application/json', 'a/b', 'x/y; charset="', `text/x; ${'~'.repeat(200)}`, '!/!'],
  body: ['', ' ', '\uFEFF', '{', 'null', '1e400', '\r\n\r\n', '\u2028', '{"__proto__": 1}'],
  send_at: [null, '1970-01-01', '4713-01-01 BC', '0001-01-01', 'now', 'epoch', 'yesterday'],
  idempotency_key: [null, null, null, ' ', '~', ',', 'a, b', '" \\'],
  traceparent: [
    null,
    '00-00000000000000000000000000000000-0000000000000000-00',
    'ff-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff',
  ],
  max_attempts: [1, 2],
  priority: ['high', 'normal', 'low'],
};

it('all that is legal ends with an outcome, whatever it is, and ordinary webhooks are delivered meanwhile', async () => {
  const port = new URL(receiver.url).port;
  const urls = nasty.url(port);
  const single: Row[] = [
    ...urls.map((url) => ({ url })),
    ...Object.entries(nasty).flatMap(([column, values]) =>
      Array.isArray(values) ? values.map((value) => ({ [column]: value })) : [],
    ),
  ];
  const mixed = fc.sample(
    fc.record({
      url: fc.oneof(
        fc.constantFrom(...urls),
        fc.webUrl().map(() => `${receiver.url}/mixed`),
      ),
      headers: fc.constantFrom(...nasty.headers),
      secret: fc.constantFrom(...nasty.secret),
      content_type: fc.constantFrom(...nasty.content_type),
      body: fc.oneof(
        fc.constantFrom(...nasty.body),
        fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '').toWellFormed()),
      ),
      send_at: fc.constantFrom(...nasty.send_at),
      idempotency_key: fc.constantFrom(...nasty.idempotency_key),
      traceparent: fc.constantFrom(...nasty.traceparent),
      max_attempts: fc.constantFrom(...nasty.max_attempts),
      priority: fc.constantFrom(...nasty.priority),
    }),
    { numRuns: 1_000, seed: 7 },
  );
  await using engine = await startEngine(database, {
    env: {
      POSTHORN_RETRY_SCHEDULE: '20ms',
      POSTHORN_TIMEOUT: '2s',
      POSTHORN_CONNECT_TIMEOUT: '1s',
    },
  });
  const reasons = new Map<string, number>();
  let inserted = 0;
  let ordinary = 0;
  for (const [at, row] of [...single, ...mixed].entries()) {
    const key = row['idempotency_key'];
    const own = typeof key === 'string' ? { idempotency_key: `${key}${at}` } : {};
    const nastyRow = { url: `${receiver.url}/nasty`, body: '{}', max_attempts: 2, ...row, ...own };
    // Each has a lane of its own, or those of a lane that fails would rest after each other.
    const full = { ...nastyRow, url: nastyRow.url.replace(/(?<=[/?]x?)$/, String(at)) };
    const rule = await refusal(full);
    if (rule === undefined) inserted += 1;
    else reasons.set(rule, (reasons.get(rule) ?? 0) + 1);
    if (at % 10 !== 0) continue;
    ordinary += 1;
    expect(await refusal({ url: `${receiver.url}/ordinary`, body: String(at) })).toBeUndefined();
  }
  await eventually(
    async () => {
      // What fails is not waited for: this is about what ends, not when.
      await database.pool.query(
        `with gone as (delete from posthorn.breakers returning 1)
       select pg_notify('posthorn_wake', 'scan') from gone limit 1`,
      );
      const { rows } = await database.pool.query('select from posthorn.queue');
      return rows.length === 0;
    },
    `all have ended (${engine.address})`,
    90_000,
  );
  const { rows: ended } = await database.pool.query<{
    status: string;
    reason: string;
    count: number;
  }>(
    `select status::text, reason, count(*)::integer as count from posthorn.outcomes group by 1, 2 order by 3 desc`,
  );
  expect(ended.reduce((sum, { count }) => sum + count, 0)).toBe(inserted + ordinary);
  expect(ended.map(({ reason }) => reason)).not.toContain('unclassified');
  expect(inserted).toBeGreaterThan(700);
  const delivered = new Set(
    receiver.requests.filter(({ path }) => path === '/ordinary').map(({ body }) => String(body)),
  );
  expect(delivered.size).toBe(ordinary);
  // Each kind of trouble has been there, or this test would prove nothing.
  expect(ended.map(({ reason }) => reason)).toEqual(
    expect.arrayContaining(['url_invalid', 'request_invalid', 'connection_refused']),
  );
});

it('every code point that Postgres can store arrives byte for byte', async () => {
  await using _engine = await startEngine(database);
  const bodies: string[] = [];
  for (let from = 1; from < 0x110000; from += 0x20000) {
    let text = '';
    for (let point = from; point < Math.min(from + 0x20000, 0x110000); point += 1) {
      if (point < 0xd800 || point > 0xdfff) text += String.fromCodePoint(point);
    }
    bodies.push(text);
  }
  for (const body of bodies) {
    expect(await refusal({ url: `${receiver.url}/points`, body })).toBeUndefined();
  }
  const arrived = () => receiver.requests.filter(({ path }) => path === '/points');
  await receiver.until(() => arrived().length === bodies.length);
  const texts = new Set(arrived().map(({ body }) => body.toString()));
  expect(bodies.every((body) => texts.has(body))).toBe(true);
});

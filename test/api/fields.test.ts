import { describe, expect, it } from 'vitest';
import { changedEndpointFields, newEndpointFields } from '../../src/input/endpoint-fields.ts';
import { readFilter } from '../../src/input/filter-fields.ts';
import { type FieldSet, readFields } from '../../src/input/read-fields.ts';
import { sendFieldSet } from '../../src/input/send-request.ts';

// What fields take, up to the last value and the first that is too much. Written out: a limit that moves must be noticed.

/** The value as a statement takes it, or the codes of what is wrong. */
function read(set: FieldSet<string>, name: string, json: string): unknown {
  const { values, errors } = readFields(new Map([[name, json]]), { ...set, required: [] });
  if (errors.length > 0) return errors.map(({ code }) => code).join(' ');
  return values.has(name) ? values.get(name) : 'not given';
}

const text = (value: string) => JSON.stringify(value);
const array = (count: number) => JSON.stringify(Array(count).fill(1));
const name63 = 'a'.repeat(63);
const name253 = `${`${name63}.`.repeat(3)}${'a'.repeat(61)}`;
const header = (name: string, value: string) => JSON.stringify({ [name]: value });
const badUrl = 'invalid_url';

const takenByBoth: readonly (readonly [name: string, json: string, becomes: unknown])[] = [
  ['url', text('HTTPS://Example.COM:443/a/../b?q=ä'), 'https://example.com/b?q=%C3%A4'],
  ['url', text('http://a.example:65535/'), 'http://a.example:65535/'],
  ['url', text('http://a.example:65536/'), badUrl],
  ['url', text('http://a.example:0/'), badUrl],
  ['url', text(`http://${name63}.example/`), `http://${name63}.example/`],
  ['url', text(`http://${name63}a.example/`), badUrl],
  ['url', text(`http://${name253}/`), `http://${name253}/`],
  ['url', text(`http://${name253}a/`), badUrl],
  ['url', text('http://a.example./'), 'http://a.example./'],
  ['url', text('http://a..example/'), badUrl],
  ['url', text('ftp://a.example/'), badUrl],
  ['url', text('//a.example/'), badUrl],
  ['url', text('http:a.example'), badUrl],
  ['url', text('http:///a.example'), badUrl],
  ['url', text('xhttp://a.example/'), badUrl],
  ['url', text('http://user@a.example/'), badUrl],
  ['url', text('http://:password@a.example/'), badUrl],
  ['url', text('http://a.example/#here'), badUrl],
  ['url', text('http://a.example/#'), badUrl],
  ['url', text('http://a.example/a b'), badUrl],
  ['url', text('http://a.example/a\tb'), badUrl],
  ['url', text('http://a.example/a\u0085b'), badUrl],
  ['url', text('http://a.example/a\\b'), badUrl],
  ['url', '7', badUrl],
  ['headers', header('x'.repeat(128), ' ~'), header('x'.repeat(128), ' ~')],
  ['headers', '[]', 'invalid_headers'],
  ['headers', '{"a":1}', 'invalid_headers'],
  ['headers', '{"a":"1","a":"2"}', 'invalid_headers'],
];

const takenByEndpoints: typeof takenByBoth = [
  ...takenByBoth,
  ['max_in_flight', '0', 'invalid_max_in_flight'],
  ['max_in_flight', '1', 1],
  ['max_in_flight', '10000', 10_000],
  ['max_in_flight', '10001', 'invalid_max_in_flight'],
  ['max_in_flight', '1.5', 'invalid_max_in_flight'],
  ['max_in_flight', '"1"', 'invalid_max_in_flight'],
  ['max_in_flight', 'true', 'invalid_max_in_flight'],
  ['rate_limit_per_s', '0.0009', 'invalid_rate_limit_per_s'],
  ['rate_limit_per_s', '0.001', 0.001],
  ['rate_limit_per_s', '10000', 10_000],
  ['rate_limit_per_s', '10000.1', 'invalid_rate_limit_per_s'],
  ['timeout_ms', '99', 'invalid_timeout_ms'],
  ['timeout_ms', '100', 100],
  ['timeout_ms', '60000', 60_000],
  ['timeout_ms', '60001', 'invalid_timeout_ms'],
  ['retry_schedule_s', '[]', '{}'],
  ['retry_schedule_s', '[0,2592000]', '{0,2592000}'],
  ['retry_schedule_s', '[2592001]', 'invalid_retry_schedule_s'],
  ['retry_schedule_s', '[-1]', 'invalid_retry_schedule_s'],
  ['retry_schedule_s', '[1.5]', 'invalid_retry_schedule_s'],
  ['retry_schedule_s', '["1"]', 'invalid_retry_schedule_s'],
  ['retry_schedule_s', '5', 'invalid_retry_schedule_s'],
  ['retry_schedule_s', array(99), `{${Array(99).fill(1).join(',')}}`],
  ['retry_schedule_s', array(100), 'invalid_retry_schedule_s'],
  ['ordered', 'true', 'true'],
  ['ordered', 'false', 'false'],
  ['ordered', '1', 'invalid_ordered'],
  ['ordered', '"true"', 'invalid_ordered'],
  ['description', '""', ''],
  ['description', text('a\0b'), 'invalid_description'],
  ['description', '"\\ud800"', 'invalid_description'],
  ['secret', text('any text'), 'any text'],
  ['secret', text('x'.repeat(512)), 'x'.repeat(512)],
  ['secret', text('x'.repeat(513)), 'endpoints_secret_is_1_to_512_bytes'],
  ['secret', text('ä'.repeat(257)), 'endpoints_secret_is_1_to_512_bytes'],
  ['secret', '""', 'endpoints_secret_is_1_to_512_bytes'],
  ['secret', text('whsec_short'), 'endpoints_secret_is_base64_after_whsec'],
  ['secret', text('sealed:x'), 'endpoints_secret_is_not_like_sealed'],
  ['secret', '7', 'invalid_secret'],
  ['headers', '{}', null],
  // As jsonb writes it: with a blank after each colon and each comma.
  ['headers', header('X', 'a'.repeat(8_183)), header('X', 'a'.repeat(8_183))],
  ['headers', header('X', 'a'.repeat(8_184)), 'endpoints_headers_are_at_most_8_kib'],
  ['headers', `{"X":"${'a'.repeat(8_174)}","Y":""}`, `{"X":"${'a'.repeat(8_174)}","Y":""}`],
  ['headers', `{"X":"${'a'.repeat(8_175)}","Y":""}`, 'endpoints_headers_are_at_most_8_kib'],
  ['headers', header('x'.repeat(129), ''), 'endpoints_headers_names_are_tokens'],
  ['headers', header('', ''), 'endpoints_headers_names_are_tokens'],
  ['headers', header('Host', ''), 'endpoints_headers_names_are_not_reserved'],
  ['headers', '{"a":"","A":""}', 'endpoints_headers_names_are_unique'],
  ['headers', header('X', 'a\tb'), 'endpoints_headers_values_are_printable_ascii'],
  ['headers', header('X', '\u007f'), 'endpoints_headers_values_are_printable_ascii'],
  ['headers', header('X', 'ä'), 'endpoints_headers_values_are_printable_ascii'],
];

const takenBySending: typeof takenByBoth = [
  ...takenByBoth,
  ['max_attempts', '0', 'invalid_max_attempts'],
  ['max_attempts', '1', 1],
  ['max_attempts', '100', 100],
  ['max_attempts', '101', 'invalid_max_attempts'],
  ...['high', 'normal', 'low'].map((word) => ['priority', text(word), word] as const),
  ['priority', '"urgent"', 'invalid_priority'],
  ['priority', '1', 'invalid_priority'],
  ['idempotency_key', text('~'.repeat(255)), '~'.repeat(255)],
  ['idempotency_key', text('~'.repeat(256)), 'invalid_idempotency_key'],
  ['idempotency_key', '" "', ' '],
  ['idempotency_key', '""', 'invalid_idempotency_key'],
  ['idempotency_key', '"a\\nb"', 'invalid_idempotency_key'],
  ['idempotency_key', '"\\u007f"', 'invalid_idempotency_key'],
  ['body', '"text"', 'text'],
  ['body', '{ "n": 1.0 }', '{ "n": 1.0 }'],
  ['send_at', text('2030-01-31T12:00:00Z'), expect.stringMatching(/^2030-01-31T12:00:00/)],
  ['send_at', text('2030-01-31T12:00:00'), 'invalid_send_at'],
  ['headers', header('x'.repeat(129), ''), 'outbox_headers_names_are_tokens'],
];

const short = (json: string) =>
  json.length <= 60 ? json : `${json.slice(0, 40)}… (${json.length})`;
const rows = (table: typeof takenByBoth) =>
  table.map(([name, json, becomes]) => ({ name, json, becomes, shown: short(json) }));

describe('a new endpoint', () => {
  it.each(rows(takenByEndpoints))('with $name $shown', ({ name, json, becomes }) => {
    expect(read(newEndpointFields, name, json)).toEqual(becomes);
  });

  it.each([
    ['secret_type', '"hmac"', 'hmac'],
    ['secret_type', '"ed25519"', 'ed25519'],
    ['secret_type', '"rsa"', 'invalid_secret_type'],
  ])('with %s %s', (name, json, becomes) => {
    expect(read(newEndpointFields, name, json)).toBe(becomes);
  });

  it('takes null for nothing, but not for the url', () => {
    for (const name of ['description', 'secret', 'headers', 'max_in_flight', 'ordered']) {
      expect([name, read(newEndpointFields, name, 'null')]).toEqual([name, 'not given']);
    }
    expect(readFields(new Map([['url', 'null']]), newEndpointFields).errors).toMatchObject([
      { code: 'invalid_url' },
    ]);
    expect(readFields(new Map(), newEndpointFields).errors).toMatchObject([
      { code: 'missing_url' },
    ]);
  });
});

describe('a change of an endpoint', () => {
  it('takes null for the default where there is one', () => {
    const names = Object.keys(changedEndpointFields.fields);
    expect(names).not.toContain('secret_type');
    for (const name of names) {
      const becomes = name === 'url' ? 'invalid_url' : null;
      expect([name, read(changedEndpointFields, name, 'null')]).toEqual([name, becomes]);
    }
  });
});

describe('a webhook', () => {
  it.each(rows(takenBySending))('with $name $shown', ({ name, json, becomes }) => {
    expect(read(sendFieldSet, name, json)).toEqual(becomes);
  });
});

it('what a field holds is said only of those that hold no secret', () => {
  const given = (name: string) => new Map([[name, '"hunter2"']]);
  for (const set of [
    newEndpointFields,
    changedEndpointFields,
    sendFieldSet,
  ] as FieldSet<string>[]) {
    const shown = Object.keys(set.fields).filter((name) =>
      readFields(given(name), set).errors.some(({ detail }) => detail.includes('hunter2')),
    );
    expect(shown).toEqual(
      expect.arrayContaining(set === sendFieldSet ? ['priority'] : ['max_in_flight']),
    );
    for (const secret of ['url', 'secret', 'headers', 'body', 'description', 'idempotency_key']) {
      expect(shown).not.toContain(secret);
    }
  }
});

describe('a filter', () => {
  const id = (at: number) => `01a20a98-d609-7fd8-8299-${String(at).padStart(12, '0')}`;
  const filterOf = (filter: object, hasStatus = true) => {
    const found = readFilter(JSON.stringify(filter), { doing: 'replay', hasStatus });
    return found.errors.length > 0
      ? found.errors.map(({ code, pointer }) => `${code} ${pointer}`).join(', ')
      : found.filter;
  };
  const from = '2030-01-01T00:00:00.000Z';

  it.each([
    ['one status', { status: 'cancelled', from }, ['cancelled']],
    [
      'two, one of them twice',
      { status: ['failed', 'delivered', 'failed'], from },
      ['failed', 'delivered'],
    ],
    ['none', { from }, ['failed']],
  ])('of %s', (_, filter, statuses) => {
    const found = filterOf(filter);
    expect(typeof found === 'string' ? found : found.statuses.toSorted()).toEqual(
      statuses.toSorted(),
    );
  });

  it.each([
    [{ from }, { from: expect.stringMatching(/^2030-01-01T00:00:00/) }],
    [{ endpoint_id: id(1) }, { endpointId: id(1), url: null }],
    [{ url: 'https://a.example/' }, { url: 'https://a.example/', endpointId: null }],
    [{ ids: [id(2), id(1), id(2)] }, { ids: [id(1), id(2)] }],
    [{ url: 'https://a.example/', endpoint_id: null }, { url: 'https://a.example/' }],
    [{ until: from }, 'unbounded_filter /filter'],
    [{ status: 'failed' }, 'unbounded_filter /filter'],
    [{ url: 'https://a.example/', endpoint_id: id(1) }, 'url_and_endpoint_id /filter/endpoint_id'],
    [{ from, until: from }, 'invalid_until /filter/until'],
    [{ from, until: '2030-01-01T00:00:00.001Z' }, { until: expect.any(String) }],
    [{ ids: Array.from({ length: 1_000 }, (_, at) => id(at)) }, { ids: expect.any(Array) }],
    [{ ids: Array.from({ length: 1_001 }, (_, at) => id(at)) }, 'invalid_ids /filter/ids'],
    [{ from, status: [] }, 'invalid_status /filter/status'],
    [{ from, status: ['failed', 'delivering'] }, 'invalid_status /filter/status'],
  ])('%j', (filter, becomes) => {
    const found = filterOf(filter);
    if (typeof becomes === 'string') expect(found).toBe(becomes);
    else expect(found).toMatchObject(becomes);
  });

  it('has no status where only what waits is meant', () => {
    expect(filterOf({ from, status: 'failed' }, false)).toBe('invalid_status /filter/status');
  });

  it.each(['[]', '"x"', '7', '{"from":1,"from":2}'])('must be an object: %s', (json) => {
    const { errors } = readFilter(json, { doing: 'replay', hasStatus: true });
    expect(errors).toMatchObject([{ code: 'invalid_filter', pointer: '/filter' }]);
  });
});

import { expect } from 'vitest';
import { type Case, type Given, url } from './case.ts';
import { field, refused, request, sent } from './sending-cases.ts';

// Section C: what else a webhook is sent with.

const key = (value: string): Given => ({
  json: { url, body: 1 },
  headers: { 'idempotency-key': value },
});

const settings: readonly Case[] = [
  ...['', 'a'.repeat(256), 'ä', 'a\nb', 'a\0b'].map((value) =>
    field(
      54,
      `the key ${JSON.stringify(value.slice(0, 20))}`,
      { idempotency_key: value },
      'invalid_idempotency_key /idempotency_key',
    ),
  ),
  field(
    54,
    'a key that is a number',
    { idempotency_key: 7 },
    'invalid_idempotency_key /idempotency_key',
  ),
  refused(54, 'an empty key as a header', key(''), 'invalid_idempotency_key Idempotency-Key:'),
  refused(
    54,
    'a key outside ASCII as a header',
    key('\u00e4'),
    'invalid_idempotency_key Idempotency-Key:',
  ),
  refused(
    54,
    'two keys',
    { json: { url, body: 1, idempotency_key: 'a' }, headers: { 'idempotency-key': 'b' } },
    'idempotency_keys_differ Idempotency-Key:',
  ),
  [54, 'a key', request, key('order 1'), '202'],
  [
    54,
    'a key again',
    request,
    key('order 1'),
    '202',
    (_, { headers }) => expect(headers.get('idempotent-replay')).toBe('true'),
  ],
  [
    54,
    'a key with another body',
    request,
    { json: { url, body: 2 }, headers: { 'idempotency-key': 'order 1' } },
    '409 idempotency_conflict',
  ],
  [
    54,
    'a key twenty times at once',
    request,
    key('order 2'),
    '202',
    async ({ api, database }, { json }) => {
      const again = await Promise.all(
        Array.from({ length: 20 }, () => api.send({ url, body: 1, idempotency_key: 'order 2' })),
      );
      expect(new Set(again.map((answer) => answer.json.id))).toEqual(new Set([json.id]));
      const { rows } = await database.pool.query(
        `select id from posthorn.outbox where idempotency_key = 'order 2'`,
      );
      expect(rows).toEqual([{ id: json.id }]);
    },
  ],
  field(
    55,
    'a key of 12 kB',
    { idempotency_key: 'a'.repeat(12_000) },
    'invalid_idempotency_key /idempotency_key',
  ),
  refused(
    55,
    'a key of 256 as a header',
    key('a'.repeat(256)),
    'invalid_idempotency_key Idempotency-Key:',
  ),
  ...[-32_769, 40_000, 1, 1.5, 1e99, 'urgent', 'HIGH', '', true, [], {}].map((priority) =>
    field(
      56,
      `the priority ${JSON.stringify(priority)}`,
      { priority },
      'invalid_priority /priority',
    ),
  ),
  sent(56, 'null for the priority', { priority: null }),
  sent(57, 'a time that has passed: now', { send_at: '2020-01-01T00:00:00Z' }),
  sent(57, 'the first time of RFC 3339: now', { send_at: '0000-01-01T00:00:00Z' }),
  ...[
    'infinity',
    '-infinity',
    'tomorrow',
    'now',
    '',
    '2030-01-01',
    '2030-01-01T00:00:00',
    '2030-02-30T00:00:00Z',
    '2030-01-01T00:00:60Z',
    '2030-01-01T24:00:00Z',
    '294277-01-01T00:00:00Z',
    1_893_456_000,
    true,
  ].map((time) => field(57, `the time ${time}`, { send_at: time }, 'invalid_send_at /send_at')),
  field(
    57,
    'a time in 974 years',
    { send_at: '2999-01-01T00:00:00Z' },
    'outbox_send_at_is_within_a_year /send_at',
  ),
  ...[0, -1, 101, 40_000, 1.5, 1e99, '3', true, []].map((count) =>
    field(
      58,
      `${JSON.stringify(count)} attempts`,
      { max_attempts: count },
      'invalid_max_attempts /max_attempts',
    ),
  ),
  field(59, 'a timeout, which endpoints have', { timeout_ms: 1_000 }, 'unknown_field /timeout_ms'),
  field(
    60,
    'an event type, which belongs into the body',
    { event_type: 'a b' },
    'unknown_field /event_type',
  ),
  field(
    61,
    'an end of its time',
    { expires_at: '2020-01-01T00:00:00Z' },
    'unknown_field /expires_at',
  ),
  refused(62, 'many webhooks', { json: [{ url, body: 1 }] }, 'not_an_object'),
  refused(62, 'many webhooks in an object', { json: { webhooks: [] } }, 'unknown_field /webhooks'),
  field(63, 'metadata', { metadata: { a: 1 } }, 'unknown_field /metadata'),
  field(63, 'tags', { tags: ['a'] }, 'unknown_field /tags'),
];

const otherFields: readonly Case[] = [
  ...['json', 'a/b\r\nx: y', 'a', `a/${'b'.repeat(255)}`, ''].map((type) =>
    field(
      65,
      `the content type ${JSON.stringify(type.slice(0, 20))}`,
      { content_type: type },
      'outbox_content_type_is_media_type /content_type',
    ),
  ),
  field(
    65,
    'a content type that is a number',
    { content_type: 1 },
    'invalid_content_type /content_type',
  ),
  field(
    65,
    'a traceparent that is none',
    { traceparent: '00-x-y-01' },
    'outbox_traceparent_is_w3c /traceparent',
  ),
  field(
    65,
    'a traceparent that is a number',
    { traceparent: 1 },
    'invalid_traceparent /traceparent',
  ),
  field(
    42,
    'several faults: all are named',
    { url: 'x', priority: 'y', z: 1, body: undefined },
    'invalid_url /url',
  ),
];

export const sendingSettingCases: readonly Case[] = [...settings, ...otherFields];

import { expect } from 'vitest';
import { type Case, secret, url } from './case.ts';

// Section D: what an endpoint is set to, and headers wherever they are given.

/** What headers and secrets belong to, and how its rules are called. */
export const owners = [
  { request: 'POST /webhooks/send', rest: { url, body: 1 }, table: 'outbox' },
  { request: 'POST /endpoints', rest: { url }, table: 'endpoints' },
  { request: 'PATCH /endpoints/{endpoint}', rest: {}, table: 'endpoints' },
];

const tooLarge = Object.fromEntries(
  Array.from({ length: 9 }, (_, at) => [`x-${at}`, 'a'.repeat(1_000)]),
);

/** [what, the headers as JSON, the rule, the header that is named] */
const headers: readonly (readonly [
  what: string,
  headers: unknown,
  rule: string,
  header: string,
])[] = [
  ['a list of headers', [], 'invalid', ''],
  ['a text of headers', 'a: b', 'invalid', ''],
  ['a header that is a number', { a: 1 }, 'invalid', 'a'],
  ['a header that is null', { a: null }, 'invalid', 'a'],
  ['a header with two values', { a: ['b', 'c'] }, 'invalid', 'a'],
  ['a value with NUL', { a: `${secret}\0` }, 'invalid', 'a'],
  ['a value with a line break', { a: `${secret}\r\nb: c` }, 'values_are_printable_ascii', 'a'],
  ['a value with a line feed', { a: `${secret}\n` }, 'values_are_printable_ascii', 'a'],
  ['a value with a tab', { a: 'b\tc' }, 'values_are_printable_ascii', 'a'],
  ['a value outside ASCII', { a: 'é' }, 'values_are_printable_ascii', 'a'],
  ['a name with a line break', { 'a\r\nb': 'c' }, 'names_are_tokens', 'a\r\nb'],
  ['a name with a blank', { 'a b': 'c' }, 'names_are_tokens', 'a b'],
  ['a name with a colon', { 'a:': 'c' }, 'names_are_tokens', 'a:'],
  ['no name', { '': 'c' }, 'names_are_tokens', ''],
  ['a name outside ASCII', { ä: 'c' }, 'names_are_tokens', 'ä'],
  ['a name of 129 letters', { ['n'.repeat(129)]: 'c' }, 'names_are_tokens', 'n'.repeat(128)],
  ['a name twice but for its case', { a: '1', A: '2' }, 'names_are_unique', 'A'],
  ...[
    'Host',
    'CONTENT-LENGTH',
    'transfer-encoding',
    'Connection',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Upgrade',
    'Expect',
    'Proxy-Authorization',
    'Accept-Encoding',
    'Content-Type',
    'Content-Encoding',
    'Cookie',
    'Idempotency-Key',
    'traceparent',
    'webhook-id',
    'Webhook-Signature',
    'X-Webhook-Signature',
  ].map(
    (name) => ['a header that is ours', { [name]: 'x' }, 'names_are_not_reserved', name] as const,
  ),
];

const headerCases: readonly Case[] = owners.flatMap(({ request, rest, table }): Case[] => [
  ...headers.map(([what, given, rule, name]): Case => {
    const code = rule === 'invalid' ? 'invalid_headers' : `${table}_headers_${rule}`;
    const place = name === '' && rule === 'invalid' ? '/headers' : `/headers/${name}`;
    return [65, what, request, { json: { ...rest, headers: given } }, `400 ${code} ${place}`];
  }),
  [
    65,
    'headers of 9 KB together',
    request,
    { json: { ...rest, headers: tooLarge } },
    `400 ${table}_headers_are_at_most_8_kib /headers`,
  ],
  [
    65,
    'a name twice',
    request,
    {
      text: `{${JSON.stringify(rest).slice(1, -1)}${'url' in rest ? ',' : ''}"headers":{"a":"1","a":"2"}}`,
    },
    '400 invalid_headers /headers',
  ],
]);

/** [number, the field, values that it does not take] */
const fields: readonly (readonly [number: number, name: string, values: readonly unknown[]])[] = [
  [59, 'timeout_ms', [0, -1, 99, 60_001, 1e9, 1.5, '30s', true, []]],
  [63, 'description', [5, [], {}, 'a\0b']],
  [
    68,
    'retry_schedule_s',
    ['1m', {}, [-1], [1.5], [null], ['1'], [1e12], [2_592_001], Array(100).fill(1), [[1]]],
  ],
  [69, 'max_in_flight', [0, -1, 1.5, 1e9, '5', true]],
  [69, 'rate_limit_per_s', [0, -1, 0.0001, 1e9, '5', true]],
  [69, 'ordered', [1, 'true', 'yes', [], {}]],
];

const settingCases: readonly Case[] = ['POST /endpoints', 'PATCH /endpoints/{endpoint}'].flatMap(
  (request): Case[] => {
    const rest = request.startsWith('POST') ? { url } : {};
    return [
      ...fields.flatMap(([number, name, values]) =>
        values.map(
          (value): Case => [
            number,
            `${name} ${JSON.stringify(value).slice(0, 20)}`,
            request,
            { json: { ...rest, [name]: value } },
            `400 invalid_${name} /${name}`,
          ],
        ),
      ),
      [
        42,
        'a status, which has paths of its own,',
        request,
        { json: { ...rest, status: 'active' } },
        '400 unknown_field /status',
      ],
      [42, 'the lane', request, { json: { ...rest, lane: '5' } }, '400 unknown_field /lane'],
      [
        63,
        'a description of 1,025 bytes',
        request,
        { json: { ...rest, description: 'x'.repeat(1_025) } },
        '400 endpoints_description_is_at_most_1_kib /description',
      ],
      [63, 'metadata', request, { json: { ...rest, metadata: {} } }, '400 unknown_field /metadata'],
      [
        70,
        'somebody to belong to',
        request,
        { json: { ...rest, tenant_id: 'a' } },
        '400 unknown_field /tenant_id',
      ],
    ];
  },
);

const others: readonly Case[] = [
  [43, 'no url', 'POST /endpoints', { json: {} }, '400 missing_url /url'],
  [43, 'null as the url', 'POST /endpoints', { json: { url: null } }, '400 invalid_url /url'],
  [
    43,
    'null as the url',
    'PATCH /endpoints/{endpoint}',
    { json: { url: null } },
    '400 invalid_url /url',
  ],
  [71, 'nothing to change', 'PATCH /endpoints/{endpoint}', { json: {} }, '400 nothing_to_change'],
  [
    44,
    'a change of one that is deleted',
    'PATCH /endpoints/{deleted}',
    { json: { ordered: true } },
    '404 endpoint_not_found',
  ],
  [
    44,
    'a change of one that is not there',
    'PATCH /endpoints/{unknown}',
    { json: { ordered: true } },
    '404 endpoint_not_found',
  ],
  [
    25,
    'a header called __proto__',
    'POST /endpoints',
    { text: `{"url":"${url}","headers":{"__proto__":"x","constructor":"y"}}` },
    '201',
  ],
  [
    73,
    'an endpoint that 410 had disabled, to be enabled,',
    'POST /endpoints/{disabled}/enable',
    {},
    '200',
    (_, { json }) =>
      expect(json).toMatchObject({
        status: 'active',
        status_reason: null,
        breaker: { state: 'closed' },
      }),
  ],
];

export const endpointCases: readonly Case[] = [...headerCases, ...settingCases, ...others];

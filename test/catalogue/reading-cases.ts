import { expect } from 'vitest';
import type { Case } from './case.ts';

// Section B: ids in paths, and the parameters of lists.

const withId: readonly (readonly [request: string, notFound: string])[] = [
  ['GET /webhooks/ID', '404 webhook_not_found'],
  ['POST /webhooks/ID/retry', '404 webhook_not_found'],
  ['POST /webhooks/ID/cancel', '404 webhook_not_found'],
  ['GET /endpoints/ID', '404 endpoint_not_found'],
  ['DELETE /endpoints/ID', '404 endpoint_not_found'],
  ['POST /endpoints/ID/pause', '404 endpoint_not_found'],
  ['POST /endpoints/ID/resume', '404 endpoint_not_found'],
  ['POST /endpoints/ID/disable', '404 endpoint_not_found'],
  ['POST /endpoints/ID/enable', '404 endpoint_not_found'],
  ['POST /endpoints/ID/test', '404 endpoint_not_found'],
  ['POST /endpoints/ID/secret/rotate', '404 endpoint_not_found'],
  ['GET /replays/ID', '404 replay_not_found'],
  ['POST /replays/ID/cancel', '404 replay_not_found'],
];

const spellings: readonly (readonly [number: number, what: string, id: string])[] = [
  [26, 'a number', '1'],
  [26, 'a word', 'last'],
  [26, 'SQL', "';--"],
  [26, 'a UUID and a blank', '01a20d7f-4449-7506-bf90-21b36e74e172%20'],
  [26, 'a UUID that is too long', '01a20d7f-4449-7506-bf90-21b36e74e1720'],
  [26, '4,000 letters', 'a'.repeat(4_000)],
  [27, 'a UUID in upper case', '01A20D7F-4449-7506-BF90-21B36E74E172'],
  [27, 'a UUID in braces', '%7B01a20d7f-4449-7506-bf90-21b36e74e172%7D'],
  [27, 'a UUID without dashes', '01a20d7f44497506bf9021b36e74e172'],
  [27, 'a UUID as a URN', 'urn:uuid:01a20d7f-4449-7506-bf90-21b36e74e172'],
  [28, 'NUL', 'a%00b'],
  [28, 'NUL after a UUID', '01a20d7f-4449-7506-bf90-21b36e74e172%00'],
  [29, 'a percent sign and no number', '%zz'],
  [29, 'half a surrogate pair', '%ED%A0%80'],
  [29, 'a byte that is not UTF-8', '%ff'],
  [29, 'an escaped slash', '..%2fhealthz'],
];

const ids: readonly Case[] = withId.flatMap(([request, notFound]): Case[] => [
  ...spellings.map(([number, what, id]): Case => {
    return [number, `an id that is ${what}`, request.replace('ID', id), {}, '400 invalid_id'];
  }),
  [30, 'an id that nobody has', request.replace('ID', '{unknown}'), {}, notFound],
]);

const lists = ['/webhooks', '/endpoints', '/replays'];
const get = (path: string, query: string) => `GET ${path}?${query}`;

const limits = [
  '0',
  '-1',
  '1.5',
  'NaN',
  'abc',
  '1e3',
  '1e10',
  '201',
  '1000000',
  '',
  '%201',
  '0x10',
  '١',
];

const anyList: readonly Case[] = lists.flatMap((path): Case[] => [
  ...[...limits, '99999999999999999999', '9'.repeat(5_000)].map((limit): Case => {
    return [32, 'such a limit', get(path, `limit=${limit}`), {}, '400 invalid_limit ?limit'];
  }),
  [32, 'the largest limit', get(path, 'limit=200'), {}, '200'],
  ...[
    ['limit=1&limit=2', 'limit'],
    ['limit=1&limit=1', 'limit'],
    ['status=failed&status=failed', 'status'],
    ['cursor=a&cursor=b', 'cursor'],
  ].map(([query = '', name]): Case => {
    // A status or a cursor may be wrong besides.
    return [33, 'a parameter twice', get(path, query), {}, `400 repeated_parameter ?${name}`];
  }),
  ...['limit[]=1', 'limit%00=1', 'Limit=1', 'statuss=failed', '=', 'a', `${'n'.repeat(500)}=1`].map(
    (query): Case => {
      const name = decodeURIComponent(query.split('=')[0] ?? '').slice(0, 100);
      return [
        34,
        'an unknown parameter',
        get(path, query),
        {},
        `400 unknown_parameter ?${name}`.trim(),
      ];
    },
  ),
  [35, 'an offset', get(path, 'offset=50'), {}, '400 unknown_parameter ?offset'],
  ...[
    '',
    'x',
    '0',
    'null',
    'a'.repeat(42),
    'a'.repeat(43),
    'a'.repeat(44),
    'a'.repeat(10_000),
    '%00',
  ].map((cursor): Case => {
    return [
      35,
      'a made-up cursor',
      get(path, `cursor=${cursor}`),
      {},
      '400 invalid_cursor ?cursor',
    ];
  }),
  [
    35,
    'a cursor of another filter',
    get(path, 'cursor={cursor}'),
    {},
    '400 invalid_cursor ?cursor',
  ],
  [
    36,
    'a cursor of a megabyte',
    get(path, `cursor=${'a'.repeat(1_000_000)}`),
    {},
    '431 headers_too_large',
  ],
  ...['', 'done', 'FAILED', "failed'--", 'failed,cancelled', '%00', 'constructor'].map(
    (status): Case => {
      return [37, 'such a status', get(path, `status=${status}`), {}, '400 invalid_status ?status'];
    },
  ),
  ...['sort=id', 'order_by=lane', 'order=desc'].map((query): Case => {
    return [
      40,
      'an order of ours',
      get(path, query),
      {},
      `400 unknown_parameter ?${query.split('=')[0]}`,
    ];
  }),
]);

const noParameters: readonly Case[] = [
  'GET /webhooks/{pending}',
  'GET /endpoints/{endpoint}',
  'GET /replays/{unknown}',
  'GET /stats',
  'GET /settings',
  'POST /webhooks/send',
  'POST /webhooks/cancel',
  'POST /webhooks/{pending}/retry',
  'POST /webhooks/{pending}/cancel',
  'POST /endpoints',
  'PATCH /endpoints/{endpoint}',
  'DELETE /endpoints/{endpoint}',
  'POST /endpoints/{endpoint}/test',
  'POST /endpoints/{endpoint}/pause',
  'POST /endpoints/{endpoint}/secret/rotate',
  'POST /replays',
].map((request) => [
  34,
  'a parameter where there is none',
  `${request}?force=true`,
  {},
  '400 unknown_parameter ?force',
]);

export const times = [
  '',
  'yesterday',
  'now',
  'infinity',
  '-infinity',
  'epoch',
  '2030-01-01',
  '2030-01-01T00:00:00',
  '2030-01-01 00:00:00Z',
  '2030-02-30T00:00:00Z',
  '2030-01-01T25:00:00Z',
  '2030-01-01T00:00:60Z',
  '2030-01-01T00:00:00%2B99:00',
  '294277-01-01T00:00:00Z',
  '-004713-01-01T00:00:00Z',
  '1893456000',
];

const webhooks: readonly Case[] = [
  [35, 'a cursor of its filter', get('/webhooks', 'status=failed&cursor={cursor}'), {}, '200'],
  ...['status=delivered&', 'status=failed&q=a&', 'status=failed&priority=low&'].map(
    (filter): Case => {
      return [
        35,
        'a cursor of another filter',
        get('/webhooks', `${filter}cursor={cursor}`),
        {},
        '400 invalid_cursor ?cursor',
      ];
    },
  ),
  [
    35,
    'a cursor that was changed',
    get('/webhooks', 'status=failed&cursor=A{cursor}'),
    {},
    '400 invalid_cursor ?cursor',
  ],
  [
    37,
    'an unknown priority',
    get('/webhooks', 'priority=urgent'),
    {},
    '400 invalid_priority ?priority',
  ],
  [
    37,
    'an endpoint that is no UUID',
    get('/webhooks', 'endpoint_id=x'),
    {},
    '400 invalid_endpoint_id ?endpoint_id',
  ],
  [
    37,
    'hours that are not kept',
    get('/stats/series', 'hours=1e9'),
    {},
    '400 invalid_hours ?hours',
  ],
  [37, 'no ids', get('/stats/endpoints', 'ids='), {}, '400 invalid_ids ?ids'],
  [37, 'ids that are none', get('/stats/endpoints', 'ids={unknown},x'), {}, '400 invalid_ids ?ids'],
  ...['from', 'until'].flatMap((name) =>
    times.map((time): Case => {
      return [
        38,
        'such a time',
        get('/webhooks', `${name}=${time}`),
        {},
        `400 invalid_${name} ?${name}`,
      ];
    }),
  ),
  ...['2030-01-01T00:00:00Z', '2030-01-02T00:00:00%2B12:00'].map((until): Case => {
    return [
      38,
      'a period that ends before it begins',
      get('/webhooks', `from=2030-01-02T00:00:00Z&until=${until}`),
      {},
      '400 invalid_until ?until',
    ];
  }),
  ...[
    "'; drop table posthorn.outbox; --",
    '\\',
    '$$',
    '%_',
    '_',
    '--',
    "' or 1=1 --",
    '\u2028',
  ].map((text) => search(39, 'signs that mean something in SQL', { text, finds: [] })),
  search(39, 'a percent sign', { text: '100%', finds: ['percent'] }),
  search(41, 'a regular expression', { text: '(a+)+$', finds: [] }),
  search(41, 'one that some engines never finish', {
    text: `${'a?'.repeat(60)}${'a'.repeat(60)}`,
    finds: [],
  }),
  [39, 'NUL to search for', get('/webhooks', 'q=%00'), {}, '400 invalid_q ?q'],
  [39, 'nothing to search for', get('/webhooks', 'q='), {}, '400 invalid_q ?q'],
  [
    39,
    '201 characters to search for',
    get('/webhooks', `q=${'a'.repeat(201)}`),
    {},
    '400 invalid_q ?q',
  ],
];

/** Finds these of the rows that are there, and nothing else: what is searched for is text. */
function search(
  number: number,
  what: string,
  { text, finds }: { readonly text: string; readonly finds: readonly string[] },
): Case {
  return [
    number,
    what,
    get('/webhooks', `q=${encodeURIComponent(text)}`),
    {},
    '200',
    (ground, { json }) => {
      expect(json.webhooks.map(({ id }) => id)).toEqual(finds.map((name) => ground.ids[name]));
    },
  ];
}

export const readingCases: readonly Case[] = [...ids, ...anyList, ...noParameters, ...webhooks];

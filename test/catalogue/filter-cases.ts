import { type Case, url } from './case.ts';
import { times } from './reading-cases.ts';

// Section E: which webhooks are sent again or cancelled, where they are many.

const ids = Array.from(
  { length: 1_001 },
  (_, n) => `01a20d7f-4449-7506-bf90-${String(n).padStart(12, '0')}`,
);

/** [number, what, the filter, the answer] */
const filters: readonly (readonly [number, string, unknown, string])[] = [
  [77, 'a filter that is a list', [], '400 invalid_filter /filter'],
  [77, 'a filter that is a text', 'failed', '400 invalid_filter /filter'],
  [77, 'a filter of nothing: all that is there', {}, '400 unbounded_filter /filter'],
  [
    77,
    'a filter without a beginning',
    { until: '2026-01-01T00:00:00Z' },
    '400 unbounded_filter /filter',
  ],
  [77, 'a filter by the lane', { url, lane: 1 }, '400 unknown_field /filter/lane'],
  [
    77,
    'a filter by __proto__',
    JSON.parse('{"__proto__": {"url": "x"}}'),
    '400 unknown_field /filter/__proto__',
  ],
  [
    77,
    'a url and an endpoint',
    { url, endpoint_id: '{endpoint}' },
    '400 url_and_endpoint_id /filter/endpoint_id',
  ],
  [77, 'no ids', { ids: [] }, '400 invalid_ids /filter/ids'],
  [77, 'ids that are none', { ids: ['x'] }, '400 invalid_ids /filter/ids'],
  [77, 'ids that are numbers', { ids: [1] }, '400 invalid_ids /filter/ids'],
  [77, '1,001 ids', { ids }, '400 invalid_ids /filter/ids'],
  [37, 'an unknown status', { url, status: 'delivering' }, '400 invalid_status /filter/status'],
  [37, 'no status at all', { url, status: [] }, '400 invalid_status /filter/status'],
  [30, 'an endpoint that is not there', { endpoint_id: '{unknown}' }, '404 endpoint_not_found'],
  [30, 'an endpoint that was deleted', { endpoint_id: '{deleted}' }, '404 endpoint_not_found'],
  [
    26,
    'an endpoint that is no id',
    { endpoint_id: 'x' },
    '400 invalid_endpoint_id /filter/endpoint_id',
  ],
  ...['from', 'until'].flatMap((name) =>
    times.map((time) => {
      const given = { url, [name]: decodeURIComponent(time) };
      return [38, `the time "${time}"`, given, `400 invalid_${name} /filter/${name}`] as const;
    }),
  ),
  [
    38,
    'a period that ends before it begins',
    { from: '2030-01-02T00:00:00Z', until: '2030-01-01T00:00:00Z' },
    '400 invalid_until /filter/until',
  ],
];

export const filterCases: readonly Case[] = [
  ...['POST /replays', 'POST /webhooks/cancel'].flatMap((request): Case[] => [
    ...filters.map(([number, what, filter, answer]): Case => {
      return [number, what, request, { json: { filter } }, answer];
    }),
    [77, 'no filter', request, { json: {} }, '400 missing_filter /filter'],
    [77, 'null as the filter', request, { json: { filter: null } }, '400 invalid_filter /filter'],
    [
      42,
      'a field that is not there',
      request,
      { json: { filter: { url }, force: true } },
      '400 unknown_field /force',
    ],
    [
      77,
      'a dry run that is a text',
      request,
      { json: { filter: { url }, dry_run: 'yes' } },
      '400 invalid_dry_run /dry_run',
    ],
    [
      77,
      'a key twice in the filter',
      request,
      { text: `{"filter":{"url":"${url}","url":"${url}"}}` },
      '400 invalid_filter /filter',
    ],
  ]),
  ...[0, -1, 0.01, 1e9, '5', true].map((rate): Case => {
    return [
      77,
      `${JSON.stringify(rate)} a second`,
      'POST /replays',
      { json: { filter: { url }, rate_limit_per_s: rate } },
      '400 invalid_rate_limit_per_s /rate_limit_per_s',
    ];
  }),
  [
    77,
    'an unknown priority',
    'POST /replays',
    { json: { filter: { url }, priority: 'lowest' } },
    '400 invalid_priority /priority',
  ],
  [
    37,
    'the status of what is being sent',
    'POST /webhooks/cancel',
    { json: { filter: { url, status: 'failed' } } },
    '400 invalid_status /filter/status',
  ],
];

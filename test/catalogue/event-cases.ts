import { type Case, secret } from './case.ts';

// Events and who receives them: what of the catalogue is about types, bulk sends and tenants, and the same kinds of mistakes at
// these paths.

const event = { tenant: 'acme', event_type: 'order.paid', body: 1 };
const rule = '400 outbox_event_type_is_words /event_type';
const wrongType = '400 subscriptions_event_type_is_words_or_ends_with_a_star /event_type';
const subscription = { endpoint_id: '{endpoint}', event_type: 'order.*' };
const long = 'x'.repeat(256);

const types: readonly Case[] = [
  ...[
    '',
    ' ',
    'order paid',
    'order..paid',
    '.paid',
    'order.',
    'order.*',
    '*',
    'örder',
    'a/b',
    'x'.repeat(129),
  ].map(
    (event_type): Case => [
      60,
      `the type ${event_type.slice(0, 20)}`,
      'POST /events',
      { json: { ...event, event_type } },
      rule,
    ],
  ),
  ...[1, null, ['order.paid'], {}].map(
    (event_type): Case => [
      60,
      `the type ${JSON.stringify(event_type)}`,
      'POST /events',
      { json: { ...event, event_type } },
      '400 invalid_event_type /event_type',
    ],
  ),
  [60, 'no type', 'POST /events', { json: { body: 1 } }, '400 missing_event_type /event_type'],
  [
    60,
    "a type of Posthorn's own",
    'POST /events',
    { json: { ...event, event_type: 'posthorn.a' } },
    '400 outbox_event_type_is_not_reserved /event_type',
  ],
  [
    60,
    'a type in upper case with digits',
    'POST /events',
    { json: { ...event, event_type: 'Order_2.paid-1' } },
    '202',
  ],
  [
    60,
    'a secret of an event',
    'POST /events',
    { json: { ...event, secret } },
    '400 unknown_field /secret',
  ],
  [
    60,
    'a URL of an event',
    'POST /events',
    { json: { ...event, url: 'https://a.example/' } },
    '400 unknown_field /url',
  ],
  [60, 'no body', 'POST /events', { json: { event_type: 'a' } }, '400 missing_body /body'],
  ...['order*', '*.paid', 'order.*.paid', '**', ''].map(
    (event_type): Case => [
      60,
      `a subscription to ${event_type}`,
      'POST /subscriptions',
      { json: { ...subscription, event_type } },
      wrongType,
    ],
  ),
];

const batches: readonly Case[] = [
  ...[[], {}, null, 'x', Array.from({ length: 1_001 }, () => event)].map(
    (events): Case => [
      62,
      `a batch of ${JSON.stringify(events).slice(0, 10)}`,
      'POST /events/batch',
      { json: { events } },
      '400 invalid_events /events',
    ],
  ),
  [62, 'no batch', 'POST /events/batch', { json: {} }, '400 missing_events /events'],
  [
    62,
    'a batch with one that is no event',
    'POST /events/batch',
    { json: { events: [event, 1] } },
    '400 not_an_object /events/1',
  ],
  [
    62,
    'a batch in which a key comes twice in an event',
    'POST /events/batch',
    { text: '{"events":[{"event_type":"a","event_type":"b","body":1}]}' },
    '400 not_an_object /events/0',
  ],
  [
    62,
    'a batch with one of a wrong type',
    'POST /events/batch',
    { json: { events: [event, { ...event, event_type: 'a b' }] } },
    '400 outbox_event_type_is_words /events/1/event_type',
  ],
  [
    62,
    'a batch with one that Postgres refuses',
    'POST /events/batch',
    { json: { events: [event, { ...event, traceparent: 'x' }] } },
    '400 outbox_traceparent_is_w3c /traceparent',
  ],
  [
    62,
    'a batch with a key twice',
    'POST /events/batch',
    { json: { events: [event, event].map((one) => ({ ...one, idempotency_key: 'k' })) } },
    '400 repeated_idempotency_key /events/1/idempotency_key',
  ],
  [
    62,
    'a batch whose second event has a known key',
    'POST /events/batch',
    { json: { events: [event, { ...event, idempotency_key: 'known', body: 2 }] } },
    '409 idempotency_conflict /events/1/idempotency_key',
  ],
];

const tenants: readonly Case[] = [
  ...[long, 'a\n', '\u0000'].map(
    (tenant): Case => [
      70,
      `the tenant ${JSON.stringify(tenant).slice(0, 12)}`,
      'POST /events',
      { json: { ...event, tenant } },
      tenant === '\u0000'
        ? '400 invalid_tenant /tenant'
        : '400 outbox_tenant_is_at_most_255_bytes /tenant',
    ],
  ),
  [
    70,
    'all tenants for a direct send',
    'POST /webhooks/send',
    { json: { url: 'https://a.example/', body: 1, tenant: '*' } },
    '400 outbox_tenant_is_one_unless_it_is_an_event /tenant',
  ],
  [
    70,
    'an endpoint of another tenant',
    'POST /webhooks/send',
    { json: { endpoint_id: '{endpoint}', body: 1, tenant: 'acme' } },
    '400 outbox_endpoint_id_is_registered /endpoint_id',
  ],
  [
    70,
    'an endpoint of all tenants',
    'POST /endpoints',
    { json: { url: 'https://a.example/', tenant: '*' } },
    '400 endpoints_tenant_is_one /tenant',
  ],
  [
    70,
    'another tenant for an endpoint',
    'PATCH /endpoints/{endpoint}',
    { json: { tenant: 'acme' } },
    '400 unknown_field /tenant',
  ],
  [70, 'a tenant of a control character in the path', 'GET /tenants/%07', {}, '400 invalid_id'],
  [70, 'a tenant that is not UTF-8 in the path', 'GET /tenants/%ff', {}, '400 invalid_id'],
  [70, 'a tenant of 256 bytes in the path', `GET /tenants/${long}`, {}, '400 invalid_id'],
  [70, 'a tenant that nothing names', 'GET /tenants/nobody', {}, '404 tenant_not_found'],
  [
    70,
    'a name for all tenants',
    'PATCH /tenants/*',
    { json: { name: 'a' } },
    '400 tenants_id_is_not_all_tenants',
  ],
  [
    70,
    'a name of 256 bytes',
    'PATCH /tenants/a',
    { json: { name: long } },
    '400 tenants_name_is_at_most_255_bytes /name',
  ],
  [
    70,
    'a new name of all tenants',
    'POST /tenants/acme/rename',
    { json: { to: '*' } },
    '400 invalid_to /to',
  ],
  [
    70,
    'to rename a tenant that nothing names',
    'POST /tenants/nobody/rename',
    { json: { to: 'a' } },
    '404 tenant_not_found',
  ],
  [
    70,
    'a tenant of 256 bytes in the query',
    `GET /events?tenant=${long}`,
    {},
    '400 invalid_tenant ?tenant',
  ],
];

const others: readonly Case[] = [
  [31, 'an event that is not there', 'GET /events/{unknown}', {}, '404 event_not_found'],
  [31, 'a webhook in place of an event', 'GET /events/{pending}', {}, '404 event_not_found'],
  [
    31,
    'an endpoint in place of a subscription',
    'DELETE /subscriptions/{endpoint}',
    {},
    '404 subscription_not_found',
  ],
  [32, 'no UUID', 'GET /subscriptions/1', {}, '400 invalid_id'],
  [
    37,
    'another count of recipients than 0',
    'GET /events?recipients=1',
    {},
    '400 invalid_recipients ?recipients',
  ],
  [
    38,
    'a period that is empty',
    'GET /events?from=2026-12-01T00:00:00Z&until=2026-12-01T00:00:00Z',
    {},
    '400 invalid_until ?until',
  ],
  [
    44,
    'a subscription of an endpoint that is not there',
    'POST /subscriptions',
    { json: { ...subscription, endpoint_id: '{unknown}' } },
    '400 subscriptions_endpoint_is_registered /endpoint_id',
  ],
  [
    44,
    'a subscription of a deleted endpoint',
    'POST /subscriptions',
    { json: { ...subscription, endpoint_id: '{deleted}' } },
    '400 subscriptions_endpoint_is_registered /endpoint_id',
  ],
  [
    44,
    'a filter that is no jsonpath',
    'POST /subscriptions',
    { json: { ...subscription, filter: '$.a ==' } },
    '400 invalid_filter /filter',
  ],
  [
    44,
    'a filter that is a value',
    'POST /subscriptions',
    { json: { ...subscription, filter: '$.a' } },
    '400 subscriptions_filter_is_a_predicate /filter',
  ],
  [
    44,
    'a filter that is no text',
    'POST /subscriptions',
    { json: { ...subscription, filter: 1 } },
    '400 invalid_filter /filter',
  ],
  [
    44,
    'a filter of 2 KiB',
    'POST /subscriptions',
    { json: { ...subscription, filter: `$.a == "${'x'.repeat(2_048)}"` } },
    '400 subscriptions_filter_is_at_most_1_kib /filter',
  ],
  [
    44,
    'a filter of many parentheses',
    'POST /subscriptions',
    { json: { ...subscription, filter: `${'('.repeat(500)}$.a == 1${')'.repeat(500)}` } },
    '201',
  ],
  [
    47,
    'a catch-up of a deleted endpoint',
    'POST /endpoints/{deleted}/catch-up',
    { json: { since: '2026-12-01T00:00:00Z' } },
    '404 endpoint_not_found',
  ],
  [
    47,
    'a catch-up from no time',
    'POST /endpoints/{endpoint}/catch-up',
    { json: {} },
    '400 missing_since /since',
  ],
  [
    47,
    'a catch-up with no rate',
    'POST /endpoints/{endpoint}/catch-up',
    { json: { since: '2026-12-01T00:00:00Z', rate_limit_per_s: 0 } },
    '400 invalid_rate_limit_per_s /rate_limit_per_s',
  ],
  [
    54,
    'a known key with the same event',
    'POST /events',
    { json: { ...event, idempotency_key: 'known' } },
    '202',
  ],
  [
    54,
    'a known key with another event',
    'POST /events',
    { json: { ...event, idempotency_key: 'known', body: 2 } },
    '409 idempotency_conflict',
  ],
  [
    54,
    'a known key of another tenant',
    'POST /events',
    { json: { ...event, tenant: 'globex', idempotency_key: 'known', body: 2 } },
    '202',
  ],
];

export const eventCases: readonly Case[] = [...types, ...batches, ...tenants, ...others];

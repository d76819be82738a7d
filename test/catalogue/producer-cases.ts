import { secret, url } from './case.ts';

// Section F: what a producer inserts into posthorn.outbox, with the rights of its role and no others.

/**
 * The number, what it is, the columns or a statement, and how that ends: "accepted", or the SQLSTATE and the constraint, if one is
 * broken. Columns are those of a webhook that is right but for these; `{endpoint}` stands for one that is registered.
 */
export type ProducerCase = readonly [
  number: number,
  what: string,
  given: Readonly<Record<string, unknown>> | string,
  end: string,
];

type Values = readonly (readonly [what: string, value: unknown])[];

/** One column with many values, all of which break the same rule. */
function column(
  ...[number, name, rule, values]: [number: number, name: string, rule: string, values: Values]
): ProducerCase[] {
  const end = /^\d/.test(rule) ? rule : `23514 outbox_${name}_${rule}`;
  return values.map(([what, value]) => [number, `${name}: ${what}`, { [name]: value }, end]);
}

const address = '23514 outbox_has_a_url_an_endpoint_id_or_an_event_type';
const unregistered = '23503 outbox_endpoint_id_is_registered';
const denied = '42501';
const insert = (columns: string, values: string) =>
  `insert into posthorn.outbox (${columns}) values (${values})`;
const a = `'${url}'`;

const whsec = (bytes: number) => `whsec_${Buffer.alloc(bytes, 1).toString('base64')}`;

const addresses: readonly ProducerCase[] = [
  [81, 'neither a url nor an endpoint', { url: null }, address],
  [81, 'both', { endpoint_id: '{endpoint}' }, address],
  ...column(81, 'url', 'is_http', [
    ['nothing', ''],
    ['garbage', 'garbage'],
    ['no scheme', 'example.com'],
    ['no host', 'http://'],
    ['another scheme', 'ftp://example.com/'],
    ['a script', 'javascript:alert(1)'],
    ['a file', 'file:///etc/passwd'],
    ['a user and a password', `http://${secret}:p@example.com/`],
    ['a user', `http://${secret}@example.com/`],
    ['a fragment', 'http://example.com/#part'],
    ['a blank', 'http://example.com/a b'],
    ['a blank before', ' http://example.com/'],
    ['a line break', 'http://example.com/\r\nx: y'],
    ['a line feed', 'http://example.com/\n'],
    ['a tab', 'http://example.com/\t'],
    ['a backslash', 'http://example.com\\evil'],
    ['a port of six digits', 'http://example.com:123456/'],
    ['a port that is a word', 'http://example.com:http/'],
  ]),
  ...column(81, 'url', 'is_at_most_2048_bytes', [
    ['2,049 bytes', `https://example.com/${'a'.repeat(2_029)}`],
    ['as many in two bytes each', `https://example.com/${'ä'.repeat(1_015)}`],
    ['a megabyte', `https://example.com/${'a'.repeat(1_048_576)}`],
  ]),
  [
    82,
    'an endpoint that is not there',
    insert('endpoint_id, body', `'01a20d7f-4449-7506-bf90-21b36e74e172', ''`),
    unregistered,
  ],
  [
    82,
    'an endpoint that was deleted',
    insert('endpoint_id, body', `'{deleted}', ''`),
    unregistered,
  ],
  [
    82,
    'an endpoint that is not there, by enqueue()',
    `select posthorn.enqueue(endpoint_id => '01a20d7f-4449-7506-bf90-21b36e74e172', body => '')`,
    unregistered,
  ],
  [82, 'an endpoint', insert('endpoint_id, body', `'{endpoint}', ''`), 'accepted'],
];

const rights: readonly ProducerCase[] = [
  [84, 'its id', insert('id, url, body', `posthorn.uuid_v7(), ${a}, ''`), denied],
  [84, 'its time', insert('created_at, url, body', `now(), ${a}, ''`), denied],
  [84, 'whose secret signs it', insert('signed_as, url, body', `'{endpoint}', ${a}, ''`), denied],
  [
    84,
    'a status, which the outbox does not have',
    insert('status, url, body', `'delivered', ${a}, ''`),
    '42703',
  ],
  [84, 'attempts, which it does not have', insert('attempts, url, body', `3, ${a}, ''`), '42703'],
  [
    84,
    'a row of the queue',
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at) values (posthorn.uuid_v7(), posthorn.uuid_v7(), 1, 0, now())`,
    denied,
  ],
  [84, 'a change of what was sent', `update posthorn.outbox set url = ${a}`, denied],
  [84, 'a deletion', 'delete from posthorn.outbox', denied],
  [84, 'a cancellation', `select posthorn.cancel(posthorn.uuid_v7())`, denied],
  [
    92,
    'an id that is there already',
    insert('id, url, body', `(select id from posthorn.outbox limit 1), ${a}, ''`),
    denied,
  ],
  [94, 'RETURNING id', `${insert('url, body', `${a}, ''`)} returning id`, 'accepted'],
  [94, 'RETURNING body', `${insert('url, body', `${a}, ''`)} returning body`, denied],
  [94, 'RETURNING *', `${insert('url, body', `${a}, ''`)} returning *`, denied],
  [98, 'a look into the bodies of others', 'select body, secret from posthorn.outbox', denied],
  [
    99,
    'a role for copies, under which no trigger runs',
    'set session_replication_role = replica',
    denied,
  ],
  [
    99,
    'a trigger that is switched off',
    'alter table posthorn.outbox disable trigger user',
    denied,
  ],
  [
    99,
    'one trigger that is switched off',
    'alter table posthorn.outbox disable trigger outbox_to_queue',
    denied,
  ],
  [
    101,
    'an insert while reading only',
    `set transaction read only; ${insert('url, body', `${a}, ''`)}`,
    '25006',
  ],
];

const contents: readonly ProducerCase[] = [
  ...column(85, 'body', '23514 outbox_body_is_given', [['null', null]]),
  ...column(85, 'body', '22021', [['NUL', 'a\0b']]),
  [85, 'NUL that is escaped in a body', { body: '{"a":"\\u0000"}' }, 'accepted'],
  ...column(85, 'headers', '22P05', [['NUL that is escaped', '{"a": "\\u0000"}']]),
  ...column(85, 'headers', '22P02', [
    ['a lone surrogate', '{"a": "\\ud800"}'],
    ['no JSON', '{a: 1}'],
  ]),
  ...column(86, 'headers', 'is_object', [
    ['a list', '[]'],
    ['a text', '"a"'],
    ['null in JSON', 'null'],
    ['a number', '1'],
  ]),
  ...column(86, 'headers', 'values_are_strings', [
    ['a number', '{"a": 1}'],
    ['null', '{"a": null}'],
    ['a list', '{"a": ["b"]}'],
    ['lists within a list', '{"a": [["b"]]}'],
    ['an object', '{"a": {}}'],
  ]),
  ...column(86, 'headers', 'names_are_tokens', [
    ['a blank in a name', '{"a b": "x"}'],
    ['no name', '{"": "x"}'],
    ['a line feed in a name', '{"a\\n": "x"}'],
    ['a colon in a name', '{"a:": "x"}'],
    ['a name outside ASCII', '{"ä": "x"}'],
    ['a name of 129 letters', JSON.stringify({ ['n'.repeat(129)]: 'x' })],
  ]),
  ...column(86, 'headers', 'values_are_printable_ascii', [
    ['a line break in a value', '{"a": "x\\r\\ny: z"}'],
    ['a line feed in a value', '{"a": "x\\ny"}'],
    ['a value outside ASCII', '{"a": "é"}'],
    ['a tab in a value', '{"a": "\\t"}'],
  ]),
  ...column(86, 'headers', 'names_are_unique', [
    ['a name twice but for its case', '{"a": "1", "A": "2"}'],
  ]),
  ...column(
    86,
    'headers',
    'names_are_not_reserved',
    [
      'HOST',
      'Content-Length',
      'Transfer-Encoding',
      'Connection',
      'Content-Type',
      'Accept-Encoding',
      'Proxy-Authorization',
      'Cookie',
      'Idempotency-Key',
      'traceparent',
      'webhook-id',
      'x-webhook-signature',
    ].map((name) => [name, JSON.stringify({ [name]: 'x' })]),
  ),
  [
    86,
    'headers: 8.2 KB',
    { headers: JSON.stringify({ a: 'x'.repeat(8_200) }) },
    '23514 outbox_headers_are_at_most_8_kib',
  ],
  ...column(87, 'priority', 'is_high_normal_or_low', [
    ['another word', 'urgent'],
    ['upper case', 'HIGH'],
    ['a number', 40_000],
    ['nothing', ''],
  ]),
  ...column(87, 'priority', '23514 outbox_defaults_are_not_null', [['null', null]]),
  ...column(88, 'send_at', 'is_within_a_year', [
    ['never', 'infinity'],
    ['before all others', '-infinity'],
    ['in 900 years', '2999-01-01'],
    ['the last that Postgres knows', '294276-12-31'],
  ]),
  ...column(88, 'send_at', '22007', [['no time', 'the day after']]),
  ...column(88, 'send_at', '22008', [
    ['a day that is not there', '2030-02-30'],
    ['the year 294277', '294277-01-01'],
  ]),
  [88, 'send_at: a time that has passed', { send_at: '2020-01-01' }, 'accepted'],
  ...column(89, 'body', 'is_at_most_1_mib', [
    ['a byte more than 1 MiB', 'x'.repeat(1_048_577)],
    ['as much in two bytes each', 'ä'.repeat(524_289)],
  ]),
  [89, 'body: 1 MiB', { body: 'x'.repeat(1_048_576) }, 'accepted'],
  [
    89,
    'body: 20 MB that Postgres makes',
    insert('url, body', `${a}, repeat('x', 20000000)`),
    '23514 outbox_body_is_at_most_1_mib',
  ],
  [90, 'a gigabyte', insert('url, body', `${a}, repeat('x', 1073741824)`), '54000'],
  ...['body', 'url', 'secret', 'content_type', 'idempotency_key'].flatMap((name) =>
    column(91, name, '22021', [
      ['a byte that UTF-8 never has', Buffer.from([0x61, 0xff])],
      ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
    ]),
  ),
];

const others: readonly ProducerCase[] = [
  ...column(66, 'secret', 'is_1_to_512_bytes', [
    ['nothing', ''],
    ['513 bytes', 'x'.repeat(513)],
  ]),
  ...column(66, 'secret', 'is_base64_after_whsec', [
    ['nothing after whsec_', 'whsec_'],
    ['no base64', 'whsec_!!!!'],
    ['21 bytes', whsec(21)],
    ['67 bytes', whsec(67)],
  ]),
  ...column(66, 'secret', 'is_ed25519_after_whsk', [['no key after whsk_', 'whsk_short']]),
  ...column(65, 'content_type', 'is_media_type', [
    ['no slash', 'json'],
    ['a line break', 'a/b\r\nx: y'],
    ['256 bytes', `a/${'b'.repeat(254)}`],
  ]),
  ...column(65, 'content_type', '23514 outbox_defaults_are_not_null', [['null', null]]),
  ...column(58, 'max_attempts', 'is_1_to_100', [
    ['none', 0],
    ['a negative number', -1],
    ['101', 101],
    ['40,000', 40_000],
  ]),
  ...column(58, 'max_attempts', '22003', [['2^31', 2_147_483_648]]),
  ...column(58, 'max_attempts', '22P02', [['a fraction', 1.5]]),
  ...column(54, 'idempotency_key', 'is_1_to_255_printable_ascii', [
    ['nothing', ''],
    ['256 characters', 'x'.repeat(256)],
    ['12 kB', 'x'.repeat(12_000)],
    ['a tab', 'a\tb'],
    ['a letter outside ASCII', 'ü'],
  ]),
  ...column(65, 'traceparent', 'is_w3c', [
    ['no hex', '00-xyz'],
    ['upper case', `00-${'A'.repeat(32)}-${'1'.repeat(16)}-01`],
  ]),
];

export const producerCases: readonly ProducerCase[] = [
  ...addresses,
  ...rights,
  ...contents,
  ...others,
];

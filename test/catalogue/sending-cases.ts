import { expect } from 'vitest';
import { type Case, type Given, secret, url } from './case.ts';

// Section C: POST /webhooks/send.

export const request = 'POST /webhooks/send';
export const refused = (number: number, what: string, given: Given, answer: string): Case => [
  number,
  what,
  request,
  given,
  `400 ${answer}`,
];
/** A webhook that is right but for this. */
export const field = (number: number, what: string, change: object, answer: string): Case =>
  refused(number, what, { json: { url, body: 1, ...change } }, answer);
export const sent = (number: number, what: string, change: object): Case => [
  number,
  what,
  request,
  { json: { url, body: 1, ...change } },
  '202',
];

/** The body as it is written in the request, and as it is stored and so sent. */
function verbatim(number: number, what: string, written: string, stored = written): Case {
  return [
    number,
    what,
    request,
    { text: `{"url":"${url}", "body" :${written} }` },
    '202',
    async ({ database }, { json }) => {
      const { rows } = await database.pool.query('select body from posthorn.outbox where id = $1', [
        json.id,
      ]);
      expect(rows).toEqual([{ body: stored }]);
    },
  ];
}

export const sendingCases: readonly Case[] = [
  field(42, 'a field with a typo', { urll: 'x' }, 'unknown_field /urll'),
  field(42, 'a field whose name has to be escaped', { 'a/b~': 1 }, 'unknown_field /a~1b~0'),
  field(42, 'a field in upper case', { Secret: 'x' }, 'unknown_field /Secret'),
  field(
    42,
    'a name of 5,000 letters',
    { ['n'.repeat(5_000)]: 1 },
    `unknown_field /${'n'.repeat(128)}`,
  ),
  field(42, 'a column that is ours', { id: '{unknown}' }, 'unknown_field /id'),
  field(42, 'another column that is ours', { signed_as: '{endpoint}' }, 'unknown_field /signed_as'),
  field(43, 'no url and no endpoint', { url: undefined }, 'missing_url /url'),
  field(43, 'null for both', { url: null, endpoint_id: null }, 'missing_url /url'),
  field(43, 'both', { endpoint_id: '{endpoint}' }, 'url_and_endpoint_id /endpoint_id'),
  ...['{unknown}', '{deleted}'].map((id) =>
    field(
      44,
      'an endpoint that is not there',
      { url: null, endpoint_id: id },
      'outbox_endpoint_id_is_registered /endpoint_id',
    ),
  ),
  field(
    44,
    'an endpoint that is no id',
    { url: null, endpoint_id: 'x' },
    'invalid_endpoint_id /endpoint_id',
  ),
  field(
    44,
    'an endpoint that is a number',
    { url: null, endpoint_id: 7 },
    'invalid_endpoint_id /endpoint_id',
  ),
  sent(44, 'an endpoint that is disabled: it waits', { url: null, endpoint_id: '{disabled}' }),
  field(45, 'no body', { body: undefined }, 'missing_body /body'),
  verbatim(45, 'null', 'null'),
  verbatim(46, 'no character', '""', ''),
  verbatim(46, '256 KiB', JSON.stringify('a'.repeat(262_144)), 'a'.repeat(262_144)),
  [46, 'a byte more', request, { json: { url, body: 'a'.repeat(262_145) } }, '413 body_too_large'],
  [
    46,
    'as much in two bytes each',
    request,
    { json: { url, body: 'ä'.repeat(131_073) } },
    '413 body_too_large',
  ],
  [
    46,
    'as much that is escaped',
    request,
    { text: `{"url":"${url}","body":"${'\\u0001'.repeat(262_145)}"}` },
    '413 body_too_large',
  ],
  verbatim(47, 'NUL in a JSON body', '{"a":"\\u0000"}'),
  field(47, 'NUL in a string', { body: `${secret}\0` }, 'invalid_body /body'),
  verbatim(48, 'a lone surrogate in a JSON body', '{"a":"\\ud800"}'),
  refused(
    48,
    'a lone surrogate in a string',
    { text: `{"url":"${url}","body":"\\ud800"}` },
    'invalid_body /body',
  ),
  refused(
    48,
    'a lone surrogate in a url',
    { text: '{"url":"https://a.example/\\ud800","body":1}' },
    'invalid_url /url',
  ),
  refused(
    48,
    'a lone surrogate as a name',
    { text: `{"url":"${url}","body":1,"\\ud800":1}` },
    'unknown_field /\ud800',
  ),
  verbatim(49, 'an integer over 2^53', '{"n":12345678901234567890}'),
  verbatim(49, 'a number over all doubles', '[1e400,1e200000,-1E-400]'),
  verbatim(49, 'numbers with a sign, a point, an exponent', '[-0,1.0,1E2,1e+2,0.10]'),
  verbatim(50, 'a key twice within the body', '{"a":1,"a":2, "2":1,"1":2}'),
  refused(
    51,
    '100,000 levels',
    { text: `{"url":"${url}","body":${'['.repeat(100_000)}` },
    'too_deep',
  ),
  refused(
    51,
    '100,000 objects',
    { text: `{"url":"${url}","body":${'{"a":'.repeat(100_000)}` },
    'too_deep',
  ),
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    '[1,]',
    '{"a":1,}',
    '1 // one',
    '/* */ 1',
    "'a'",
    '01',
    '+1',
    '.5',
    '1.',
    '0x1',
    'undefined',
    'True',
    '"\t"',
    '"\\x41"',
    '"\\u12"',
    '\u00a01',
  ].map((body) =>
    refused(
      52,
      `the body ${JSON.stringify(body)}`,
      { text: `{"url":"${url}","body":${body}}` },
      'invalid_json',
    ),
  ),
  verbatim(53, 'a document', '{"n": 1.0}'),
  verbatim(53, 'a document within a string', '"{\\"n\\": 1.0}"', '{"n": 1.0}'),
  verbatim(53, 'a JSON string within a string', '"\\"text\\""', '"text"'),
];

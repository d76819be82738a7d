import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { type Case, type Given, takers, url } from './case.ts';

// Section A: bodies that cannot be read, whatever their fields are.

const all = [...takers.must, ...takers.may];
/** May be larger than a request for one event. */
const batch = ['POST /events/batch'];
const single = all.filter((request) => !batch.includes(request));
const webhook = JSON.stringify({ url, body: 1 });
const asJson = { 'content-type': 'application/json' };
const posts = 'Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n';
const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** The same at many paths. */
function at(
  requests: readonly string[],
  ...[number, what, given, answer]: [number: number, what: string, given: Given, answer: string]
): Case[] {
  return requests.map((request) => [number, what, request, given, answer]);
}

const bytesIn = (...bytes: number[]): Given => ({
  headers: asJson,
  bytes: Buffer.concat([
    Buffer.from('{"url":"https://example.com","body":"'),
    Buffer.from(bytes),
    Buffer.from('"}'),
  ]),
});

const bodies: readonly Case[] = [
  ...at(all, 1, 'JSON that ends too soon', { text: '{"url":' }, '400 invalid_json'),
  ...at(all, 1, 'a key without quotes', { text: '{url:1}' }, '400 invalid_json'),
  ...at(all, 1, 'two values', { text: '{}{}' }, '400 invalid_json'),
  ...at(takers.must, 2, 'no body', { headers: asJson }, '400 empty_body'),
  ...at(takers.must, 2, 'a body of no bytes', { text: '' }, '400 empty_body'),
  ...at(all, 2, 'blanks alone', { text: ' \n' }, '400 invalid_json'),
  ...['1', '"text"', 'null', 'true', '[]', '[{}]'].flatMap((text) =>
    at(all, 3, `${text} instead of an object`, { text }, '400 not_an_object'),
  ),
  ...at(all, 4, 'a byte order mark before the JSON', { text: '\ufeff{}' }, '400 invalid_json'),
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'text/json',
    '',
  ].flatMap((type) =>
    at(
      all,
      5,
      `the content type "${type}"`,
      { bytes: Buffer.from(webhook), headers: type === '' ? {} : { 'content-type': type } },
      '415 unsupported_media_type',
    ),
  ),
  ...['latin1', 'utf-16', 'utf-8; charset=latin1', '""'].flatMap((charset): Case[] =>
    at(
      all,
      6,
      `the charset ${charset}`,
      { text: webhook, headers: { 'content-type': `application/json; charset=${charset}` } },
      '415 unsupported_media_type',
    ),
  ),
  ...['utf-8', 'UTF-8', '"utf-8"'].map((charset): Case => {
    const headers = { 'content-type': `application/json; charset=${charset}` };
    return [6, `the charset ${charset}`, 'POST /webhooks/send', { text: webhook, headers }, '202'];
  }),
  ...at(all, 7, 'a byte that UTF-8 never has', bytesIn(0xff), '400 invalid_utf8'),
  ...at(all, 7, 'a slash in two bytes', bytesIn(0xc0, 0xaf), '400 invalid_utf8'),
  ...at(all, 7, 'half of a surrogate pair in UTF-8', bytesIn(0xed, 0xa0, 0x80), '400 invalid_utf8'),
  ...at(all, 7, 'a character that is cut off', bytesIn(0xf0, 0x9d, 0x84), '400 invalid_utf8'),
  ...at(all, 7, 'a code point over U+10FFFF', bytesIn(0xf4, 0x90, 0x80, 0x80), '400 invalid_utf8'),
  ...Object.entries({ gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync }).flatMap(
    ([encoding, compress]) =>
      at(
        all,
        8,
        `a body in ${encoding}`,
        { bytes: compress(webhook), headers: { ...asJson, 'content-encoding': encoding } },
        '415 unsupported_media_type',
      ),
  ),
  ...at(
    all.map((request) => `${request} HTTP/1.1\r\n`),
    9,
    'a Content-Length of a terabyte, of which nothing comes',
    { raw: `${posts}Content-Length: 1000000000000\r\n\r\n` },
    '413 body_too_large',
  ),
  ...at(single, 9, 'a body of 1.7 MB', { bytes: blanks(), headers: asJson }, '413 body_too_large'),
  ...at(
    single,
    10,
    'the same in chunks',
    { chunks: blanks(), headers: asJson },
    '413 body_too_large',
  ),
  ...at(
    batch,
    9,
    'a body of 4.2 MB',
    { bytes: blanks(4_194_305), headers: asJson },
    '413 body_too_large',
  ),
];

function blanks(bytes = 256 * 1024 * 6 + 65_537): Uint8Array {
  return Buffer.alloc(bytes, ' ');
}

const structures: readonly Case[] = [
  ...at(all, 23, '65 levels', { text: `{"body":${nested(64)}}` }, '400 too_deep'),
  ...at(all, 23, '1,501 levels', { text: `{"body":${nested(1_500)}}` }, '400 too_deep'),
  [
    23,
    '64 levels',
    'POST /webhooks/send',
    { text: `{"url":"${url}","body":${nested(63)}}` },
    '202',
  ],
  ...at(all, 24, 'a key twice', { text: '{"body":1,"body":1}' }, '400 duplicate_key'),
  ...at(
    all,
    24,
    'a key twice, once escaped',
    { text: '{"url":1,"\\u0075rl":1}' },
    '400 duplicate_key',
  ),
];

const plain = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}';

const names: readonly Case[] = [
  [
    24,
    'a thousand keys',
    'POST /webhooks/send',
    { json: many(1_000) },
    '400 unknown_field /k0',
    fewErrors,
  ],
  ...at(
    all.slice(0, 5),
    25,
    'the field __proto__',
    { text: '{"__proto__":{"url":1}}' },
    '400 unknown_field /__proto__',
  ),
  ...at(
    all.slice(0, 5),
    25,
    'the field constructor',
    { text: '{"constructor":1}' },
    '400 unknown_field /constructor',
  ),
  ...at(
    all.slice(0, 5),
    25,
    'the field toString',
    { text: '{"toString":1}' },
    '400 unknown_field /toString',
  ),
  [
    25,
    'the parameter __proto__',
    'GET /webhooks?__proto__=1',
    {},
    '400 unknown_parameter ?__proto__',
  ],
  [
    25,
    'such names in the body',
    'POST /webhooks/send',
    { text: `{"url":"${url}","body":${plain}}` },
    '202',
    async ({ database }, { json }) => {
      const { rows } = await database.pool.query('select body from posthorn.outbox where id = $1', [
        json.id,
      ]);
      expect(rows).toEqual([{ body: plain }]);
      expect(Object.hasOwn(Object.prototype, 'isAdmin')).toBe(false);
    },
  ],
];

function many(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, key) => [`k${key}`, key]));
}

function fewErrors(_: unknown, { json }: { json: { errors: readonly object[] } }): void {
  expect(json.errors.length).toBeLessThanOrEqual(20);
}

export const bodyCases: readonly Case[] = [...bodies, ...structures, ...names];

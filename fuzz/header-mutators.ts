// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';
import type { Draft } from './draft.ts';
import type { Mutator, MutatorContext } from './mutator.ts';

/*
 * What may be wrong with headers that leave the request's bounds alone.
 */

const contentTypes = [
  '',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'application/json; charset="utf-8"',
  'APPLICATION/JSON',
  'application/json;charset=utf-8;x=1',
  'application/json, text/plain',
  'application/problem+json',
  'application/jsonx',
  'application/json\xff',
  ' application/json',
  `application/json;${' '.repeat(5_000)}`,
  `application/json; charset=${'u'.repeat(5_000)}`,
];

const encodings = [
  'gzip',
  'br',
  'deflate',
  'identity',
  'IDENTITY',
  'gzip, identity',
  '',
  'x'.repeat(3_000),
];

const idempotencyKeys = [
  '',
  ' ',
  'key 1',
  'key 2',
  'k'.repeat(255),
  'k'.repeat(256),
  'k'.repeat(5_000),
  'é',
  '\xff',
  'a\tb',
  '"quoted"',
  "'; drop table posthorn.outbox; --",
  'key 1, key 2',
  '\x7f',
];

const hosts = [
  '',
  'evil.example',
  'localhost',
  '127.0.0.1:1',
  '[::1]',
  '[::1',
  '127.0.0.1:99999',
  '127.0.0.1@evil.example',
  'a b',
  '%00',
  'é',
  '127.0.0.1/x',
  '127.0.0.1?x',
  '127.0.0.1#x',
  'http://127.0.0.1',
  '\\',
  'xn--',
  '0x7f.1',
  'x'.repeat(300),
  ',',
];

const conditions: readonly (readonly [string, readonly string[]])[] = [
  ['If-Match', ['*', '"x"', 'W/"x"', '']],
  ['If-None-Match', ['*', '"x"', '']],
  ['If-Modified-Since', ['Thu, 01 Jan 1970 00:00:00 GMT', 'never', '']],
  ['If-Unmodified-Since', ['Thu, 01 Jan 1970 00:00:00 GMT', 'never']],
  ['If-Range', ['"x"']],
  ['Range', ['bytes=0-0', 'bytes=5-1', 'bytes=-1', 'lines=1', 'bytes=0-0,1-1,2-2']],
  ['Accept', ['text/html', 'application/xml;q=1', '*/*;q=0', '', 'x'.repeat(3_000)]],
  ['Accept-Encoding', ['gzip', 'identity;q=0', '*;q=0', 'br']],
  ['Accept-Charset', ['utf-16']],
  ['X-HTTP-Method-Override', ['DELETE', 'GET']],
  ['X-Forwarded-For', ['127.0.0.1', "'", 'x'.repeat(2_000)]],
  ['X-Forwarded-Host', ['evil.example']],
  ['X-Original-URL', ['/endpoints']],
  ['Forwarded', ['for=127.0.0.1;host=evil.example']],
  ['Cookie', ['a=b; a=c', '\xff', '=;=']],
  ['traceparent', ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'x', '']],
  ['Prefer', ['return=minimal']],
  ['Date', ['never']],
  ['Max-Forwards', ['0', '-1']],
  ['Referer', ['http://evil.example/', '\xff']],
  ['User-Agent', ['', '() { :; }; echo x', `\${jndi:ldap://x}`]],
];

const origins = [
  'null',
  '',
  'http://evil.example',
  'http://127.0.0.1',
  'http://127.0.0.1:1',
  'x',
  'http://[',
  'file://',
  '*',
  '\xff',
];
const sites = ['cross-site', 'same-site', 'same-origin', 'none', '', 'x', 'CROSS-SITE', '\xff'];

export const headerMutators: readonly Mutator[] = [
  forHeader('Content-Type', contentTypes),
  forHeader('Content-Encoding', encodings),
  forHeader('Idempotency-Key', idempotencyKeys),
  forHeader('Host', hosts),
  forHeader('Origin', origins),
  forHeader('Sec-Fetch-Site', sites),
  {
    name: 'header: Authorization',
    apply(draft, context) {
      setHeader(draft, ['Authorization', authorization(context)]);
    },
  },
  {
    name: 'header: none of one name',
    apply(draft, { random }) {
      const name = random.pick(['Authorization', 'Content-Type', 'Host']);
      draft.headers = draft.headers.filter(([known]) => known !== name);
    },
  },
  {
    name: 'header: a condition or preference',
    apply(draft, { random }) {
      const [name, values] = random.pick(conditions);
      draft.headers.push([name, random.pick(values)]);
    },
  },
  {
    name: 'header: the same again',
    fits: ({ headers }) => headers.length > 0,
    apply(draft, { random }) {
      const [name, value] = random.pick(draft.headers);
      draft.headers.push([name, random.pick([value, `${value}x`, ''])]);
    },
  },
  {
    name: 'header: many or long',
    apply(draft, { random }) {
      const count = random.pick([50, 500, 2_500]);
      const more = Array.from({ length: count }, (_, n): [string, string] => [`X-${n}`, 'y']);
      const long: [string, string] = [
        'X-Long',
        'y'.repeat(random.pick([4_000, 15_000, 17_000, 70_000])),
      ];
      draft.headers.push(...(random.next() < 0.5 ? more : [long]));
    },
  },
  {
    name: 'header: characters that may not be there',
    apply(draft, { random }) {
      const bad = random.pick([
        '\0',
        '\x01',
        '\x7f',
        '\xff',
        '\t',
        '\x0b',
        '\r',
        '\n',
        '\r\n ',
        '\r\n\t',
      ]);
      const name = random.pick([
        'X-Value',
        'Idempotency-Key',
        'Content-Type',
        'Authorization',
        'Host',
      ]);
      draft.headers.push(
        random.pick<[string, string]>([
          [name, `a${bad}b`],
          [`X${bad}Name`, 'a'],
          ['X Name', 'a'],
          ['', 'a'],
          ['X-Name ', 'a'],
          ['"X"', 'a'],
          ['__proto__', 'a'],
          ['constructor', 'a'],
        ]),
      );
      draft.isAlone = true;
    },
  },
];

/** Puts another value into a header, or beside the one that is there. */
function forHeader(name: string, values: readonly string[]): Mutator {
  return {
    name: `header: ${name}`,
    apply(draft, { random }) {
      const header: [string, string] = [name, random.pick(values)];
      if (random.next() < 0.8) setHeader(draft, header);
      else draft.headers.push(header);
    },
  };
}

export function setHeader(draft: Draft, [name, value]: [string, string]): void {
  draft.headers = draft.headers.filter(([known]) => known.toLowerCase() !== name.toLowerCase());
  draft.headers.push([name, value]);
}

function authorization({ random, known }: MutatorContext): string {
  const { all, others } = known.keys;
  return random.pick<(random: Random) => string>([
    () => random.pick([`Bearer ${random.pick(others)}`, `bearer   ${all} `, `BEARER ${all}`]),
    () =>
      random.pick([all, `Basic ${all}`, `Bearer${all}`, `Bearer ${all},${all}`, `Bearer "${all}"`]),
    () =>
      random.pick([
        '',
        'Bearer',
        'Bearer ',
        'Bearer \xff',
        `Bearer ${'k'.repeat(8_000)}`,
        "Bearer ' or 1=1 --",
        'Bearer phk_',
        `Bearer phk_${'A'.repeat(43)}`,
        'Basic Og==',
        'Digest username="x"',
        'Bearer a b',
      ]),
  ])(random);
}

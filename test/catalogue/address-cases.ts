import { expect } from 'vitest';
import { type Case, secret } from './case.ts';

// Section D: URLs, wherever one is given.

const places: readonly (readonly [
  request: string,
  wrap: (url: unknown) => object,
  invalid: string,
])[] = [
  ['POST /webhooks/send', (url) => ({ url, body: 1 }), '400 invalid_url /url'],
  ['POST /endpoints', (url) => ({ url }), '400 invalid_url /url'],
  ['PATCH /endpoints/{endpoint}', (url) => ({ url }), '400 invalid_url /url'],
];

const filters: typeof places = ['POST /replays', 'POST /webhooks/cancel'].map((request) => [
  request,
  (url) => ({ filter: { url } }),
  '400 invalid_url /filter/url',
]);

/** What no URL of ours looks like. */
const malformed: readonly unknown[] = [
  1,
  true,
  [],
  {},
  '',
  ' ',
  '/relative',
  '//example.com/',
  'example.com',
  'example.com:443/a',
  'http:example.com',
  'https:/example.com',
  'https:///path',
  'https://',
  'https://?a',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://example.com/',
  'data:text/html,x',
  'javascript:alert(1)',
  'ws://example.com/',
  'blob:https://example.com/',
  'unix:/var/run/docker.sock',
  ' https://example.com/',
  'https://example.com/ ',
  'https://exa mple.com/',
  'https://exam\nple.com/',
  'https://example.com/a\tb',
  'https://example.com/a\r\nX-Header: b',
  'https://example.com/\u00a0',
  'https://example.com/\u2028',
  'https://example.com/\0',
  'https:\\\\example.com',
  'https://example.com\\@evil.example/',
  'https://example.com:65536/',
  'https://example.com:-1/',
  'https://example.com:http/',
  'https://%00/',
  'https://a%20b.example/',
  'https://a<b>.example/',
  'https://a|b.example/',
  'https://[::1/',
  'https://[::1%25eth0]/',
  'https://[1:2:3:4:5:6:7:8:9]/',
  'http://256.256.256.256/',
  'http://1.2.3.4.5/',
  'http://0x100000000/',
  'https://xn--a-ü.example/',
  'https://\u00ad/',
  `https://${secret}:${secret}@example.com/`,
  `https://${secret}@example.com/`,
  'https://example.com/#',
  'https://example.com/#part',
];

/** Hosts that DNS cannot have, and a port at which nobody listens. */
const unreachable = [
  'https://example.com:0/',
  'https://a..b/',
  'https://.a.example/',
  'https://./',
  `https://${'a'.repeat(64)}.example/`,
  `https://${'a.'.repeat(130)}example/`,
];

const refused: readonly Case[] = [
  ...[...places, ...filters].flatMap(([request, wrap, answer]) =>
    malformed.map((url): Case => {
      return [64, `the URL ${JSON.stringify(url)}`, request, { json: wrap(url) }, answer];
    }),
  ),
  ...places.flatMap(([request, wrap, answer]) => [
    ...unreachable.map((url): Case => {
      return [64, `the URL ${url.slice(0, 40)}`, request, { json: wrap(url) }, answer];
    }),
    ...['a', 'ä'].map((sign): Case => {
      const table = request.includes('webhooks') ? 'outbox' : 'endpoints';
      const url = `https://example.com/${sign.repeat(2_048)}`;
      const rule = `${table}_url_is_at_most_2048_bytes /url`;
      return [64, 'a URL of more than 2,048 bytes', request, { json: wrap(url) }, `400 ${rule}`];
    }),
  ]),
];

/**
 * What the catalogue would refuse here, and the address guard refuses on the connection, which alone knows what a name leads to and
 * which networks are allowed. They are stored as the guard will read them: nothing hides behind a spelling.
 */
const guarded: readonly (readonly [url: string, stored: string])[] = [
  ['http://localhost/', 'http://localhost/'],
  ['http://LOCALHOST./', 'http://localhost./'],
  ['http://internal/', 'http://internal/'],
  ['http://127.0.0.1:6379/', 'http://127.0.0.1:6379/'],
  ['http://2130706433/', 'http://127.0.0.1/'],
  ['http://0x7f.1/', 'http://127.0.0.1/'],
  ['http://0177.0.0.1/', 'http://127.0.0.1/'],
  ['http://127.1/', 'http://127.0.0.1/'],
  ['http://１２７.0.0.1/', 'http://127.0.0.1/'],
  ['http://①②⑦.0.0.1/', 'http://127.0.0.1/'],
  ['http://127。0。0。1/', 'http://127.0.0.1/'],
  ['http://%31%32%37.0.0.1/', 'http://127.0.0.1/'],
  ['http://[::ffff:127.0.0.1]/', 'http://[::ffff:7f00:1]/'],
  ['http://[::]:22/', 'http://[::]:22/'],
  ['http://169.254.169.254/latest', 'http://169.254.169.254/latest'],
  ['https://bücher.example/ü', 'https://xn--bcher-kva.example/%C3%BC'],
  ['https://аpple.example/', 'https://xn--pple-43d.example/'],
  ['HTTPS://EXAMPLE.com:443/a/../b', 'https://example.com/b'],
  ['https://-a.example/', 'https://-a.example/'],
  ['https://xn--0.example/', 'https://xn--0.example/'],
  ['https://:@example.com/', 'https://example.com/'],
];

const accepted: readonly Case[] = guarded.map(([url, stored]) => [
  64,
  `the URL ${url}, which is left to the guard,`,
  'POST /endpoints',
  { json: { url, secret } },
  '201',
  (_, { json }) => expect(json).toMatchObject({ url: stored }),
]);

export const addressCases: readonly Case[] = [...refused, ...accepted];

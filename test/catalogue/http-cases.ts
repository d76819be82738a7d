import { expect } from 'vitest';
import type { Case } from './case.ts';

// Section A: requests that are no good HTTP, and paths and methods that are not there. Case 11 is in connections.test.ts.

const close = 'Host: localhost\r\nConnection: close\r\n';
const posts = `${close}Content-Type: application/json\r\n`;

/** On a socket: [number, what, the request line, the headers and the body, the answer]. */
const lines: readonly Case[] = (
  [
    [12, 'a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    [12, 'two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    [12, 'two lengths in one', 'Content-Length: 2, 2\r\n\r\n{}'],
    [12, 'a length with a sign', 'Content-Length: +2\r\n\r\n{}'],
    [12, 'a length in hex', 'Content-Length: 0x2\r\n\r\n{}'],
    [12, 'a negative length', 'Content-Length: -1\r\n\r\n{}'],
    [
      12,
      'chunks that are not the last encoding',
      'Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
    ],
    [12, 'a blank before the colon', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
    [12, 'a header that goes on in the next line', 'X-A: a\r\n Content-Length: 2\r\n\r\n{}'],
    [
      12,
      'a size of a chunk that is none',
      'Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n',
    ],
    [13, 'a second Host', 'Host: localhost\r\n\r\n'],
    [13, 'NUL in a header', 'X-A: \0\r\n\r\n'],
    [13, 'a header without a name', ': a\r\n\r\n'],
    [13, 'a line feed alone in a header', 'X-A: a\nX-B: b\r\n\r\n'],
  ] as const
).map(([number, what, rest]) => [
  number,
  what,
  'POST /webhooks/send HTTP/1.1\r\n',
  { raw: posts + rest },
  '400 invalid_request',
]);

const raw = (
  ...[number, what, line, rest, answer]: [number, string, string, string, string]
): Case => [number, what, line, { raw: rest }, answer];

const invalid = '400 invalid_request';
const large = '431 headers_too_large';

const requests: readonly Case[] = [
  ...lines,
  raw(13, 'no Host', 'GET /webhooks HTTP/1.1\r\n', 'Connection: close\r\n\r\n', invalid),
  raw(
    13,
    'an empty Host',
    'GET /webhooks HTTP/1.1\r\n',
    'Host:\r\nConnection: close\r\n\r\n',
    invalid,
  ),
  ...['a b', 'a/b', 'a@b', '[::1', 'a:b', 'localhost:99999', 'a\\b', 'a?b', 'a#b'].map((host) =>
    raw(
      13,
      `the Host "${host}"`,
      'GET /webhooks HTTP/1.1\r\n',
      `Host: ${host}\r\nConnection: close\r\n\r\n`,
      invalid,
    ),
  ),
  raw(
    13,
    'a Host that is somebody else, while there is no key',
    'GET /webhooks HTTP/1.1\r\n',
    'Host: a.example\r\nConnection: close\r\n\r\n',
    '403 cross_origin',
  ),
  raw(13, 'HTTP/0.9', 'GET /webhooks\r\n', '\r\n', invalid),
  raw(13, 'HTTP/3.0 in a line', 'GET /webhooks HTTP/3.0\r\n', `${close}\r\n`, invalid),
  raw(13, 'TLS where there is none', '\x16\x03\x01\x02\0\x01', '\0\x01\xfc\x03\x03', invalid),
  raw(14, 'an absolute URL', 'GET http://localhost/webhooks HTTP/1.1\r\n', `${close}\r\n`, '200'),
  raw(
    14,
    'a URL of another host',
    'GET http://a.example/webhooks HTTP/1.1\r\n',
    `${close}\r\n`,
    '200',
  ),
  raw(14, 'a path without a slash', 'GET webhooks HTTP/1.1\r\n', `${close}\r\n`, invalid),
  raw(14, 'a star as the path', 'GET * HTTP/1.1\r\n', `${close}\r\n`, invalid),
  raw(14, 'a path with a backslash', 'GET /a\\b HTTP/1.1\r\n', `${close}\r\n`, invalid),
  raw(
    15,
    'a header of 17 KB',
    'GET / HTTP/1.1\r\n',
    `${close}A: ${'a'.repeat(17_000)}\r\n\r\n`,
    large,
  ),
  raw(
    15,
    '2,000 headers',
    'GET / HTTP/1.1\r\n',
    `${close}${'A: a23456\r\n'.repeat(2_000)}\r\n`,
    large,
  ),
  raw(16, 'a URL of 17 KB', `GET /${'a'.repeat(17_000)} HTTP/1.1\r\n`, `${close}\r\n`, large),
  raw(18, 'TRACE', 'TRACE /webhooks HTTP/1.1\r\n', `${close}\r\n`, '405 method_not_allowed'),
  raw(18, 'CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\n', `${close}\r\n`, 'closed'),
  raw(19, 'a method that nobody knows', 'BREW /webhooks HTTP/1.1\r\n', `${close}\r\n`, invalid),
  raw(19, 'a method in lower case', 'get /webhooks HTTP/1.1\r\n', `${close}\r\n`, invalid),
  raw(
    19,
    'a method of WebDAV',
    'PROPFIND /webhooks HTTP/1.1\r\n',
    `${close}\r\n`,
    '405 method_not_allowed',
  ),
];

const read = 'GET, HEAD';
/** Every path, and what it takes. */
const allowed: Readonly<Record<string, string>> = {
  '/': read,
  '/healthz': read,
  '/readyz': read,
  '/stats': read,
  '/stats/series': read,
  '/stats/endpoints': read,
  '/settings': read,
  '/webhooks': read,
  '/webhooks/{pending}': read,
  '/webhooks/send': 'POST',
  '/webhooks/cancel': 'POST',
  '/webhooks/{pending}/retry': 'POST',
  '/webhooks/{pending}/cancel': 'POST',
  '/replays': `${read}, POST`,
  '/replays/{unknown}': read,
  '/replays/{unknown}/cancel': 'POST',
  '/endpoints': `${read}, POST`,
  '/endpoints/{endpoint}': `${read}, PATCH, DELETE`,
  '/endpoints/{endpoint}/test': 'POST',
  '/endpoints/{endpoint}/secret/rotate': 'POST',
  '/endpoints/{endpoint}/pause': 'POST',
  '/endpoints/{endpoint}/resume': 'POST',
  '/endpoints/{endpoint}/disable': 'POST',
  '/endpoints/{endpoint}/enable': 'POST',
};

const routes: readonly Case[] = [
  ...Object.entries(allowed).flatMap(([path, allow]) =>
    ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
      .filter((method) => !allow.split(', ').includes(method))
      .map(
        (method): Case => [
          method === 'OPTIONS' ? 22 : 17,
          method === 'OPTIONS' ? 'a preflight' : 'a method that the path does not take',
          `${method} ${path}`,
          method === 'OPTIONS'
            ? { headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' } }
            : {},
          '405 method_not_allowed',
          (_, { headers }) => {
            expect(headers.get('allow')).toBe(allow);
            expect([...headers.keys()].join()).not.toContain('access-control');
          },
        ],
      ),
  ),
  ...[
    '/nope',
    '/dashboard/nope',
    '/dashboard/../package.json',
    '/dashboard/%2e%2e/package.json',
    '/webhooks/',
    '/webhooks/a/b',
    '/webhooks/{pending}/',
    '//webhooks',
    '/HEALTHZ',
    '/endpoints/{endpoint}/explode',
    '/webhooks/send/many',
    '/v1/webhooks',
    '/.env',
  ].map((path): Case => [20, 'nothing', `GET ${path}`, {}, '404 route_not_found']),
  ...[
    '/webhooks',
    '/webhooks/{pending}',
    '/endpoints',
    '/endpoints/{endpoint}',
    '/replays',
    '/stats',
    '/',
  ].map(
    (path): Case => [
      21,
      'only the headers',
      `HEAD ${path}`,
      {},
      '200',
      (_, { text, headers }) => {
        expect(text).toBe('');
        expect(headers.get('content-type')).toBeTruthy();
      },
    ],
  ),
];

export const httpCases: readonly Case[] = [...requests, ...routes];

// Pure: no I/O, no clock, no randomness.

import type { Draft } from './draft.ts';
import { setHeader } from './header-mutators.ts';
import type { Mutator } from './mutator.ts';

/*
 * What may be wrong with the method, the request line and how the end of the request is told. Each is sent on a connection of its own,
 * unless the request is one that any client may send.
 */

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const oddMethods = [
  'TRACE',
  'TRACK',
  'PROPFIND',
  'QUERY',
  'PURGE',
  'LINK',
  'SEARCH',
  'M-SEARCH',
  'get',
  'Post',
  'FOO',
  'GETT',
  '',
  'PRI',
  '\xff',
  'POST GET',
  'X'.repeat(2_000),
];

const contentLengths = [
  '-1',
  '+1',
  '0x10',
  '1e3',
  '1.0',
  'NaN',
  '',
  ' ',
  '99999999999999999999',
  '1, 1',
  '1 1',
  '00',
];

const transferEncodings = [
  'identity',
  'gzip',
  'chunked, chunked',
  'gzip, chunked',
  'chunked, gzip',
  'xchunked',
  '',
  'CHUNKED',
  '\x0bchunked',
  'chunked;q=1',
];

const chunkBodies = [
  'zz\r\n',
  '5\r\nab',
  '-1\r\n',
  'ffffffffffffffffff\r\n',
  '2\r\n{}\r\n',
  '2\r\n{}0\r\n\r\n',
  '2;x=y\r\n{}\r\n0\r\n\r\n',
  `2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
  '2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n',
  '2\n{}\n0\n\n',
  '0\r\n\r\n',
  '',
];

const versions = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2.0',
  'HTTP/1.2',
  'HTTP/1',
  'HTTP/9.9',
  'http/1.1',
  'HTTPS/1.1',
  'X',
  '',
];

export const framingMutators: readonly Mutator[] = [
  {
    name: 'method: another usual one',
    apply(draft, { random }) {
      draft.method = random.pick(methods);
    },
  },
  alone('method: an odd one', (draft, { random }) => {
    draft.method = random.pick(oddMethods);
  }),
  {
    name: 'framing: chunks',
    fits: ({ body }) => body !== undefined,
    apply(draft) {
      draft.framing = 'chunked';
    },
  },
  alone('framing: less than Content-Length', (draft, { random }) => {
    const bytes = Buffer.from('{"body":1');
    draft.bodyEdits.push((body) => (body.length === 0 ? bytes : body));
    draft.framing = 'own';
    setHeader(draft, ['Content-Length', String(random.pick([20_000, 90_000, 500_000, 2 ** 31]))]);
    draft.isCut = true;
  }),
  alone('framing: more than Content-Length', (draft, { random }) => {
    draft.framing = 'own';
    setHeader(draft, ['Content-Length', String(random.whole(0, 20))]);
    draft.bodyEdits.push((body) => Buffer.concat([body, Buffer.alloc(40, 'x')]));
  }),
  alone('framing: an odd Content-Length', (draft, { random }) => {
    draft.framing = random.pick(['own', 'length', 'chunked']);
    draft.headers.push(['Content-Length', random.pick(contentLengths)]);
    draft.isCut = true;
  }),
  alone('framing: an odd Transfer-Encoding', (draft, { random }) => {
    draft.framing = random.pick(['own', 'length', 'chunked']);
    draft.headers.push(['Transfer-Encoding', random.pick(transferEncodings)]);
    draft.isCut = true;
  }),
  alone('framing: broken chunks', (draft, { random }) => {
    draft.framing = 'own';
    setHeader(draft, ['Transfer-Encoding', 'chunked']);
    const chunks = Buffer.from(random.pick(chunkBodies));
    draft.bodyEdits.push(() => chunks);
    draft.isCut = true;
  }),
  alone('framing: a body where none is expected', (draft, { random }) => {
    const bytes = Buffer.from(random.pick(['{}', 'x', '{"force":true}', 'GET / HTTP/1.1\r\n\r\n']));
    draft.framing = 'own';
    setHeader(draft, ['Content-Length', String(bytes.length)]);
    draft.bodyEdits.push(() => bytes);
  }),
  alone('line: another version', (draft, { random }) => {
    const version = random.pick(versions);
    draft.headEdits.push((head) => head.replace(' HTTP/1.1\r\n', ` ${version}\r\n`));
  }),
  alone('line: odd blanks and line ends', (draft, { random }) => {
    const edit = random.pick<(head: string) => string>([
      (head) => head.replaceAll('\r\n', '\n'),
      (head) => head.replaceAll('\r\n', '\r'),
      (head) => `\r\n\r\n${head}`,
      (head) => ` ${head}`,
      (head) => head.replace(' ', '  '),
      (head) => head.replace(' ', '\t'),
      (head) => head.replace(' HTTP/', '\0 HTTP/'),
      (head) => head.replace(': ', ' : '),
      (head) => head.replace('\r\nHost: ', '\r\nHost:\r\n '),
      (head) => head.replace('\r\n\r\n', '\r\n'),
      (head) => head.slice(0, random.whole(1, head.length)),
      () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      () => '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
      () => 'GET /\r\n\r\n',
    ]);
    draft.headEdits.push(edit);
    draft.isCut = true;
  }),
  alone('header: Expect', (draft, { random }) => {
    draft.headers.push([
      'Expect',
      random.pick(['100-continue', '100-Continue', '200-ok', '', 'x']),
    ]);
  }),
  alone('header: Connection and Upgrade', (draft, { random }) => {
    const [connection, upgrade] = random.pick([
      ['Upgrade', 'websocket'],
      ['Upgrade, HTTP2-Settings', 'h2c'],
      ['Upgrade', 'TLS/1.0'],
      ['keep-alive, Authorization', ''],
      ['close, keep-alive', ''],
      ['\xff', 'x'],
    ] as const);
    draft.headers.push(
      ['Connection', connection],
      ['Upgrade', upgrade],
      ['Sec-WebSocket-Key', 'x'],
    );
  }),
];

function alone(name: string, apply: Mutator['apply']): Mutator {
  return {
    name,
    apply(draft: Draft, context) {
      draft.isAlone = true;
      apply(draft, context);
    },
  };
}

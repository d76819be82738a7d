import type { Socket } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Certificates } from './certificates.ts';
import { answer, drip, endless, type ReceiverOptions } from './receivers.ts';

/** A receiver that breaks a rule, and what an attempt at it must come to. */
export interface HostileReceiver {
  readonly name: string;
  /** The failure codes it may end with, or `http_200`. */
  readonly expects: readonly string[];
  readonly options: ReceiverOptions;
  /** Only a timeout of ours ends it. */
  readonly waits?: boolean;
  /** Bytes of the request's body, when it matters. */
  readonly bodyBytes?: number;
  /** It reads nothing, so it does not even see that the connection has ended. */
  readonly isBlind?: boolean;
  /** It is called by https. */
  readonly secure?: boolean;
}

const ok = 'HTTP/1.1 200 OK\r\n';
const early = 'connection: close\r\ncontent-length: 0\r\n\r\n';
const mebibyte = 1_048_576;
const megabyte = Buffer.alloc(mebibyte, 'x');

/** Each breaks off, lies, floods, or waits, in one phase of the exchange. */
export const plainReceivers: readonly HostileReceiver[] = [
  // The connection and the request.
  onConnection('resets on accept', 'connection_reset', (s) => s.resetAndDestroy()),
  onConnection('closes on accept', 'connection_closed', (s) => s.end()),
  onRequest('resets after the request', 'connection_reset', (s) => s.resetAndDestroy()),
  onRequest('closes without an answer', 'connection_closed', (s) => s.end()),
  { ...onRequest('says nothing', 'timeout', () => {}), waits: true },
  {
    ...onConnection('never reads the body', 'timeout', (s) => s.pause()),
    waits: true,
    bodyBytes: 20 * mebibyte,
    isBlind: true,
  },
  ...['413 Too Large', '200 OK'].flatMap((status) => {
    const code = `http_${status.slice(0, 3)}`;
    const answerFirst = (then: (socket: Socket) => void) => (socket: Socket) =>
      socket.once('data', () => socket.write(`HTTP/1.1 ${status}\r\n${early}`, () => then(socket)));
    return [
      onConnection(
        `answers ${status} before the body, then closes`,
        code,
        answerFirst((s) => s.end()),
      ),
      onConnection(
        `answers ${status} before the body, and reads no more`,
        code,
        answerFirst((s) => s.pause()),
      ),
    ].map((receiver, n) => ({ ...receiver, bodyBytes: 20 * mebibyte, isBlind: n === 1 }));
  }),
  // The head of the response.
  onRequest('closes within the headers', 'connection_closed', (s) => s.end(`${ok}x: `)),
  onRequest('resets within the headers', 'connection_reset', (s) =>
    s.write(`${ok}x: `, () => setImmediate(() => s.resetAndDestroy())),
  ),
  {
    ...onRequest('drips headers', 'timeout', (s) =>
      drip(s, { pieces: `${ok}x: ${'a'.repeat(5_000)}`, everyMs: 20 }),
    ),
    waits: true,
  },
  {
    ...onRequest('drips 103 without end', 'timeout', (s) =>
      drip(s, { pieces: endless('HTTP/1.1 103 Hints\r\n\r\n'), everyMs: 50 }),
    ),
    waits: true,
  },
  onRequest('sends 103 without end, as fast as it can', 'not_http', (s) =>
    flood(s, { piece: 'HTTP/1.1 103 Hints\r\n\r\n'.repeat(1_000) }),
  ),
  onRequest('sends 100 without end, as fast as it can', 'not_http', (s) =>
    flood(s, { piece: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000) }),
  ),
  onRequest('sends a status of 000', 'not_http', (s) => s.end(`HTTP/1.1 000 No\r\n${early}`)),
  onRequest('switches protocols', 'not_http', (s) =>
    s.write('HTTP/1.1 101 Switch\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
  ),
  onRequest('speaks SSH', 'not_http', (s) => s.end('SSH-2.0-OpenSSH_9.9\r\n')),
  onConnection('speaks SMTP on accept', 'not_http', (s) => s.end('220 mail.test ESMTP\r\n')),
  onRequest('speaks HTTP/0.9', 'not_http', (s) => s.end('<html>hello</html>')),
  onRequest('sends a status of two digits', 'not_http', (s) => s.end(`HTTP/1.1 20 OK\r\n${early}`)),
  onRequest('sends an unreadable length', 'not_http', (s) =>
    s.end(`${ok}content-length: many\r\n\r\n`),
  ),
  onRequest('sends a negative length', 'not_http', (s) => s.end(`${ok}content-length: -1\r\n\r\n`)),
  onRequest('sends two lengths', 'not_http', (s) =>
    s.end(`${ok}content-length: 1\r\ncontent-length: 2\r\n\r\nab`),
  ),
  onRequest('sends a length and chunks', 'not_http', (s) =>
    s.end(`${ok}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
  ),
  onRequest('sends NUL in a header', 'not_http', (s) => s.end(`${ok}x: a\0b\r\n${early}`)),
  onRequest('floods with headers', 'headers_overflow', (s) =>
    flood(s, { start: ok, piece: 'x: 1234567\r\n'.repeat(1_000) }),
  ),
  onRequest('sends a header without end', 'headers_overflow', (s) =>
    flood(s, { start: `${ok}x: `, piece: 'y'.repeat(65_536) }),
  ),
  onRequest('floods with headers in a 103', 'headers_overflow', (s) =>
    flood(s, { start: 'HTTP/1.1 103 Hints\r\n', piece: 'x: 1234567\r\n'.repeat(1_000) }),
  ),
  // The body, after the status has said that the webhook has arrived.
  onRequest('closes within the body', 'http_200', (s) =>
    s.end(`${ok}content-length: 9\r\n\r\nabc`),
  ),
  onRequest('resets within the body', 'http_200', (s) =>
    s.write(`${ok}content-length: 9\r\n\r\nabc`, () => setImmediate(() => s.resetAndDestroy())),
  ),
  onRequest('closes within a chunk', 'http_200', (s) =>
    s.end(`${ok}transfer-encoding: chunked\r\n\r\n5\r\nab`),
  ),
  onRequest('sends an unreadable chunk', 'http_200', (s) =>
    s.end(`${ok}transfer-encoding: chunked\r\n\r\nzz\r\nab`),
  ),
  {
    ...onRequest('is silent within the body', 'http_200', (s) =>
      s.write(`${ok}content-length: 9\r\n\r\nabc`),
    ),
    waits: true,
  },
  {
    ...onRequest('drips the body', 'http_200', (s) => {
      s.write(`${ok}content-length: 100000\r\n\r\n`);
      drip(s, { pieces: endless('x'), everyMs: 20 });
    }),
    waits: true,
  },
  onRequest('sends a gigabyte of known length', 'http_200', (s) =>
    flood(s, { start: `${ok}content-length: ${1_024 * mebibyte}\r\n\r\n`, piece: megabyte }),
  ),
  onRequest('sends chunks without end', 'http_200', (s) =>
    flood(s, {
      start: `${ok}transfer-encoding: chunked\r\n\r\n`,
      piece: `4000\r\n${'x'.repeat(0x4000)}\r\n`,
    }),
  ),
  onRequest('sends chunks of one byte without end', 'http_200', (s) =>
    flood(s, {
      start: `${ok}transfer-encoding: chunked\r\n\r\n`,
      piece: '1\r\nx\r\n'.repeat(10_000),
    }),
  ),
  {
    ...onRequest('sends a chunk extension without end', 'http_200', (s) =>
      flood(s, { start: `${ok}transfer-encoding: chunked\r\n\r\n1;x=`, piece: 'y'.repeat(65_536) }),
    ),
    waits: true,
  },
  {
    ...onRequest('sends trailers without end', 'http_200', (s) =>
      flood(s, {
        start: `${ok}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n`,
        piece: 'x: 1234567\r\n'.repeat(1_000),
      }),
    ),
    waits: true,
  },
  onRequest('sends until it closes, and never closes', 'http_200', (s) =>
    flood(s, { start: `${ok}\r\n`, piece: megabyte }),
  ),
  onRequest('sends a gzip bomb (100 MB)', 'http_200', (s) => bomb(s, 'gzip', gzipBomb())),
  onRequest('sends a brotli bomb (100 MB)', 'http_200', (s) => bomb(s, 'br', brotliBomb())),
  onRequest('sends more than it said', 'http_200', (s) => s.write(`${answer(200)}${answer(500)}`)),
  onRequest('sends a body with 204', 'http_204', (s) =>
    s.end('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello'),
  ),
];

/** Those who break a rule of TLS. */
export function secureReceivers(certificates: Certificates): readonly HostileReceiver[] {
  const { good } = certificates;
  const oldest = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const byTls = (name: string, code: string, tls: NonNullable<ReceiverOptions['tls']>) => ({
    name,
    expects: [code],
    options: { tls },
    secure: true,
  });
  const byHand = (receiver: HostileReceiver) => ({ ...receiver, secure: true });
  return [
    byTls('has an expired certificate', 'tls_certificate_expired', certificates.expired),
    byTls(
      'has one that is not valid yet',
      'tls_certificate_not_yet_valid',
      certificates.notYetValid,
    ),
    byTls('has one for another host', 'tls_wrong_host', certificates.wrongHost),
    byTls('signed its certificate itself', 'tls_untrusted', certificates.selfSigned),
    byTls('has one of an unknown authority', 'tls_untrusted', certificates.ofUnknownAuthority),
    byTls('speaks TLS 1.1 at most', 'tls_handshake', { ...good, ...oldest, maxVersion: 'TLSv1.1' }),
    byTls('shares no cipher', 'tls_handshake', {
      ...good,
      maxVersion: 'TLSv1.2',
      // For RSA keys: its own is none.
      ciphers: 'AES128-GCM-SHA256',
    }),
    byTls('speaks HTTP/2 alone', 'tls_handshake', { ...good, ALPNProtocols: ['h2'] }),
    byTls('knows no such name', 'tls_handshake', {
      ...good,
      SNICallback: (_name, callback) => callback(new Error('unknown')),
    }),
    byTls('wants a certificate of ours (TLS 1.2)', 'tls_handshake', {
      ...good,
      maxVersion: 'TLSv1.2',
      requestCert: true,
      rejectUnauthorized: true,
    }),
    {
      // Its refusal comes after the request was written.
      ...byTls('wants a certificate of ours (TLS 1.3)', '', {
        ...good,
        requestCert: true,
        rejectUnauthorized: true,
      }),
      expects: ['tls_handshake', 'connection_reset', 'connection_closed'],
    },
    byHand(onConnection('speaks plain HTTP', 'tls_handshake', (s) => s.end(answer(400)))),
    byHand(
      onConnection('closes within the handshake', 'tls_handshake', (s) =>
        s.once('data', () => s.end()),
      ),
    ),
    byHand(
      onConnection('resets within the handshake', 'tls_handshake', (s) =>
        s.once('data', () => s.resetAndDestroy()),
      ),
    ),
    byHand(
      onConnection('sends garbage within the handshake', 'tls_handshake', (s) =>
        s.once('data', () => s.end('garbage'.repeat(100))),
      ),
    ),
    {
      ...byHand(
        onConnection('is silent within the handshake', 'connect_timeout', (s) => s.resume()),
      ),
      waits: true,
    },
  ];
}

function onRequest(
  name: string,
  code: string,
  behave: (socket: Socket) => unknown,
): HostileReceiver {
  return { name, expects: [code], options: { onRequest: (socket) => void behave(socket) } };
}

function onConnection(
  name: string,
  code: string,
  behave: (socket: Socket) => unknown,
): HostileReceiver {
  return { name, expects: [code], options: { onConnection: (socket) => void behave(socket) } };
}

/** Writes as fast as it is read, until the connection closes. */
function flood(
  socket: Socket,
  { start = '', piece }: { start?: string; piece: string | Buffer },
): void {
  const write = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', write);
  socket.write(start);
  write();
}

function bomb(socket: Socket, encoding: string, body: Buffer): void {
  socket.write(`${ok}content-encoding: ${encoding}\r\ncontent-length: ${body.length}\r\n\r\n`);
  socket.write(body);
}

const made = new Map<string, Buffer>();

function gzipBomb(): Buffer {
  return once('gzip', () => gzipSync(Buffer.alloc(100 * mebibyte), { level: 1 }));
}

function brotliBomb(): Buffer {
  return once('br', () => brotliCompressSync(Buffer.alloc(100 * mebibyte), { params: { 1: 1 } }));
}

function once(name: string, make: () => Buffer): Buffer {
  const known = made.get(name) ?? make();
  made.set(name, known);
  return known;
}

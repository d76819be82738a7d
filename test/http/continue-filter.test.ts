import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answer, startReceiver } from '../../harness/receivers.ts';
import { failureOf } from '../../src/domain/failure-of.ts';
import { ContinueFilter } from '../../src/http/continue-filter.ts';
import { asResponse, exchange, open, to } from '../support/http-clients.ts';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** What comes out of a filter of a response that comes in pieces of these lengths. */
function passed(text: string, lengths: readonly number[]): string {
  const filter = new ContinueFilter();
  filter.requestBegins();
  let rest = Buffer.from(text, 'latin1');
  let out = '';
  for (const length of [...lengths, rest.length]) {
    const piece = Buffer.from(rest.subarray(0, length));
    rest = rest.subarray(length);
    filter.pass(piece);
    out += piece.toString('latin1');
  }
  return out;
}

const anyLengths = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 });

describe('the filter', () => {
  test.each([
    ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 102 Continue\r\n\r\n'],
    ['HTTP/1.0 100\r\n\r\n', 'HTTP/1.0 102\r\n\r\n'],
    ['\r\nHTTP/1.1 100 Go on\r\nx: y\r\n\r\n', '\r\nHTTP/1.1 102 Go on\r\nx: y\r\n\r\n'],
    ['HTTP/1.1 103 Hints\r\nlink: 100\r\n\r\n', 'HTTP/1.1 103 Hints\r\nlink: 100\r\n\r\n'],
  ])('changes a 100, and no other, however the bytes are cut: %j', (before, after) => {
    fc.assert(
      fc.property(anyLengths, fc.integer({ min: 1, max: 3 }), (lengths, times) => {
        const rest = `${ok}HTTP/1.1 100 in the body`;
        expect(passed(before.repeat(times) + rest, lengths)).toBe(after.repeat(times) + rest);
      }),
    );
  });

  test('passes on what is no interim response as it came', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), anyLengths, (text, lengths) => {
        fc.pre(!/^[\r\n]*HTTP\/1\.. 1/.test(text));
        const latin = Buffer.from(text).toString('latin1');
        expect(passed(latin, lengths)).toBe(latin);
      }),
    );
  });
});

describe('a 100 that nobody asked for', () => {
  test.each([
    ['once', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['three times', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(3)],
    ['among others', 'HTTP/1.1 103 A\r\n\r\nHTTP/1.1 100 B\r\nx: y\r\n\r\nHTTP/1.1 102 C\r\n\r\n'],
  ])('is passed over: %s', async (_, interim) => {
    const { result } = await exchange({ onRequest: (socket) => socket.write(interim + ok) });
    const { statusCode, body } = asResponse(result);
    expect([statusCode, Buffer.from(body).toString()]).toEqual([200, 'ok']);
  });

  test('is passed over byte by byte, and on a connection that is used again', async () => {
    await using receiver = await startReceiver({
      onRequest: (socket) => {
        const bytes = [...`HTTP/1.1 100 Continue\r\n\r\n${answer(200)}`];
        const writeNext = () => {
          const byte = bytes.shift();
          if (byte !== undefined) socket.write(byte, () => setImmediate(writeNext));
        };
        writeNext();
      },
    });
    const client = open();
    for (let times = 0; times < 5; times += 1) {
      expect(await client.post(to(receiver.url))).toMatchObject({ statusCode: 200 });
    }
    expect(receiver.connections).toBeLessThan(5);
  });
});

test('no status line ends as unclassified', async () => {
  const lines = fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 999 }), fc.string({ maxLength: 5 }))
      .map(([code, reason]) => `HTTP/1.1 ${String(code).padStart(3, '0')} ${reason}`),
    fc.string({ unit: 'binary-ascii', maxLength: 20 }),
  );
  let line = '';
  await using receiver = await startReceiver({
    onRequest: (socket) => socket.end(`${line}\r\nconnection: close\r\n\r\n`, 'latin1'),
  });
  const client = open();
  await fc.assert(
    fc.asyncProperty(lines, async (tried) => {
      line = tried;
      const result = await client.post(to(receiver.url));
      if (result.kind === 'error') expect(result.code).not.toBe('unclassified');
    }),
    { numRuns: 60, examples: [['HTTP/1.1 000 X'], ['HTTP/1.1 101 X'], ['HTTP/1.1 099 X']] },
  );
  const unknown = Object.assign(new Error('no such code'), { code: 'NEVER_SEEN' });
  expect(failureOf(unknown, { secure: false, connecting: false }).code).toBe('unclassified');
});

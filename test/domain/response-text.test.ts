import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxBodyBytes } from '../../src/domain/attempt-result.ts';
import { responseText } from '../../src/domain/response-text.ts';

test.each([
  ['plain', Buffer.from('{"ok":true}'), '{"ok":true}'],
  ['empty', Buffer.alloc(0), ''],
  ['NUL', Buffer.from('a\0b'), 'a\uFFFDb'],
  ['Latin-1', Buffer.from('caf\xe9', 'latin1'), 'caf\uFFFD'],
  ['a surrogate in UTF-8', Buffer.from([0xed, 0xa0, 0x80]), '\uFFFD\uFFFD\uFFFD'],
])('%s', (_name, body, text) => {
  expect(responseText({ body, contentEncoding: undefined, truncated: false })).toEqual({
    text,
    truncated: false,
  });
});

test('a compressed body is named, not shown', () => {
  const body = Buffer.from([0x1f, 0x8b]);
  const { text } = responseText({ body, contentEncoding: 'gzip', truncated: true });
  expect(text).toBe('(gzip, 2 bytes)');
});

test('identity is no compression', () => {
  const body = Buffer.from('a');
  const { text } = responseText({ body, contentEncoding: 'Identity', truncated: false });
  expect(text).toBe('a');
});

test('invalid bytes do not make the text larger than a body may be', () => {
  const body = Buffer.alloc(maxBodyBytes, 0xff);
  const { text, truncated } = responseText({ body, contentEncoding: undefined, truncated: false });
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBodyBytes);
  expect(truncated).toBe(true);
});

test('a body that is cut has as much as fits, and nothing half', () => {
  const fits = responseText({
    body: Buffer.alloc(16_384, 'x'),
    contentEncoding: undefined,
    truncated: false,
  });
  expect(fits).toEqual({ text: 'x'.repeat(16_384), truncated: false });
  // Each of these bytes is three as U+FFFD: 5,461 fit, and one more would not.
  const odd = (bytes: number) =>
    responseText({ body: Buffer.alloc(bytes, 0xff), contentEncoding: undefined, truncated: false });
  expect(odd(5_461)).toEqual({ text: '\uFFFD'.repeat(5_461), truncated: false });
  expect(odd(5_462)).toMatchObject({ truncated: true });
  expect(Buffer.byteLength(odd(5_462).text)).toBeGreaterThan(16_370);
});

test('that a body was cut is said whatever is in it, and the name of its encoding is short', () => {
  const body = Buffer.from('abc');
  expect(responseText({ body: Buffer.alloc(0), contentEncoding: 'gzip', truncated: true })).toEqual(
    {
      text: '',
      truncated: true,
    },
  );
  expect(responseText({ body, contentEncoding: undefined, truncated: true }).truncated).toBe(true);
  const { text } = responseText({
    body,
    contentEncoding: `x\0${'y'.repeat(100)}`,
    truncated: false,
  });
  expect(text).toBe(`(x\uFFFD${'y'.repeat(38)}, 3 bytes)`);
  expect(responseText({ body, contentEncoding: ' identity ', truncated: false }).text).toBe('abc');
});

test('every body becomes text that Postgres takes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: maxBodyBytes, size: 'max' }), (body) => {
      const { text } = responseText({ body, contentEncoding: undefined, truncated: false });
      expect(text.includes('\0')).toBe(false);
      expect(text.isWellFormed()).toBe(true);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBodyBytes);
    }),
  );
});

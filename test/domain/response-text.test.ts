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

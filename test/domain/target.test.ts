import { expect, test } from 'vitest';
import { targetOf } from '../../src/domain/target.ts';

test.each([
  ['https://receiver.test', 'https://receiver.test', '/'],
  ['HTTPS://Receiver.Test:443/A?b=c#d', 'https://receiver.test', '/A?b=c'],
  ['http://receiver.test:8080/a b/ü', 'http://receiver.test:8080', '/a%20b/%C3%BC'],
  ['http://127.1/', 'http://127.0.0.1', '/'],
  ['http://[::1]:3000/x', 'http://[::1]:3000', '/x'],
  ['http://receiver.test/a\r\nX: y', 'http://receiver.test', '/aX:%20y'],
])('%j goes to %s%s', (url, origin, path) => {
  expect(targetOf(url)).toEqual({ origin, path, secure: origin.startsWith('https:') });
});

test.each([
  '',
  '/hook',
  'receiver.test/hook',
  'file:///etc/passwd',
  'ws://receiver.test',
  'https://user:password@receiver.test/',
  'https://user@receiver.test/',
  'https://:password@receiver.test/',
  'https://receiver.test:0/',
  'https://receiver.test:99999/',
  'https://',
])('%j goes nowhere', (url) => {
  expect(targetOf(url)).toBeUndefined();
});

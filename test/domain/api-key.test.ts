import { expect, it } from 'vitest';
import {
  bearerOf,
  isLoopbackHost,
  keyShape,
  scopeOf,
  shownLength,
} from '../../src/domain/api-key.ts';

it.each([
  ['GET', '/webhooks', 'read'],
  ['HEAD', '/webhooks', 'read'],
  ['GET', '/webhooks/send', 'read'],
  ['POST', '/webhooks/send', 'send'],
  ['POST', '/events', 'send'],
  ['POST', '/events/batch', 'send'],
  ['POST', '/events/recipients', 'read'],
  ['DELETE', '/events/recipients', 'manage'],
  ['POST', '/events/x', 'manage'],
  ['POST', '/webhooks/send/', 'manage'],
  ['POST', '/webhooks/send/x', 'manage'],
  ['POST', '/webhooks/retry', 'manage'],
  ['PATCH', '/endpoints/1', 'manage'],
  ['DELETE', '/endpoints/1', 'manage'],
  ['OPTIONS', '/webhooks', 'manage'],
  ['get', '/webhooks', 'manage'],
])('%s %s needs the scope %s', (method, path, scope) => {
  expect(scopeOf({ method, path })).toBe(scope);
});

it.each(['localhost', '::1', '127.0.0.1', '127.1.2.3', '127.255.255.254'])(
  '%s is reached by this machine alone',
  (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  },
);

it.each([
  ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '12.7.0.0.1', '1127.0.0.1'],
  ['127.0.0.1.example', 'x127.0.0.1', '127.0.0', '127.0.0.0.1', '127.a.b.c', '127.0.0.1234'],
  ['localhost.example', 'my.localhost', 'LOCALHOST.', '::1%lo', '::ffff:127.0.0.1', ''],
])('%s and the like may be reached by others', (...hosts) => {
  for (const host of hosts) expect(isLoopbackHost(host), host).toBe(false);
});

it.each([
  ['Bearer abc', 'abc'],
  ['bearer abc', 'abc'],
  ['BEARER   a~b!c  ', 'a~b!c'],
  ['Bearer', undefined],
  ['Bearer ', undefined],
  ['Bearerabc', undefined],
  ['Bearer a b', undefined],
  ['Bearer ä', undefined],
  ['Basic abc', undefined],
  ['x Bearer abc', undefined],
  ['', undefined],
  [undefined, undefined],
])('the key in %j is %j', (header, key) => {
  expect(bearerOf(header)).toBe(key);
});

it('a key is phk_ and 43 characters of base64url, of which six are shown', () => {
  const random = 'A'.repeat(41);
  expect(keyShape.test(`phk_${random}_-`)).toBe(true);
  for (const other of [random, `${random}A`, `${random}AAA`, `${random}A+`, `${random}A=`]) {
    expect(keyShape.test(`phk_${other}`), other).toBe(false);
  }
  expect(keyShape.test(`xphk_${random}AA`)).toBe(false);
  expect(shownLength).toBe(10);
});

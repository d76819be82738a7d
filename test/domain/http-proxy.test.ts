import { expect, test } from 'vitest';
import { proxyOf } from '../../src/domain/http-proxy.ts';

test.each([
  ['http://proxy.test:3128', { secure: false, host: 'proxy.test', port: 3128 }],
  ['http://proxy.test', { secure: false, host: 'proxy.test', port: 80 }],
  ['https://proxy.test/', { secure: true, host: 'proxy.test', port: 443 }],
  ['http://[::1]:4750', { secure: false, host: '::1', port: 4750 }],
])('%s is a proxy', (url, expected) => {
  expect(proxyOf(url)).toEqual({ ...expected, authorization: undefined });
});

test('user and password become Basic credentials, decoded', () => {
  const authorization = `Basic ${Buffer.from('me:p@ss:ü').toString('base64')}`;
  expect(proxyOf('http://me:p%40ss%3A%C3%BC@proxy.test')).toMatchObject({ authorization });
});

test.each([
  'proxy.test:3128',
  'socks5://proxy.test:1080',
  'http://proxy.test/path',
  'http://proxy.test/?query',
  'http://proxy.test/#fragment',
  'http://proxy.test:0',
  'http://%ff:x@proxy.test',
  'http://',
  '',
])('%j is no proxy', (url) => {
  expect(proxyOf(url)).toBeUndefined();
});

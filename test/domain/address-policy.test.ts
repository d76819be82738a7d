import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { createAddressPolicy, isNetwork } from '../../src/domain/address-policy.ts';
import { blockedAddresses } from '../support/addresses.ts';

const allows = createAddressPolicy({ allow: [] });

/** Just outside the blocked networks, and some that everybody knows. */
const allowed = [
  ['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
  ['128.0.0.0', '168.63.129.15', '168.63.129.17', '169.253.255.255', '169.255.0.0'],
  ['172.15.255.255', '172.32.0.0', '192.0.1.0', '192.0.3.0', '192.167.255.255', '192.169.0.0'],
  ['198.17.255.255', '198.20.0.0', '203.0.114.0', '223.255.255.255', '8.8.8.8'],
  ['2000::1', '2001:200::1', '2001:db7::1', '2001:db9::1', '2003::1', '2606:4700:4700::1111'],
  ['2620:4f:7fff::1', '2620:4f:8001::1', '3ffe:ffff::1', '3fff:1000::1', '2606:4700::1%eth0'],
].flat();

const networks = [
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24',
  '192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4',
].flatMap((line) => line.split(' '));

test.each(blockedAddresses)('%s is not connected to', (ip) => {
  expect(allows(ip)).toBe(false);
});

test.each(allowed)('%s is connected to', (ip) => {
  expect(allows(ip)).toBe(true);
});

test.each([
  '',
  'localhost',
  '127.1',
  '0x7f.1',
  '8.8.8.8%eth0',
  '8.8.8.8/32',
  '1.2.3.4.5',
  '[::1]',
  ':::',
])('%j is no address and is not connected to', (text) => {
  expect(allows(text)).toBe(false);
});

test('the allow list lets its networks through, mapped into IPv6 too, and nothing else', () => {
  const lenient = createAddressPolicy({ allow: ['127.0.0.0/8', '10.1.2.3', 'fd00::/8'] });
  for (const ip of [
    '127.0.0.1',
    '127.9.9.9',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    'fd00::1',
    '8.8.8.8',
  ]) {
    expect(lenient(ip), ip).toBe(true);
  }
  for (const ip of ['10.1.2.4', '10.1.2.2', '::1', 'fc00::1', '192.168.0.1', '::ffff:10.1.2.4']) {
    expect(lenient(ip), ip).toBe(false);
  }
});

test('an address in the allow list is that one alone, with a zone or without', () => {
  const lenient = createAddressPolicy({ allow: ['fe80::1', '192.168.7.7'] });
  expect(['fe80::1', 'fe80::1%eth0', '192.168.7.7', '::ffff:192.168.7.7'].map(lenient)).toEqual(
    Array(4).fill(true),
  );
  expect(
    ['fe80::2', 'fe80::', '192.168.7.6', '192.168.7.8', '::ffff:192.168.7.8'].map(lenient),
  ).toEqual(Array(5).fill(false));
});

test('an IPv6 network in the allow list allows no IPv4 address', () => {
  const lenient = createAddressPolicy({ allow: ['::/3'] });
  expect(lenient('::1')).toBe(true);
  expect(lenient('10.0.0.1')).toBe(false);
});

test.each(['localhost', '10.0.0.0/99', 'x/8'])('%j cannot be allowed', (network) => {
  expect(() => createAddressPolicy({ allow: [network] })).toThrow();
});

test.each([
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.0.0.0/32',
  '10.1.2.3',
  '::1',
  '::/0',
  'fd00::/8',
  '::1/128',
])('%s is a network', (text) => {
  expect(isNetwork(text)).toBe(true);
});

test.each([
  ['', '/8', 'localhost', 'x/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1'],
  ['10.0.0/8', '::/129', '::/1000', '10.0.0.0/ 8', '10.0.0.0/8x', '10.0.0.0/1e1', '10.0.0.0/0x8'],
])('%j and the like are none', (...texts) => {
  for (const text of texts) expect(isNetwork(text), text).toBe(false);
});

test('IPv4: ipaddr.js agrees, but for the one address that it does not know', () => {
  const nearEdges = fc
    .tuple(fc.constantFrom(...networks), fc.boolean(), fc.integer({ min: -2, max: 2 }))
    .map(([network, last, by]) => (edge(network, last) + by) >>> 0);
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), nearEdges), (number) => {
      const ip = dotted(number);
      fc.pre(ip !== '168.63.129.16');
      expect(allows(ip), ip).toBe(ipaddr.IPv4.parse(ip).range() === 'unicast');
    }),
    { numRuns: 20_000 },
  );
});

test('IPv6: what we allow ipaddr.js calls unicast, and the reverse within 2000::/3', () => {
  const group = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }),
    fc.constantFrom(0, 1, 0x2001, 0x2002, 0x2620, 0x3fff, 0x4f, 0xdb8, 0xfe80, 0xffff),
  );
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const ip = groups.map((part) => part.toString(16)).join(':');
      const unicast = ipaddr.IPv6.parse(ip).range() === 'unicast';
      const global = (groups[0] ?? 0) >> 13 === 1;
      expect(allows(ip), ip).toBe(global && unicast);
    }),
    { numRuns: 20_000 },
  );
});

function edge(network: string, last: boolean): number {
  const [address = '', prefix = ''] = network.split('/');
  const first = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return last ? first + 2 ** (32 - Number(prefix)) - 1 : first;
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}

import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, host, makeCertificates } from '../../harness/certificates.ts';
import { type DnsServer, startDnsServer } from '../../harness/dns-server.ts';
import { answer, type Receiver, startReceiver } from '../../harness/receivers.ts';
import { createAddressPolicy } from '../../src/domain/address-policy.ts';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import type { HttpClient } from '../../src/http/http-client.ts';
import { createNameResolver, type NameResolver } from '../../src/http/name-resolver.ts';
import { blockedAddresses, oddSpellings } from '../support/addresses.ts';
import { watchDialled } from '../support/dialled.ts';
import { open, to } from '../support/http-clients.ts';

/*
 * The table in docs/security.md: every blocked address, by every way to it, for both schemes, and the connections made.
 *
 * Counted twice: by receivers on all local addresses, and by the connect() calls of this process, which notices the addresses
 * that no receiver here can have. One address, 127.0.0.42, is allowed and stands for the public ones.
 */

const publicAddress = '127.0.0.42';
const documented = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
const plain = blockedAddresses.filter((address) => !address.includes('%'));
const inUrl = plain.map((address) => (isIPv6(address) ? `[${address}]` : address));

let certificates: Certificates;
let dns: DnsServer;
let names: NameResolver;
/** What the name server says: addresses by name, the first list first. */
const zone = new Map<string, string[][]>();

beforeAll(async () => {
  certificates = await makeCertificates();
  dns = await startDnsServer((name) => {
    const lists = zone.get(name) ?? [[]];
    return { addresses: lists[0] ?? [] };
  });
  names = createNameResolver({ servers: [dns.address], hostsFile: '/nonexistent', minTtlMs: 0 });
});

afterAll(async () => {
  names.close();
  await dns[Symbol.asyncDispose]();
});

describe.each(['http', 'https'])('no %s connection is made', (scheme) => {
  test('to an address in the URL', async () => {
    await table({ way: 'literal', scheme }, async ({ client, receiver }) =>
      inUrl.map((literal) => client.post(to(`${scheme}://${literal}:${receiver.port}/`))),
    );
  });

  test('to an address in the URL, however it is written', async () => {
    await table({ way: 'literal, odd spelling', scheme }, async ({ client, receiver }) =>
      oddSpellings.map((literal) => client.post(to(`${scheme}://${literal}:${receiver.port}/`))),
    );
  });

  test('to an address that a name server gave', async () => {
    await table({ way: 'name', scheme }, async ({ client, receiver }) =>
      plain.map((address, n) => {
        zone.set(`name${n}.${host}`, [[address]]);
        return client.post(to(`${scheme}://name${n}.${host}:${receiver.port}/`));
      }),
    );
  });

  test('to such an address beside a public one, by happy eyeballs', async () => {
    await table(
      { way: 'name with a public address too', scheme, ends: 'answered' },
      async ({ client, receiver }) =>
        plain.map(async (address, n) => {
          zone.set(`both${n}.${host}`, [[address, publicAddress]]);
          // The public one is dialled, and what it answers counts: no other is.
          return client.post(to(`${scheme}://both${n}.${host}:${receiver.port}/`));
        }),
    );
  });

  test('by a name that turns from a public address to such a one', async () => {
    await table({ way: 'name that rebinds', scheme }, async ({ client, receiver }) =>
      plain.map(async (address, n) => {
        const name = `rebind${n}.${host}`;
        zone.set(name, [[publicAddress]]);
        const first = await client.post(to(`${scheme}://${name}:${receiver.port}/`));
        expect(first).toMatchObject({ statusCode: 307 });
        zone.set(name, [[address]]);
        return client.post(to(`${scheme}://${name}:${receiver.port}/`));
      }),
    );
  });

  test.each([302, 307, 308])('by a redirect with %i', async (status) => {
    const way = `redirect (${status})`;
    await table(
      { way, scheme, status, ends: 'answered' },
      async ({ client, receiver, pointTo }) => {
        const results: AttemptResult[] = [];
        zone.set(`public.${host}`, [[publicAddress]]);
        for (const literal of inUrl) {
          pointTo(`${scheme}://${literal}:${receiver.port}/`);
          results.push(await client.post(to(`${scheme}://public.${host}:${receiver.port}/`)));
        }
        return results;
      },
    );
  });
});

test('the count notices what is dialled, by net and by tls, to whatever address', async () => {
  using dialled = watchDialled();
  // TEST-NET-1: no route leads there, and nothing answers.
  const client = open({ allows: () => true, timeoutMs: 50, connectTimeoutMs: 50 });
  await client.post(to('http://192.0.2.1/'));
  await client.post(to('https://192.0.2.2/'));
  expect([...dialled.addresses].sort()).toEqual(['192.0.2.1', '192.0.2.2']);
});

interface Scene {
  readonly client: HttpClient;
  readonly receiver: Receiver;
  /** Where the receiver's redirects lead. */
  pointTo(location: string): void;
}

interface Row {
  readonly way: string;
  readonly scheme: string;
  /** How every try ends: refused by us, or answered by the public address. */
  readonly ends?: 'refused' | 'answered';
  readonly status?: number;
}

/** Tries all of a row of the table, and holds the row against the documentation. */
async function table(
  { way, scheme, ends = 'refused', status = 307 }: Row,
  tryAll: (scene: Scene) => Promise<(AttemptResult | Promise<AttemptResult>)[]>,
): Promise<void> {
  let location = '/';
  // On all addresses of this machine, as far as it has both families.
  await using receiver = await startReceiver({
    address: '::',
    ...(scheme === 'https' ? { tls: certificates.good } : {}),
    onRequest: (socket) =>
      socket.end(answer(status, { headers: { location, connection: 'close' } })),
  });
  const client = open({
    allows: createAddressPolicy({ allow: [publicAddress] }),
    lookup: names.lookup,
    ca: certificates.ca,
    timeoutMs: 20_000,
    connectTimeoutMs: 20_000,
  });
  using dialled = watchDialled();
  const scene = { client, receiver, pointTo: (to: string) => (location = to) };
  const results = await Promise.all(await tryAll(scene));
  const ended = results.map((result) => {
    if (result.kind === 'response') return 'answered';
    return result.code.startsWith('address_blocked') ? 'refused' : result.code;
  });
  expect(ended).toEqual(results.map(() => ends));
  const forbidden = dialled.addresses.filter((address) => address !== publicAddress);
  expect(forbidden).toEqual([]);
  // What the receiver accepted is what was dialled: nobody came by another way.
  await receiver.whenIdle();
  expect(receiver.connections).toBe(dialled.addresses.length);
  const row = `| ${way} | ${scheme} | ${results.length} | ${forbidden.length} |`;
  expect(documented).toContain(row);
}

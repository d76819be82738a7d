import { execFileSync } from 'node:child_process';
import { lookup as systemLookup } from 'node:dns';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDnsServer } from '../../../harness/dns-server.ts';
import { createNameResolver } from '../../../src/http/name-resolver.ts';

/*
 * How long a name waits whose server answers at once, while four others are asked for whose servers are silent: by
 * getaddrinfo, and by our own resolver. Run in namespaces of its own by main.ts, as it puts another /etc/resolv.conf in place.
 */

type Lookup = (name: string) => Promise<void>;

const silentNames = 4;

const directory = mkdtempSync(join(tmpdir(), 'posthorn-names-'));
try {
  const path = join(directory, 'resolv.conf');
  writeFileSync(path, 'nameserver 127.0.0.1\n');
  execFileSync('mount', ['--bind', path, '/etc/resolv.conf']);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  await using _server = await startDnsServer(
    (name) => (name.startsWith('silent') ? 'silence' : { addresses: ['192.0.2.1'], ttlS: 0 }),
    53,
  );
  const resolver = createNameResolver({ minTtlMs: 0 });
  const ways: [string, Lookup][] = [
    ['system (getaddrinfo)', (name) => settle((done) => systemLookup(name, { all: true }, done))],
    ['servers (c-ares)', (name) => settle((done) => resolver.lookup(name, { all: true }, done))],
  ];
  console.log(
    `\n| POSTHORN_DNS | a good name alone | while ${silentNames} names hang |\n|---|---|---|`,
  );
  for (const [way, lookup] of ways) {
    const alone = await timeOf(lookup, 'good.test');
    const hanging = Array.from({ length: silentNames }, (_, n) => lookup(`silent${n}.test`));
    const beside = await timeOf(lookup, 'good.test');
    console.log(`| ${way} | ${alone} | ${beside} |`);
    await Promise.all(hanging);
  }
  resolver.close();
} finally {
  execFileSync('umount', ['/etc/resolv.conf']);
  rmSync(directory, { recursive: true });
}

/** The median of 11. */
async function timeOf(lookup: Lookup, name: string): Promise<string> {
  const times: number[] = [];
  for (let n = 0; n < 11; n += 1) {
    const startedAt = performance.now();
    await lookup(name);
    times.push(performance.now() - startedAt);
    // The first has waited for all that hang.
    if ((times[0] ?? 0) > 1_000) break;
  }
  const median = times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
  return median > 1_000 ? `${(median / 1_000).toFixed(1)} s` : `${median.toFixed(2)} ms`;
}

function settle(start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => start(() => resolve()));
}

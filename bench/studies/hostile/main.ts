import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { LookupFunction } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createAddressPolicy } from '../../../src/domain/address-policy.ts';
import type { AttemptResult } from '../../../src/domain/attempt-result.ts';
import { createHttpClient, type HttpClient } from '../../../src/http/http-client.ts';
import { measureClients } from './clients.ts';
import type { ListedReceiver, Listing } from './receivers.ts';
import { openFds, usageOf } from './usage.ts';

/*
 * `npm run hostile`: what receivers that break the rules cost the process that calls them, what 10,000 origins cost, and what names
 * whose server is silent cost others; what clients cost that flood the API (alone with `-- clients`). Prints the tables of docs/security.md; needs Linux, and root for the last of them.
 *
 * Ends with exit code 1 when an outcome is not the expected one.
 */

const atOnce = 50;
const timeoutMs = 2_000;
const origins = 10_000;
const body = Buffer.alloc(1_048_576, 'x');
const lookup: LookupFunction = (_name, _options, callback) =>
  setImmediate(() => callback(null, [{ address: '127.0.0.1', family: 4 }]));

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

if (process.argv[2] === 'origins') {
  process.once('message', ({ listing, keptConnections }) => {
    process.disconnect();
    void measureOrigins(listing, keptConnections);
  });
} else if (process.argv[2] === 'clients') {
  await measureClients();
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const receivers = fork(fileURLToPath(new URL('receivers.ts', import.meta.url)));
  try {
    const [listing] = (await once(receivers, 'message')) as [Listing];
    const wrong = await measureHostile(listing);
    for (const kept of [2_000, origins]) await measureOriginsApart(listing, kept);
    await measureNames();
    await measureClients();
    for (const line of wrong) console.error(`VIOLATED: ${line}`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    end(receivers);
  }
}

async function measureHostile({ ca, hostile }: Listing): Promise<string[]> {
  console.log(`\n${atOnce} requests at once, a timeout of ${timeoutMs / 1_000} s\n`);
  console.log('| the receiver | outcome | slowest | memory | sockets |\n|---|---|---|---|---|');
  const wrong: string[] = [];
  const client = openClient({ ca, keptConnections: 2_000 });
  // Code is loaded and compiled with the first of each kind.
  for (const receiver of hostile.slice(0, 3)) await post(client, receiver);
  for (const receiver of hostile) {
    let results: AttemptResult[] = [];
    collect();
    const usage = await usageOf(async () => {
      results = await Promise.all(Array.from({ length: atOnce }, () => post(client, receiver)));
    });
    const outcomes = [...new Set(results.map(outcomeOf))];
    const slowestMs = Math.max(...results.map(({ durationMs }) => durationMs));
    console.log(
      `| ${receiver.name} | ${outcomes.map((one) => `\`${one}\``).join(', ')} | ${(slowestMs / 1_000).toFixed(2)} s | ${usage.rssMb.toFixed(0)} MB | ${usage.fds} |`,
    );
    const unexpected = outcomes.filter((outcome) => !receiver.expects.includes(outcome));
    if (unexpected.length > 0) wrong.push(`${receiver.name}: ${unexpected.join(', ')}`);
  }
  await client.close();
  return wrong;
}

/** In a process of its own: memory that was once resident is not given back. */
async function measureOriginsApart(listing: Listing, keptConnections: number): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['origins']);
  child.send({ listing, keptConnections });
  await once(child, 'exit');
}

async function measureOrigins({ ca, goodPort }: Listing, keptConnections: number): Promise<void> {
  collect();
  const startRss = process.memoryUsage.rss();
  const startFds = openFds();
  const client = openClient({ ca, keptConnections });
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < origins) {
      next += 1;
      const url = `http://origin${next}.test:${goodPort}/`;
      await client.post({ url, headers: [], body: '{}' });
    }
  };
  const usage = await usageOf(async () => {
    await Promise.all(Array.from({ length: 512 }, work));
  });
  const leftFds = openFds() - startFds;
  // What is kept ends by itself.
  const patience = performance.now() + 20_000;
  while (openFds() > startFds && performance.now() < patience) await soon(100);
  await soon(2_000);
  collect();
  const heapMb = process.memoryUsage().heapUsed / 1_048_576;
  const rssMb = (process.memoryUsage.rss() - startRss) / 1_048_576;
  console.log(
    `\n${origins} origins, 512 at once, ${keptConnections} connections kept: ${usage.seconds.toFixed(1)} s, ` +
      `at most ${usage.fds} sockets and ${usage.rssMb.toFixed(0)} MB more; ${leftFds} sockets kept at the end; ` +
      `after they ended ${Math.max(0, openFds() - startFds)} sockets, heap ${heapMb.toFixed(0)} MB, ${rssMb.toFixed(0)} MB more resident than before`,
  );
  await client.close();
}

/** In a network and a mount namespace of its own: it has a name server on port 53 and a resolv.conf that says so. */
async function measureNames(): Promise<void> {
  const names = fileURLToPath(new URL('names.ts', import.meta.url));
  const child = spawn('unshare', ['--mount', '--net', process.execPath, names], {
    stdio: 'inherit',
  });
  const [code] = await Promise.race([once(child, 'exit'), once(child, 'error').then(() => [1])]);
  if (code !== 0) console.log('\nThe name servers were not measured: that needs root and unshare.');
}

function openClient(options: { ca: string; keptConnections: number }): HttpClient {
  return createHttpClient({
    // Under a second undici's timer is exact.
    connectTimeoutMs: 900,
    timeoutMs,
    connections: 512,
    allows: createAddressPolicy({ allow: ['127.0.0.0/8'] }),
    lookup,
    ...options,
  });
}

function post(client: HttpClient, receiver: ListedReceiver): Promise<AttemptResult> {
  const url = `${receiver.secure ? 'https' : 'http'}://receiver.test:${receiver.port}/`;
  return client.post({ url, headers: [], body: receiver.hasBody ? body : '{}' });
}

function outcomeOf(result: AttemptResult): string {
  return result.kind === 'error' ? result.code : `http_${result.statusCode}`;
}

function soon(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function end(child: ChildProcess): void {
  if (child.connected) child.disconnect();
}

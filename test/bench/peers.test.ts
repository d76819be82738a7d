import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Bench } from '../../bench/bench.ts';
import { readOptions } from '../../bench/options.ts';
import { ReceiverClient } from '../../bench/receiver-client.ts';
import { arePeersInstalled } from '../../bench/studies/peers/install.ts';
import { runPeerRates } from '../../bench/studies/peers/peer-latency.ts';
import { runPeer } from '../../bench/studies/peers/peer-run.ts';
import { type PeerName, peerNames, peers, type RowsBy } from '../../bench/studies/peers/peers.ts';
import {
  openPeerStage,
  type PeerStage,
  redisServerVersion,
} from '../../bench/studies/peers/stage.ts';
import { canTest } from '../../harness/can-run.ts';
import { openServer, type Server } from '../../harness/postgres.ts';
import { Progress } from '../../harness/progress.ts';

// The peers themselves, in their own processes: what is measured beside Posthorn does what Posthorn does.

const areInstalled = canTest(
  await arePeersInstalled(),
  'the peers of the benchmark are not installed. `npm ci --prefix bench` installs them.',
);
const hasRedis = canTest(
  redisServerVersion() !== undefined,
  'the peers that need Redis have none. Debian has it in redis-server.',
);
/** Each way to write rows once; `npm run bench -- --peers` has all ways of all peers. */
const rowsOf: Readonly<Record<PeerName, RowsBy>> = {
  bullmq: 'steps',
  'pg-boss': 'one',
  'graphile-worker': 'batch',
};

let server: Server;
let bench: Bench;
let stage: PeerStage;

beforeAll(async () => {
  if (!areInstalled) return;
  const options = readOptions([
    ...['--peers', '--peer-webhooks', '300', '--endpoints', '7', '--seconds', '1'],
    ...['--workers', '2'],
  ]);
  if (options === 'help') throw new Error('These are options');
  const { signal } = new AbortController();
  server = await openServer(inject('postgresUrl'));
  const receiver = await ReceiverClient.start(signal);
  bench = { options, server, receiver, progress: new Progress(), signal };
  stage = await openPeerStage(bench);
});

afterAll(async () => {
  if (!areInstalled) return;
  await stage[Symbol.asyncDispose]();
  await bench.receiver[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const canStart = (name: PeerName) => areInstalled && (hasRedis || !peers[name].needsRedis);

describe.each(peerNames)('%s', (name) => {
  it.skipIf(!canStart(name))(
    `drains a backlog with two workers, rows by ${rowsOf[name]}`,
    {
      // A busy backend publishes its counts up to a second late, which the benchmark itself has no reason to wait for.
      timeout: 60_000,
      retry: 2,
    },
    async () => {
      const options = { ...bench.options, peerRows: rowsOf[name] };
      const run = await runPeer({ ...bench, options }, { name, stage });
      expect(run.violations).toEqual([]);
      expect(run.doubles).toBe(0);
      expect(run.delivery.tables['public.attempts']).toMatchObject({ inserts: 300, updates: 300 });
      expect(run.delivery.walBytes).toBeGreaterThan(300 * 100);
    },
  );

  it.skipIf(!canStart(name))(
    'delivers what is committed one by one',
    async () => {
      const warmUp = { perSecond: 20, webhooks: 10 };
      const { runs, violations } = await runPeerRates(bench, { name, stage, rates: [20], warmUp });
      expect(violations).toEqual([]);
      expect(runs).toMatchObject([{ perSecond: 20, committed: 20, delivered: 20 }]);
    },
    60_000,
  );
});

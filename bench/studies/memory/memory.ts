import { setTimeout as sleep } from 'node:timers/promises';
import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import { standingViolations } from '../../checks.ts';
import { readStanding } from '../../counters.ts';
import { Fleet } from '../../fleet.ts';
import { ReceiverClient } from '../../receiver-client.ts';
import type { Result } from '../../report.ts';
import { runSteady, type Steady, startProducer } from '../../steady.ts';
import { drawMemory } from './curve.ts';
import { type Reading, readMemory } from './reading.ts';
import { type Arm, type MemoryRun, memoryTables } from './report.ts';

/*
 * What does a worker take of memory, and does that end? Webhooks come at one rate for an hour, part of them for hosts that
 * were never sent to before. Workers that differ in the limit of V8's young generation, each with a database, a producer
 * and a receiver of its own, do so at the same time, so that the machine's noise is the same for all.
 */

const readEveryMs = 15_000;
const stretchS = 60;

export async function runMemory(bench: Bench): Promise<Result> {
  const { options } = bench;
  const arms = options.newHostPercents.flatMap((newHostPercent) =>
    options.semiSpaces.map((semiSpaceMb): Arm => ({ newHostPercent, semiSpaceMb })),
  );
  await using databases = new AsyncDisposableStack();
  const stage: { readonly arm: Arm; readonly database: RoundDatabase }[] = [];
  for (const arm of arms) {
    stage.push({ arm, database: databases.use(await bench.server.createDatabase()) });
  }
  const stopping = new AbortController();
  const signal = AbortSignal.any([bench.signal, stopping.signal]);
  const runs = await Promise.all(
    stage.map((one) =>
      runArm({ ...bench, signal }, one).catch((error: unknown) => {
        stopping.abort(error);
        throw error;
      }),
    ),
  );
  return {
    title:
      `Memory of a worker over ${options.churnMinutes} minutes at ${options.rate} webhooks of 1 KB a second to ` +
      `${options.endpoints} endpoints and to new hosts`,
    sections: memoryTables(runs),
    violations: runs.flatMap(({ violations }) => violations),
    pictures: { curve: drawMemory(runs, { perSecond: options.rate }) },
    runs,
  };
}

async function runArm(
  bench: Bench,
  { arm, database }: { arm: Arm; database: RoundDatabase },
): Promise<MemoryRun> {
  const { options, signal, progress } = bench;
  const { newHostPercent, semiSpaceMb } = arm;
  const name = `${newHostPercent} % new hosts, --max-semi-space-size=${semiSpaceMb}`;
  await using receiver = await ReceiverClient.start(signal);
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: 1,
    profile: options.profile,
    flags: [`--max-semi-space-size=${semiSpaceMb}`],
  });
  await using producer = await startProducer(bench);
  await fleet.ready(database, signal);
  const [address = ''] = await fleet.addresses;
  const [pid = 0] = fleet.pids;
  const over = new AbortController();
  const readings = readUntil({ pid, address }, AbortSignal.any([signal, over.signal]));
  const stretches: Steady[] = [];
  const webhooks = options.rate * stretchS;
  try {
    for (let minute = 0; minute < options.churnMinutes; minute += 1) {
      const steady = await runSteady(
        { ...bench, receiver },
        {
          database,
          producer,
          fleet,
          endpoints: options.endpoints,
          perSecond: options.rate,
          webhooks,
          newHosts: { percent: newHostPercent, firstNumber: minute * webhooks },
        },
      );
      stretches.push(steady);
      if (minute % 10 === 9) progress.done(`${name}: ${minute + 1} minutes`);
    }
  } finally {
    over.abort();
  }
  const curve = await readings;
  await fleet.stop();
  const committed = stretches.reduce((sum, steady) => sum + steady.committed, 0);
  const found = [
    ...stretches.flatMap((steady) => steady.violations),
    ...standingViolations(await readStanding(database.client), committed),
  ];
  return { ...arm, committed, readings: curve, violations: found.map((one) => `${name}: ${one}`) };
}

async function readUntil(
  worker: { pid: number; address: string },
  signal: AbortSignal,
): Promise<Reading[]> {
  const readings: Reading[] = [];
  const startedMs = performance.now();
  while (!signal.aborted) {
    const atS = (performance.now() - startedMs) / 1_000;
    // One that fails leaves a gap in the curve.
    const reading = await readMemory(worker, { atS }).catch(() => undefined);
    if (reading !== undefined) readings.push(reading);
    await sleep(readEveryMs, undefined, { signal }).catch(() => {});
  }
  return readings;
}

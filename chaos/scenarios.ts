import { failpoints } from './failpoint.ts';
import * as faults from './faults.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { operatorActs } from './traffic.ts';

const usual = { failed: 0.05, reset: 0.01, delayMs: [2, 20] } as const;
const calm = { failed: 0, reset: 0, delayMs: [5, 60] } as const;
const minute = 60_000;

async function times(stage: Stage, once: (number: number) => Promise<void>): Promise<void> {
  for (let number = 0; number < stage.parts.repeats; number += 1) await once(number);
}

/** The runs of docs/reliability.md, each with the promise that it checks. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'kills',
    fault: 'kill -9 of a random worker',
    target: '0 lost, 0 phantom, extras ≤ 0.5 % and explained, 99 % again within 15 s',
    webhooks: 300_000,
    perSecond: 500,
    workers: 4,
    mood: usual,
    repeats: 200,
    longestGapS: 5,
    mostExtrasPercent: 0.5,
    inject: (stage) =>
      times(stage, async () => {
        await faults.killWorker(stage);
        await stage.waitBetween(1_500, 4_000);
      }),
  },
  {
    name: 'settings',
    fault:
      'settings of limited and ordered endpoints changed, malformed notifications, spoilt rows; kill -9',
    target:
      'limits, order and pauses hold; a spoilt row costs its own webhook; deliveries never stop for more than 5 s',
    webhooks: 30_000,
    perSecond: 200,
    workers: 3,
    mood: { ...usual, delayMs: [5, 60] },
    repeats: 20,
    operatorEveryMs: [50, 300],
    quietWithinS: 90,
    longestGapS: 5,
    inject: (stage) =>
      times(stage, async () => {
        await stage.waitBetween(3_000, 7_000);
        await faults.killWorker(stage);
      }),
  },
  {
    name: 'failpoints',
    fault: 'death at each of 6 points of the loop',
    target: '0 lost, extras only where nobody can know',
    webhooks: 20_000,
    perSecond: 150,
    workers: 3,
    // Without resets: after them nobody can know either.
    mood: { ...usual, reset: 0 },
    repeats: 20,
    inject: (stage) =>
      times(stage, async (round) => {
        for (const at of stage.random.shuffled(failpoints)) {
          await faults.failAt(stage, { at, after: at === 'rescuing' ? 1 : 1 + (round % 7) });
        }
      }),
  },
  {
    name: 'crash',
    fault: 'Postgres: stop -m immediate, kill -9 of the postmaster, stop -m fast',
    target: '0 lost, delivering again ≤ 10 s after it is back, no worker restarted',
    webhooks: 100_000,
    perSecond: 800,
    workers: 3,
    mood: usual,
    repeats: 20,
    inject: (stage) =>
      times(stage, async (number) => {
        const crash = (['immediate', 'kill', 'immediate', 'fast'] as const)[number % 4];
        await faults.crashPostgres(stage, {
          crash: crash ?? 'immediate',
          downMs: stage.random.between(0, 6_000),
        });
        await stage.waitBetween(4_000, 7_000);
      }),
  },
  {
    name: 'backends',
    fault: 'pg_terminate_backend of some backends every second',
    target: '0 lost, bounded logs',
    webhooks: 100_000,
    perSecond: 400,
    workers: 3,
    mood: usual,
    repeats: 600,
    inject: (stage) =>
      times(stage, async () => {
        await faults.terminateBackends(stage, 0.3);
        await stage.wait(1_000);
      }),
  },
  {
    name: 'network',
    fault: 'line worker–Postgres and worker–receiver: cut, half-open, reset, slow, 1 byte/s',
    target: '0 lost, a zombie overwrites nothing',
    webhooks: 50_000,
    perSecond: 300,
    workers: 3,
    mood: { ...usual, delayMs: [2, 60] },
    repeats: 10,
    inject: (stage) =>
      times(stage, async (number) => {
        const forMs = stage.random.between(5_000, number % 4 === 0 ? minute : 20_000);
        const postgresModes = [
          { kind: 'silent', farSideMs: 11_000 },
          { kind: 'cut' },
          { kind: 'trickle' },
          { kind: 'delay', ms: 300 },
          { kind: 'reset' },
        ] as const;
        const receiverModes = [
          { kind: 'cut' },
          { kind: 'silent', farSideMs: 11_000 },
          { kind: 'reset' },
          { kind: 'trickle' },
          { kind: 'delay', ms: 300 },
        ] as const;
        const mode = postgresModes[number % 5] ?? postgresModes[0];
        await faults.spoilPostgresLine(stage, { mode, forMs });
        await stage.wait(3_000);
        const receiverMode = receiverModes[number % 5] ?? receiverModes[0];
        await faults.spoilReceiverLine(stage, { mode: receiverMode, forMs: 5_000 });
        await stage.wait(5_000);
      }),
  },
  {
    name: 'pauses',
    fault: 'SIGSTOP of a worker for 60 s, then SIGCONT',
    target: 'extras ≤ in flight, delivered stays delivered',
    webhooks: 20_000,
    perSecond: 100,
    workers: 4,
    mood: { ...usual, delayMs: [50, 400] },
    repeats: 10,
    inject: async (stage) => {
      // Overlapping, two or three at a time: an hour would show no more.
      const pauses: Promise<void>[] = [];
      await times(stage, async () => {
        pauses.push(faults.pauseWorker(stage, minute));
        await stage.wait(22_000);
      });
      await Promise.all(pauses);
    },
  },
  {
    name: 'restarts',
    fault: 'SIGTERM, rolling restart',
    target: '0 extras',
    webhooks: 100_000,
    perSecond: 400,
    workers: 3,
    mood: { failed: 0.05, reset: 0, delayMs: [2, 200] },
    repeats: 30,
    noExtras: true,
    inject: (stage) =>
      times(stage, async () => {
        await faults.restartWorker(stage);
        await stage.wait(8_000);
      }),
  },
  {
    name: 'disk',
    fault: 'disk full',
    target: '0 lost, recovery without hands',
    webhooks: 20_000,
    perSecond: 300,
    workers: 2,
    diskMb: 500,
    mood: usual,
    repeats: 3,
    inject: (stage) =>
      times(stage, async () => {
        await stage.wait(8_000);
        await faults.fillDisk(stage, 10_000);
        await stage.wait(8_000);
      }),
  },
  {
    name: 'clocks',
    fault: "workers' clocks wrong by ±10 min and ±1 day",
    target: '0 lost, signatures good, backoff kept',
    webhooks: 20_000,
    perSecond: 500,
    workers: 4,
    clocksMs: [10 * minute, -10 * minute, 1_440 * minute, -1_440 * minute],
    mood: usual,
    repeats: 3,
    inject: (stage) => times(stage, async () => stage.wait(10_000)),
  },
  {
    name: 'connections',
    fault: 'no connection left (53300)',
    target: '0 lost, recovery without hands',
    webhooks: 20_000,
    perSecond: 300,
    workers: 3,
    mood: usual,
    repeats: 3,
    inject: (stage) =>
      times(stage, async () => {
        await stage.wait(5_000);
        await faults.exhaustConnections(stage, 15_000);
        await stage.wait(5_000);
      }),
  },
  {
    name: 'locks',
    fault: 'ACCESS EXCLUSIVE for 10 s, deadlocks, idle in transaction',
    target: '0 lost, recovery without hands',
    webhooks: 20_000,
    perSecond: 300,
    workers: 3,
    mood: usual,
    repeats: 3,
    inject: async (stage) => {
      const pinned = faults.pinSnapshot(stage, 30_000 * stage.parts.repeats);
      await times(stage, async () => {
        await faults.lockTables(stage, 10_000);
        await stage.wait(5_000);
        await faults.provokeDeadlocks(stage, 10_000);
        await stage.wait(5_000);
      });
      await pinned;
    },
  },
  {
    name: 'isolation',
    fault:
      'a host that hangs on 400 paths, a tenant that gets 500 on 100; kill -9 of a random worker',
    target: 'healthy tenants: 99 % within 1 s except around a kill (I10); 0 lost',
    webhooks: 10_000,
    perSecond: 150,
    workers: 2,
    crowd: { healthyTenants: 20, hangingPaths: 400, failingPaths: 100 },
    mood: { ...calm, hasTrouble: true },
    // So that the paths that hang could take all slots within seconds.
    env: { POSTHORN_MAX_IN_FLIGHT: '64' },
    without: operatorActs,
    repeats: 10,
    async inject(stage) {
      await stage.wait(4_000);
      await times(stage, async () => {
        await faults.killWorker(stage);
        await stage.waitBetween(4_000, 6_000);
      });
      await faults.endTrouble(stage, calm);
    },
  },
  {
    name: 'redis',
    fault: "Redis flushed, killed, half-open; Graphile's tables emptied",
    target: '0 lost',
    webhooks: 20_000,
    perSecond: 400,
    workers: 2,
    redis: true,
    mood: usual,
    repeats: 3,
    inject: (stage) =>
      times(stage, async () => {
        for (const trouble of ['flush', 'kill', 'silent'] as const) {
          await faults.troubleRedis(stage, trouble);
          await stage.wait(2_000);
        }
        await faults.truncateGraphile(stage);
        await stage.wait(6_000);
      }),
  },
];

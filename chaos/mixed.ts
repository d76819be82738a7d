import { failpoints } from './failpoint.ts';
import * as faults from './faults.ts';
import { canMountDisk } from './postgres.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/*
 * All faults in one run: each once in the short tier that the tests have, at random for as long as one likes in the soak.
 */

type Fault = (stage: Stage) => Promise<void>;

const brief = (stage: Stage) => stage.random.between(1_500, 5_000);

const mixture: readonly Fault[] = [
  faults.killWorker,
  faults.restartWorker,
  (stage) => faults.pauseWorker(stage, brief(stage) * 4),
  (stage) => faults.crashPostgres(stage, { crash: 'immediate', downMs: brief(stage) }),
  (stage) => faults.crashPostgres(stage, { crash: 'kill', downMs: 0 }),
  (stage) => faults.crashPostgres(stage, { crash: 'fast', downMs: brief(stage) }),
  (stage) => faults.terminateBackends(stage, 0.5),
  (stage) =>
    faults.spoilPostgresLine(stage, {
      mode: { kind: 'silent', farSideMs: 11_000 },
      forMs: brief(stage) * 4,
    }),
  (stage) => faults.spoilPostgresLine(stage, { mode: { kind: 'cut' }, forMs: brief(stage) }),
  (stage) => faults.spoilPostgresLine(stage, { mode: { kind: 'trickle' }, forMs: brief(stage) }),
  (stage) =>
    faults.spoilPostgresLine(stage, { mode: { kind: 'delay', ms: 200 }, forMs: brief(stage) }),
  (stage) => faults.spoilReceiverLine(stage, { mode: { kind: 'cut' }, forMs: brief(stage) }),
  (stage) => faults.spoilReceiverLine(stage, { mode: { kind: 'reset' }, forMs: 500 }),
  (stage) =>
    faults.spoilReceiverLine(stage, {
      mode: { kind: 'silent', farSideMs: 11_000 },
      forMs: brief(stage),
    }),
  (stage) => faults.spoilReceiverLine(stage, { mode: { kind: 'trickle' }, forMs: brief(stage) }),
  (stage) => faults.exhaustConnections(stage, brief(stage)),
  (stage) => faults.lockTables(stage, brief(stage)),
  (stage) => faults.provokeDeadlocks(stage, brief(stage)),
  (stage) => faults.pinSnapshot(stage, brief(stage) * 2),
  faults.truncateGraphile,
  (stage) => faults.troubleRedis(stage, 'flush'),
  (stage) => faults.troubleRedis(stage, 'kill'),
  (stage) => faults.troubleRedis(stage, 'silent'),
];

const common = {
  perSecond: 120,
  workers: 3,
  redis: true,
  mood: { failed: 0.05, reset: 0.01, delayMs: [2, 40] },
  // The second worker's clock is wrong.
  clocksMs: [0, 600_000, 0],
} as const;

/** Each fault once, in an order of the seed's. */
export const everything: Scenario = {
  ...common,
  name: 'everything',
  fault: 'every fault once',
  target: '0 lost, all invariants',
  webhooks: 3_000,
  repeats: 1,
  // Filling a disk needs one of our own.
  ...(canMountDisk() ? { diskMb: 300 } : {}),
  async inject(stage) {
    const list: Fault[] = [...mixture];
    for (const at of failpoints) list.push((one) => faults.failAt(one, { at, after: 2 }));
    if (everything.diskMb !== undefined) list.push((one) => faults.fillDisk(one, 4_000));
    for (const fault of stage.random.shuffled(list)) {
      await fault(stage);
      await stage.wait(700);
    }
  },
};

/** Random faults, two at a time now and then, until the time is over. */
export const soak: Scenario = {
  ...common,
  name: 'soak',
  fault: 'mixed faults',
  target: 'all invariants, RSS slope ≈ 0, bloat bounded',
  webhooks: 1_000,
  perSecond: 200,
  workers: 4,
  sheltered: 1,
  repeats: 1,
  async inject(stage) {
    const { untilMs = 0 } = stage.parts;
    while (performance.now() < untilMs) {
      const pair = stage.random.shuffled(mixture).slice(0, stage.random.next() < 0.2 ? 2 : 1);
      // Two may get into each other's way, as a crash into a lock: then the second is simply over.
      await Promise.allSettled(pair.map((fault) => fault(stage)));
      await stage.waitBetween(2_000, 12_000);
    }
  },
};

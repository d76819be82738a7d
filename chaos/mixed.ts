import { type Failpoint, failpoints } from './failpoint.ts';
import * as faults from './faults.ts';
import { canMountDisk } from './postgres.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/*
 * All faults in one run: each once, one of each kind in the tests, at random for as long as one likes in the soak.
 */

type Fault = (stage: Stage) => Promise<void>;

const brief = (stage: Stage) => stage.random.between(1_500, 5_000);

/** Faults of one kind harm the same thing. */
const kinds = {
  worker: [
    faults.killWorker,
    faults.restartWorker,
    (stage) => faults.pauseWorker(stage, brief(stage) * 4),
  ],
  postgres: [
    (stage) => faults.crashPostgres(stage, { crash: 'immediate', downMs: brief(stage) }),
    (stage) => faults.crashPostgres(stage, { crash: 'kill', downMs: 0 }),
    (stage) => faults.crashPostgres(stage, { crash: 'fast', downMs: brief(stage) }),
  ],
  connections: [
    (stage) => faults.terminateBackends(stage, 0.5),
    (stage) => faults.exhaustConnections(stage, brief(stage)),
  ],
  postgresLine: [
    (stage) =>
      faults.spoilPostgresLine(stage, {
        mode: { kind: 'silent', farSideMs: 11_000 },
        forMs: brief(stage) * 4,
      }),
    (stage) => faults.spoilPostgresLine(stage, { mode: { kind: 'cut' }, forMs: brief(stage) }),
    (stage) => faults.spoilPostgresLine(stage, { mode: { kind: 'trickle' }, forMs: brief(stage) }),
    (stage) =>
      faults.spoilPostgresLine(stage, { mode: { kind: 'delay', ms: 200 }, forMs: brief(stage) }),
  ],
  receiverLine: [
    (stage) => faults.spoilReceiverLine(stage, { mode: { kind: 'cut' }, forMs: brief(stage) }),
    (stage) => faults.spoilReceiverLine(stage, { mode: { kind: 'reset' }, forMs: 500 }),
    (stage) =>
      faults.spoilReceiverLine(stage, {
        mode: { kind: 'silent', farSideMs: 11_000 },
        forMs: brief(stage),
      }),
    (stage) => faults.spoilReceiverLine(stage, { mode: { kind: 'trickle' }, forMs: brief(stage) }),
  ],
  locks: [
    (stage) => faults.lockTables(stage, brief(stage)),
    (stage) => faults.provokeDeadlocks(stage, brief(stage)),
    (stage) => faults.pinSnapshot(stage, brief(stage) * 2),
  ],
  graphile: [faults.truncateGraphile],
  redis: [
    (stage) => faults.troubleRedis(stage, 'flush'),
    (stage) => faults.troubleRedis(stage, 'kill'),
    (stage) => faults.troubleRedis(stage, 'silent'),
  ],
} satisfies Record<string, readonly Fault[]>;

const mixture: readonly Fault[] = Object.values(kinds).flat();

/** Deaths before a request, around one, and after it. */
const deaths = {
  before: ['claim-sent', 'claimed'],
  around: ['request-sent', 'answered'],
  after: ['recorded', 'rescuing'],
} satisfies Record<string, readonly Failpoint[]>;

const die =
  (at: Failpoint): Fault =>
  (stage) =>
    faults.failAt(stage, { at, after: 2 });

const disk: readonly Fault[] = canMountDisk() ? [(stage) => faults.fillDisk(stage, 4_000)] : [];

const common = {
  perSecond: 120,
  workers: 3,
  redis: true,
  mood: { failed: 0.05, reset: 0.01, delayMs: [2, 40] },
  // The second worker's clock is wrong.
  clocksMs: [0, 600_000, 0],
} as const;

const once = {
  ...common,
  target: '0 lost, all invariants',
  repeats: 1,
  // Filling a disk needs one of our own.
  ...(disk.length > 0 ? { diskMb: 300 } : {}),
} as const;

async function injectAll(stage: Stage, list: readonly Fault[]): Promise<void> {
  for (const fault of stage.random.shuffled(list)) {
    await fault(stage);
    await stage.wait(700);
  }
}

/** Each fault once, in an order of the seed's. */
export const everything: Scenario = {
  ...once,
  name: 'everything',
  fault: 'every fault once',
  webhooks: 3_000,
  inject: (stage) => injectAll(stage, [...mixture, ...failpoints.map(die), ...disk]),
};

/** A fault of each kind, which the seed chooses; those that cannot meet come at the same time. The tests have time for these. */
export const oneOfEachKind: Scenario = {
  ...once,
  name: 'kinds',
  fault: 'a fault of each kind',
  webhooks: 2_000,
  inject(stage) {
    const { worker, receiverLine, redis, postgresLine, locks, graphile, ...alone } = kinds;
    const pick = (faultsOfKind: readonly Fault[]) => stage.random.pick(faultsOfKind);
    const together = (...list: readonly Fault[]): Fault => {
      return async (at) => void (await Promise.all(list.map((fault) => fault(at))));
    };
    return injectAll(stage, [
      ...Object.values(alone).map(pick),
      // Of two workers: both hold what the third one has to free.
      together(die(stage.random.pick(deaths.before)), die(stage.random.pick(deaths.around))),
      die(stage.random.pick(deaths.after)),
      together(pick(worker), pick(receiverLine), pick(redis)),
      // The line of one worker, and what is locked for all of them.
      together(pick(postgresLine), pick(locks)),
      pick(graphile),
      ...disk,
    ]);
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

import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Connections,
  connections,
  interleave,
  type Outcome,
  type Step,
  statement,
} from '../support/interleave.ts';
import { ends, type Operation, type OperationName, operations } from './operations.ts';
import { type Picture, type Scene, type Stage, type StageOptions, setStage } from './stage.ts';

// Two operations in all orders: no invariant is broken, and each thing ends as if one operation had come after the other. What
// somebody has locked some operations pass over; then it ends as if only the other one had come.

/** As the pool of the engine has them. */
const prepare = `set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off;
  set plan_cache_mode = force_generic_plan`;

/** What each thing is after an order, and what the operations said. */
interface End {
  readonly outcome: Outcome;
  readonly picture: Picture;
}

export interface PairsOptions extends StageOptions {
  /** Each of them meets each of the others, and itself. */
  readonly names: readonly OperationName[];
  /** Only pairs with one of these. Default: all. */
  readonly with?: readonly OperationName[];
  /** Pairs that are left out, and why. */
  readonly without?: readonly {
    readonly pair: readonly OperationName[];
    readonly because: string;
  }[];
  /** Those that do something only after one of the others. */
  readonly nothing?: readonly OperationName[];
}

/** A test for each pair of operations, on a stage of their own. */
export function testPairs(scene: Scene, options: PairsOptions): void {
  const { names, with: wanted = names, nothing = [], without = [] } = options;
  let stage: Stage;
  let on: Connections;
  const alone = new Map<OperationName, Picture>();

  beforeAll(async () => {
    stage = await setStage(scene, options);
    on = await connections(['a', 'b'], { database: stage.database, prepare });
    await stage.reset();
    const { picture: before } = await stage.look();
    for (const name of names) {
      const [end] = await runOrders([name], { stage, on });
      if (end === undefined) continue;
      const said = Object.values(end.outcome.results)[0];
      // A table with an operation that does nothing would check nothing.
      if (nothing.includes(name)) alone.set(name, end.picture);
      else expect([end.picture, said], `${name} does nothing`).not.toEqual([before, []]);
      alone.set(name, end.picture);
    }
  });

  afterAll(async () => {
    await on[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  });

  const pairs = names.flatMap((a, at) =>
    names
      .slice(at)
      .filter((b) => wanted.includes(a) || wanted.includes(b))
      .filter((b) => !areOneHand(a, b))
      .filter((b) => !without.some(({ pair }) => pair.includes(a) && pair.includes(b)))
      .map((b) => [a, b] as const),
  );
  it.each(pairs)('%s and %s', async (a, b) => {
    const all = await runOrders([a, b], { stage, on });
    const serial = all.filter(isSerial);
    const mayBe = [...serial.map((end) => end.picture)];
    const [first, second] = [operations[a](stage), operations[b](stage)];
    const sides = [
      { step: `a ${a}`, made: first, beside: second, besideName: b, besideAlone: alone.get(b) },
      { step: `b ${b}`, made: second, beside: first, besideName: a, besideAlone: alone.get(a) },
    ];
    for (const { made, besideAlone } of sides) {
      if (made.neverWaits === true && besideAlone !== undefined) mayBe.push(besideAlone);
    }
    for (const end of all) {
      const where = `in the order ${end.outcome.order.join(', ')}`;
      for (const { step, made, beside, besideName } of sides) {
        const passesOver = made.neverWaits === true && beside.locksTables !== true;
        if (!passesOver && made.neverWaitsFor?.includes(besideName) !== true) continue;
        expect(end.outcome.blocked, `${step} waited ${where}`).not.toContain(step);
      }
      // A result of late never waits for an outcome.
      const settling = end.outcome.blocked.filter(
        (step) =>
          step.endsWith(': after it') &&
          !end.outcome.blocked.includes(step.replace(/: after it$/, ': commit')),
      );
      if (!sides.some(({ made }) => made.locksTables)) expect(settling, where).toEqual([]);
      const odd = Object.entries(end.picture).filter(([thing, is]) =>
        mayBe.every((picture) => picture[thing] !== is),
      );
      const expected = odd.map(([thing]) => [thing, ...mayBe.map((picture) => picture[thing])]);
      expect(odd, `${where}, instead of one of ${JSON.stringify(expected, null, 1)}`).toEqual([]);
    }
  });
}

/** One operation after the other. */
function isSerial({ outcome: { order } }: End): boolean {
  return /^(a+b+|b+a+)$/.test(order.map((step) => step.slice(0, 1)).join(''));
}

/** Whether the other session has begun and not committed when this one begins. */
function isOpenBefore(order: readonly string[], session: string): boolean {
  const before = order.slice(0, order.indexOf(session)).length;
  return before === 1;
}

/** Whether they are two ends of the same attempt. */
function areOneHand(a: OperationName, b: OperationName): boolean {
  return ends.some((some) => some.includes(a) && some.includes(b) && a !== b);
}

/** Runs one or two operations in all orders, and checks the invariants after each. */
async function runOrders(
  names: readonly OperationName[],
  { stage, on }: { stage: Stage; on: Connections },
): Promise<End[]> {
  const found: End[] = [];
  const made = names.map((name, at) => {
    const key = `${'ab'[at]} ${name}`;
    return { key, operation: operations[name](stage) };
  });
  await interleave({
    database: stage.database,
    on,
    // It waits for nobody: it fails and tries again some times, which takes seconds.
    leaveOut: (order) =>
      made.some(({ key }) => key.endsWith(' make the day') && isOpenBefore(order, key.slice(0, 1))),
    reset: () => stage.reset(),
    sessions: Object.fromEntries(
      made.map(({ key, operation }) => [key.slice(0, 1), steps(key, operation)]),
    ),
    mayFail: made.flatMap(({ key, operation }) => (operation.mayBreak === undefined ? [] : [key])),
    check: async (outcome) => {
      for (const [step, error] of Object.entries(outcome.errors)) {
        const { operation } = made.find(({ key }) => key === step) ?? {};
        expect(error).toMatchObject({ constraint: operation?.mayBreak });
      }
      for (const { key, operation } of made) {
        const client = on.get(key.slice(0, 1));
        if (client === undefined || operation.again?.(outcome.results[key]) !== true) continue;
        await operation.run(client);
        await operation.after?.(client);
      }
      const { picture, wrongs } = await stage.look();
      expect(wrongs).toEqual([]);
      found.push({ outcome, picture });
    },
  });
  return found;
}

function steps(name: string, { run, after }: Operation): Step[] {
  const begun = async (client: pg.Client) => {
    await client.query('begin');
    return run(client);
  };
  return [
    { name, run: begun },
    statement(`${name}: commit`, 'commit'),
    ...(after === undefined ? [] : [{ name: `${name}: after it`, run: after }]),
  ];
}

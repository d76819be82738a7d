import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BodyRoom, mostBodyBytes } from '../../src/api/body-room.ts';
import { createHealth } from '../../src/api/health.ts';
import { LongWork } from '../../src/api/long-work.ts';
import { nextRun } from '../../src/api/next-run.ts';
import { PerTurn } from '../../src/api/per-turn.ts';
import { serveApi } from '../../src/api/server.ts';
import { eventually } from '../support/eventually.ts';

// What keeps a process that is asked for much from doing it all at once.

describe('room for bodies', () => {
  it('is taken up to the last byte by all requests together, and given back by each', () => {
    const room = new BodyRoom(10);
    const [one, other] = [room.open(), room.open()];
    expect([one.take(4), other.take(6), one.take(1)]).toEqual([true, true, false]);
    one.free();
    expect([other.take(4), other.take(1)]).toEqual([true, false]);
    other.free();
    const third = room.open();
    expect([third.take(11), third.take(10)]).toEqual([false, true]);
  });

  it('is not taken by a request that is over', () => {
    const room = new BodyRoom(10);
    const late = room.open();
    late.free();
    expect(late.take(1)).toBe(false);
    expect(room.open().take(10)).toBe(true);
  });

  it('is 32 MiB', () => {
    expect(mostBodyBytes).toBe(33_554_432);
  });
});

it('so many acts run in a turn of the event loop, the rest in the next ones, in their order', async () => {
  const perTurn = new PerTurn(2);
  const run: number[] = [];
  for (let at = 1; at <= 5; at += 1) perTurn.run(() => run.push(at));
  const seen = [[...run]];
  for (let times = 0; times < 3; times += 1) {
    await turn();
    seen.push([...run]);
  }
  expect(seen).toEqual([
    [1, 2],
    [1, 2, 3, 4],
    [1, 2, 3, 4, 5],
    [1, 2, 3, 4, 5],
  ]);
  perTurn.run(() => run.push(6));
  expect(run.at(-1)).toBe(6);
});

it('long pieces of work are done one after the other, with a turn of the loop between two', async () => {
  const work = new LongWork();
  const done: string[] = [];
  const piece = async (name: string) => {
    await work.turn();
    done.push(name);
  };
  const all = Promise.all(['one', 'two', 'three'].map(piece));
  await Promise.resolve();
  await Promise.resolve();
  expect(done).toEqual(['one']);
  await all;
  expect(done).toEqual(['one', 'two', 'three']);
  await piece('four');
  expect(done.at(-1)).toBe('four');
});

describe('what is shared because it is costly', () => {
  it('is a run that begins after the question, one at a time', async () => {
    const runs: PromiseWithResolvers<number>[] = [];
    const ask = nextRun(
      () => {
        const run = Promise.withResolvers<number>();
        runs.push(run);
        return run.promise;
      },
      { everyMs: 0 },
    );
    const together = [ask(), ask()];
    await turn();
    expect(runs).toHaveLength(1);
    // The first run has begun: it may have missed what happened since.
    const later = [ask(), ask()];
    await turn();
    expect(runs).toHaveLength(1);
    runs[0]?.resolve(1);
    expect(await Promise.all(together)).toEqual([1, 1]);
    await turn();
    expect(runs).toHaveLength(2);
    runs[1]?.reject(new Error('no'));
    for (const each of later) await expect(each).rejects.toThrow('no');
    const after = ask();
    await turn();
    runs[2]?.resolve(3);
    expect(await after).toBe(3);
  });

  it('does not begin again at once', async () => {
    const beganMs: number[] = [];
    const ask = nextRun(
      async () => {
        beganMs.push(performance.now());
      },
      { everyMs: 200 },
    );
    await ask();
    await ask();
    expect((beganMs[1] ?? 0) - (beganMs[0] ?? 0)).toBeGreaterThan(190);
  });

  it('is the look whether a process is ready, too', async () => {
    let looks = 0;
    const held = Promise.withResolvers<void>();
    const health = createHealth({
      readiness: async () => {
        looks += 1;
        await held.promise;
        return { ready: looks > 1, checks: { look: String(looks) } };
      },
    });
    let asked = 0;
    const app: Parameters<typeof serveApi>[0]['app'] = {
      fetch: (request, env) => {
        asked += 1;
        return health.fetch(request, env);
      },
    };
    const served = await serveApi({ app, host: '127.0.0.1', port: 0 });
    const ask = () => fetch(`http://127.0.0.1:${served.port}/readyz`);
    const together = [ask(), ask(), ask()];
    await eventually(async () => asked === 3, 'all are under way');
    held.resolve();
    for (const answer of await Promise.all(together)) {
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    }
    expect(looks).toBe(1);
    const last = await ask();
    expect([last.status, last.headers.get('retry-after')]).toEqual([200, null]);
    await served.close(0);
  });
});

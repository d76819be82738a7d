import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReadyTimes, type Timed } from '../../src/lanes/ready-times.ts';

it('gives what is ready, earliest first, and forgets times that were changed or cleared', () => {
  const change = fc.record({ item: fc.nat(9), atMs: fc.integer({ min: 0, max: 50 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), fc.nat(60), (changes, nowMs) => {
      const items = Array.from({ length: 10 }, (): Timed => ({ readyAtMs: 0 }));
      const times = new ReadyTimes<Timed>();
      for (const { item, atMs } of changes) {
        const timed = items[item];
        if (timed === undefined) throw new Error('no such item');
        if (atMs === 0) times.clear(timed);
        else times.set(timed, atMs);
      }
      const left = items.map(({ readyAtMs }) => readyAtMs).filter((atMs) => atMs > 0);
      expect(times.nextMs).toBe(Math.min(...left, Number.POSITIVE_INFINITY));
      const taken: number[] = [];
      for (;;) {
        const nextMs = times.nextMs;
        const ready = times.takeReady(nowMs);
        if (ready === undefined) break;
        expect(ready.readyAtMs).toBe(0);
        taken.push(nextMs);
      }
      expect(taken).toEqual(left.filter((atMs) => atMs <= nowMs).sort((a, b) => a - b));
    }),
  );
});

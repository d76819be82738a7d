import { describe, expect, it } from 'vitest';
import { decide } from '../../src/domain/decide.ts';

const usual = {
  number: 1,
  uncounted: 0,
  pastAttempts: 0,
  maxAttempts: null,
  scheduleMs: [60_000, 300_000],
  triedForMs: 0,
  random: 0,
};
const refused = {
  kind: 'retry',
  reason: 'connection_refused',
  notBeforeMs: undefined,
  pressure: 'broken',
} as const;

describe('what becomes of a webhook', () => {
  it('is delivered or failed as the verdict says', () => {
    expect(decide({ ...usual, verdict: { kind: 'delivered' } })).toEqual({ became: 'delivered' });
    expect(
      decide({ ...usual, verdict: { kind: 'fail', reason: 'gone', pressure: 'broken' } }),
    ).toEqual({ became: 'failed', reason: 'gone' });
  });

  it('is a retry as long as the schedule has one, and then a failure for the last reason', () => {
    expect(decide({ ...usual, verdict: refused })).toEqual({
      became: 'retry',
      inMs: 60_000,
      counts: true,
    });
    expect(decide({ ...usual, number: 2, verdict: refused })).toMatchObject({ inMs: 300_000 });
    expect(decide({ ...usual, number: 3, verdict: refused })).toEqual({
      became: 'failed',
      reason: 'connection_refused',
    });
  });

  it('does not hold against it what was not its fault', () => {
    expect(decide({ ...usual, number: 5, uncounted: 3, verdict: refused })).toMatchObject({
      inMs: 300_000,
    });
  });

  it('has the whole schedule again after it was put back', () => {
    expect(decide({ ...usual, number: 4, pastAttempts: 3, verdict: refused })).toMatchObject({
      inMs: 60_000,
    });
    expect(
      decide({ ...usual, number: 7, pastAttempts: 3, uncounted: 1, verdict: refused }),
    ).toMatchObject({ became: 'failed' });
  });

  it('is another try in 5 to 60 s that does not count when the trouble is ours', () => {
    const verdict = { kind: 'repeat', reason: 'out_of_file_descriptors' } as const;
    expect(decide({ ...usual, number: 9, verdict })).toEqual({
      became: 'retry',
      inMs: 5_000,
      counts: false,
    });
    expect(decide({ ...usual, verdict, random: 0.999 })).toMatchObject({ inMs: 59_945 });
    expect(decide({ ...usual, verdict, uncounted: 1_000 })).toMatchObject({ became: 'failed' });
  });

  it('is another try at once when a stop cut it off', () => {
    expect(decide({ ...usual, verdict: { kind: 'repeat', reason: 'aborted' } })).toEqual({
      became: 'retry',
      inMs: 0,
      counts: false,
    });
  });

  it('comes again when a receiver that refuses it asks for that, and no attempt is used up', () => {
    const asked = { ...refused, reason: 'http_429', notBeforeMs: 7_000 };
    const decision = { became: 'retry', inMs: 7_000, counts: false };
    expect(decide({ ...usual, verdict: asked })).toEqual(decision);
    expect(decide({ ...usual, number: 99, maxAttempts: 1, verdict: asked })).toEqual(decision);
    // Refused often, it comes again less often: a day of Retry-After: 1 is about a hundred attempts.
    const soon = { ...asked, notBeforeMs: 1_000 };
    const waits = [0, 1, 5, 50].map((uncounted) => decide({ ...usual, uncounted, verdict: soon }));
    expect(waits).toMatchObject([1_000, 2_000, 32_000, 900_000].map((inMs) => ({ inMs })));
  });

  it('fails when it has been refused for longer than all retries take, and for a day', () => {
    const asked = { ...refused, reason: 'http_503', notBeforeMs: 1_000 };
    const day = 86_400_000;
    const becameAfter = (triedForMs: number, scheduleMs: readonly number[]) =>
      decide({ ...usual, scheduleMs, triedForMs, verdict: asked }).became;
    expect([becameAfter(day, [1_000]), becameAfter(day + 1, [1_000])]).toEqual(['retry', 'failed']);
    expect([
      becameAfter(3 * day, [day, 2 * day]),
      becameAfter(3 * day + 1, [day, 2 * day]),
    ]).toEqual(['retry', 'failed']);
  });

  it('comes again up to a tenth later than the receiver asked for, so that not all come at once', () => {
    const asked = { ...refused, reason: 'http_429', notBeforeMs: 10_000 };
    const inMs = (random: number) => decide({ ...usual, random, verdict: asked });
    expect([inMs(0), inMs(0.5)]).toMatchObject([{ inMs: 10_000 }, { inMs: 10_500 }]);
    // From 15 minutes on, however often it was refused.
    const often = [9, 10, 20, 999].map((uncounted) =>
      decide({ ...usual, uncounted, verdict: { ...asked, notBeforeMs: 0 } }),
    );
    expect(often).toMatchObject([512_000, 900_000, 900_000, 900_000].map((ms) => ({ inMs: ms })));
  });

  it('waits as long as its verdict says when a key is missing, and up to a tenth longer', () => {
    const verdict = { kind: 'repeat', reason: 'encryption_key_missing', pauseMs: 300_000 } as const;
    const held = { became: 'retry', inMs: 300_000, counts: false };
    expect(decide({ ...usual, verdict })).toEqual(held);
    expect(decide({ ...usual, verdict, random: 0.5 })).toEqual({ ...held, inMs: 315_000 });
  });

  it('is given up after a thousand tries that do not count', () => {
    const verdict = { kind: 'repeat', reason: 'network_down' } as const;
    expect(decide({ ...usual, verdict, uncounted: 999 })).toMatchObject({ became: 'retry' });
    expect(decide({ ...usual, verdict, uncounted: 1_000 })).toEqual({
      became: 'failed',
      reason: 'network_down',
    });
  });
});

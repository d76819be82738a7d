import { describe, expect, it } from 'vitest';
import { decide } from '../../src/domain/decide.ts';

const usual = {
  number: 1,
  uncounted: 0,
  pastAttempts: 0,
  maxAttempts: null,
  scheduleMs: [60_000, 300_000],
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
});

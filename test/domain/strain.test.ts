import { describe, expect, it } from 'vitest';
import { behindAfterMs, Strain } from '../../src/domain/strain.ts';

/** So many rounds of these lengths, 10 ms apart. */
function run(
  strain: Strain,
  {
    rounds,
    roundMs,
    hasFresh = true,
    fromMs = 0,
  }: { rounds: number; roundMs: number; hasFresh?: boolean; fromMs?: number },
): number {
  let nowMs = fromMs;
  for (let round = 0; round < rounds; round += 1) {
    nowMs += 10;
    strain.note({ roundMs, hasFresh, nowMs });
  }
  return nowMs;
}

describe('strain', () => {
  it('is high when rounds take much longer than the quickest, and no more when they do not', () => {
    const strain = new Strain();
    let nowMs = run(strain, { rounds: 20, roundMs: 2 });
    expect(strain.level(nowMs)).not.toBe('high');
    nowMs = run(strain, { rounds: 20, roundMs: 12, fromMs: nowMs });
    expect(strain.level(nowMs)).toBe('high');
    nowMs = run(strain, { rounds: 20, roundMs: 2, fromMs: nowMs });
    expect(strain.level(nowMs)).not.toBe('high');
  });

  it('is not high for one long round', () => {
    const strain = new Strain();
    let nowMs = run(strain, { rounds: 20, roundMs: 2 });
    nowMs = run(strain, { rounds: 1, roundMs: 15, fromMs: nowMs });
    expect(strain.level(nowMs)).not.toBe('high');
  });

  it('is not high when nothing has just arrived: there is nobody to hold back for', () => {
    const strain = new Strain();
    let nowMs = run(strain, { rounds: 20, roundMs: 2 });
    nowMs = run(strain, { rounds: 200, roundMs: 12, hasFresh: false, fromMs: nowMs });
    expect(strain.level(nowMs)).not.toBe('high');
  });

  it('takes a database that is far away for what it is', () => {
    const strain = new Strain();
    const nowMs = run(strain, { rounds: 50, roundMs: 11 });
    expect(strain.level(nowMs)).not.toBe('high');
  });

  it('knows the quickest round of the last minute, not of all times', () => {
    const strain = new Strain();
    let nowMs = run(strain, { rounds: 20, roundMs: 2 });
    nowMs = run(strain, { rounds: 7_000, roundMs: 11, fromMs: nowMs });
    expect(strain.level(nowMs)).not.toBe('high');
  });
});

describe('the level of strain', () => {
  /** After one round, in which something had just arrived. */
  const oneRoundOf = (roundMs: number) => {
    const strain = new Strain();
    strain.note({ roundMs, hasFresh: true, nowMs: 0 });
    return strain;
  };

  it('is none until something has arrived, and a second after it', () => {
    expect(new Strain().level(0)).toBe('none');
    const strain = oneRoundOf(1);
    expect([0, 1_000, 1_001].map((nowMs) => strain.level(nowMs))).toEqual([
      'shared',
      'shared',
      'none',
    ]);
  });

  it('is high when a round takes more than twice the quickest and one ms more, on average', () => {
    const strain = oneRoundOf(5);
    // A fifth of each round counts: 1, then 11 of 5 ms.
    expect(strain.level(0)).toBe('shared');
    strain.note({ roundMs: 51, hasFresh: true, nowMs: 1 });
    expect(strain.level(1)).toBe('shared');
    const higher = oneRoundOf(5);
    higher.note({ roundMs: 51.1, hasFresh: true, nowMs: 1 });
    expect(higher.level(1)).toBe('high');
  });

  it('takes 15 ms for the slowest of quick rounds', () => {
    // A fifth of 155 ms is 31, of 156 a little more.
    expect(oneRoundOf(155).level(0)).toBe('shared');
    expect(oneRoundOf(156).level(0)).toBe('high');
  });

  it('remembers the quickest round for half a minute to a minute', () => {
    const later = (nowMs: number, thenMs: number) => {
      const strain = oneRoundOf(1);
      strain.note({ roundMs: 20, hasFresh: true, nowMs });
      strain.note({ roundMs: 20, hasFresh: true, nowMs: thenMs });
      return strain.level(thenMs);
    };
    expect(later(30_000, 60_000)).toBe('high');
    expect(later(30_001, 60_001)).toBe('high');
    expect(later(30_001, 60_002)).toBe('shared');
  });

  it('a webhook that has waited for more than a second is one of a backlog', () => {
    expect(behindAfterMs).toBe(1_000);
  });
});

import { describe, expect, it } from 'vitest';
import { Strain } from '../../src/domain/strain.ts';

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

import { describe, expect, it } from 'vitest';
import { EgressWatch } from '../../src/domain/egress.ts';

/** An origin without a tenant. */
const alone = (origin: string) => ({ tenant: null, origin });

/** So many origins that fail, and so many that answer, all at one time. */
function noted(counts: { failing: number; answering: number; nowMs?: number }): EgressWatch {
  const watch = new EgressWatch();
  const { failing, answering, nowMs = 0 } = counts;
  for (let n = 0; n < failing; n += 1) watch.note(alone(`down ${n}`), { failed: true, nowMs });
  for (let n = 0; n < answering; n += 1) watch.note(alone(`up ${n}`), { failed: false, nowMs });
  return watch;
}

describe('an outage of our own', () => {
  it.each([
    { failing: 5, answering: 0, isDown: false },
    { failing: 9, answering: 0, isDown: false },
    { failing: 10, answering: 0, isDown: true },
    { failing: 5, answering: 5, isDown: false },
    { failing: 6, answering: 4, isDown: true },
    { failing: 5, answering: 6, isDown: false },
    { failing: 6, answering: 5, isDown: true },
    { failing: 50, answering: 50, isDown: false },
    { failing: 51, answering: 50, isDown: true },
    { failing: 0, answering: 100, isDown: false },
  ])(
    'takes ten origins, and more than half of them without an answer: $failing of them and $answering others',
    ({ isDown, ...counts }) => {
      expect(noted(counts).isDown).toBe(isDown);
    },
  );

  it('is not seen in one origin that fails a hundred times', () => {
    const watch = noted({ failing: 0, answering: 9 });
    for (let n = 0; n < 100; n += 1) watch.note(alone('one'), { failed: true, nowMs: 0 });
    expect(watch.isDown).toBe(false);
  });

  it('is over when half of the origins have answered again', () => {
    const watch = noted({ failing: 10, answering: 0 });
    for (const n of [0, 1, 2, 3]) watch.note(alone(`down ${n}`), { failed: false, nowMs: 1 });
    expect(watch.isDown).toBe(true);
    watch.note(alone('down 4'), { failed: false, nowMs: 1 });
    expect(watch.isDown).toBe(false);
  });

  it('is judged by the last result of each origin alone', () => {
    const watch = noted({ failing: 0, answering: 10 });
    for (let n = 0; n < 6; n += 1) watch.note(alone(`up ${n}`), { failed: true, nowMs: 1 });
    expect(watch.isDown).toBe(true);
    watch.note(alone('up 0'), { failed: false, nowMs: 2 });
    expect(watch.isDown).toBe(false);
  });

  it('is forgotten a minute after the last results', () => {
    const before = noted({ failing: 11, answering: 0 });
    before.note(alone('another'), { failed: false, nowMs: 59_999 });
    expect(before.isDown).toBe(true);
    const after = noted({ failing: 11, answering: 0 });
    after.note(alone('another'), { failed: true, nowMs: 60_000 });
    expect(after.isDown).toBe(false);
  });

  it('is judged by failures of the last minute, whatever answered before', () => {
    const watch = noted({ failing: 0, answering: 30 });
    for (let n = 0; n < 10; n += 1) watch.note(alone(`down ${n}`), { failed: true, nowMs: 30_000 });
    expect(watch.isDown).toBe(false);
    watch.note(alone('down 0'), { failed: true, nowMs: 60_000 });
    expect(watch.isDown).toBe(true);
  });

  it('counts an origin from its last result on, not from its first', () => {
    const watch = noted({ failing: 10, answering: 0 });
    for (let n = 0; n < 10; n += 1) watch.note(alone(`down ${n}`), { failed: true, nowMs: 40_000 });
    watch.note(alone('down 0'), { failed: true, nowMs: 99_999 });
    expect(watch.isDown).toBe(true);
    watch.note(alone('down 0'), { failed: true, nowMs: 100_000 });
    expect(watch.isDown).toBe(false);
  });
});

describe('with tenants, an outage of our own', () => {
  /** So many origins of each of so many tenants. */
  function ofTenants(
    watch: EgressWatch,
    all: { tenants: readonly string[]; origins: readonly string[]; failed: boolean },
  ): EgressWatch {
    for (const tenant of all.tenants)
      for (const origin of all.origins)
        watch.note({ tenant, origin }, { failed: all.failed, nowMs: 0 });
    return watch;
  }
  const names = (count: number, of: string) =>
    Array.from({ length: count }, (_, n) => `${of} ${n}`);

  it('is not seen in the dead URLs of one tenant, however many', () => {
    const watch = ofTenants(new EgressWatch(), {
      ...{ tenants: ['bad'], origins: names(5_000, 'dead'), failed: true },
    });
    expect(watch.isDown).toBe(false);
    ofTenants(watch, { tenants: names(5, 'good'), origins: ['a', 'b', 'c'], failed: false });
    expect(watch.isDown).toBe(false);
  });

  it('is not seen in one dead host that all tenants use', () => {
    const watch = ofTenants(new EgressWatch(), {
      ...{ tenants: names(1_000, 'tenant'), origins: ['dead'], failed: true },
    });
    expect(watch.isDown).toBe(false);
  });

  it.each([
    { tenants: 4, origins: 10, isDown: false },
    { tenants: 5, origins: 9, isDown: false },
    { tenants: 5, origins: 10, isDown: true },
  ])('takes $tenants tenants and $origins origins: $isDown', ({ isDown, ...counts }) => {
    const watch = ofTenants(new EgressWatch(), {
      ...{ tenants: names(counts.tenants, 'tenant'), origins: names(counts.origins, 'origin') },
      failed: true,
    });
    expect(watch.isDown).toBe(isDown);
  });

  it('is over when most of either answer', () => {
    const [tenants, origins] = [names(5, 'tenant'), names(10, 'origin')];
    const watch = ofTenants(new EgressWatch(), { tenants, origins, failed: true });
    ofTenants(watch, { tenants: tenants.slice(0, 3), origins: ['origin 0'], failed: false });
    expect(watch.isDown).toBe(false);
  });

  it('remembers ten thousand origins, the latest', () => {
    const watch = new EgressWatch();
    for (let n = 0; n < 10_000; n += 1) watch.note(alone(`up ${n}`), { failed: false, nowMs: 0 });
    for (let n = 0; n < 5_001; n += 1) watch.note(alone(`down ${n}`), { failed: true, nowMs: 0 });
    expect(watch.isDown).toBe(true);
  });
});

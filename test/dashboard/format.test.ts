import { afterEach, describe, expect, it } from 'vitest';

// Numbers, durations and times as people read them.

type Format = Readonly<
  Record<'milliseconds' | 'seconds' | 'count' | 'rate' | 'percent', (value: number) => string>
> & {
  clock: (time: string) => string;
  timeZone: () => string;
  dueIn: (time: string | null) => string;
};
const modules = ['../../dashboard/format.js', '../../dashboard/scales.js'] as const;
const format = (await import(modules[0])) as Format;
const { steps, withGaps, timeSteps, timeLabel } = (await import(modules[1])) as {
  steps: Record<'count' | 'rate' | 'ratio' | 'seconds' | 'milliseconds', number[]>;
  withGaps: (points: { at: string }[], stepS: number) => { s: number; point?: object }[];
  timeSteps: number[];
  timeLabel: (s: number, stepS: number) => string;
};

it.each([
  [0, '0 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min'],
  [119, '1 min 59 s'],
  [200, '3 min 20 s'],
  [3_599.7, '1 h'],
  [7_199, '2 h'],
  [9_000, '2 h 30 min'],
  [172_799, '2 days'],
  [187_200, '2 days 4 h'],
])('shows %d seconds as %s', (s, shown) => {
  expect(format.seconds(s)).toBe(shown);
});

it.each([
  [9.96, '10 ms'],
  [999.6, '1 s'],
  [59_999, '1 min'],
  [119_000, '1 min 59 s'],
])('shows %d milliseconds as %s', (ms, shown) => {
  expect(format.milliseconds(ms)).toBe(shown);
});

it('tells when something is due, which is now once its time has come', () => {
  const at = (s: number) => new Date(Date.now() + s * 1_000).toISOString();
  expect(format.dueIn(at(7_200))).toBe('in 2 h');
  expect([format.dueIn(at(-30)), format.dueIn(null)]).toEqual(['now', 'now']);
});

it('is never more than a twentieth off, and never shows 60 of a unit', () => {
  const units: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3_600, days: 86_400 };
  for (let s = 1; s < 2_000_000; s *= 1.003) {
    const shown = format.seconds(s);
    expect(shown).not.toMatch(/\b60 (s|min)\b/);
    const meant = [...shown.matchAll(/([\d.]+) (s|min|h|days)/g)].reduce(
      (sum, [, value, unit]) => sum + Number(value) * (units[unit ?? ''] ?? Number.NaN),
      0,
    );
    expect(Math.abs(meant - s) / s, shown).toBeLessThan(0.05);
  }
});

it.each([
  ['count', 'count'],
  ['rate', 'rate'],
  ['percent', 'ratio'],
  ['seconds', 'seconds'],
  ['milliseconds', 'milliseconds'],
] as const)('labels an axis of %s with values that differ', (name, scale) => {
  for (const step of steps[scale]) {
    const labels = [0, 1, 2, 3, 4].map((n) => format[name](n * step));
    // 100,000 and 101,000 are both 100K; an axis that begins at 0 has no such steps.
    expect(new Set(labels).size, `${step}: ${labels}`).toBe(
      new Set([0, 1, 2, 3, 4].map((n) => Math.min(n * step, scale === 'ratio' ? 1 : Infinity)))
        .size,
    );
  }
});

it('labels an axis of times with values that differ', () => {
  const midnight = new Date(2026, 10, 29).getTime() / 1_000;
  for (const step of timeSteps) {
    const labels = [0, 1, 2, 3, 4].map((n) => timeLabel(midnight + n * step, step));
    expect(new Set(labels).size, `${step}: ${labels}`).toBe(5);
  }
});

it('breaks a line off where nothing was measured, and only there', () => {
  const at = (minute: number) => ({ at: new Date(minute * 60_000).toISOString() });
  const points = withGaps([at(0), at(1), at(3), at(20), at(21)], 60);
  expect(points.map(({ s, point }) => [s / 60, point !== undefined])).toEqual([
    [0, true],
    [1, true],
    [3, true],
    [4, false],
    [20, true],
    [21, true],
  ]);
});

describe('a time', () => {
  const zone = process.env['TZ'];

  afterEach(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  it.each([
    ['Asia/Tokyo', '2025-11-27T20:00:00Z', '2025-11-28 05:00:00', 'Asia/Tokyo (UTC+9)'],
    ['Asia/Kolkata', '2025-11-27T20:00:00Z', '2025-11-28 01:30:00', '(UTC+5:30)'],
    ['America/Los_Angeles', '2025-11-28T03:00:00Z', '2025-11-27 19:00:00', 'America/Los_Angeles'],
    ['UTC', '2025-11-28T03:00:00Z', '2025-11-28 03:00:00', 'UTC'],
  ])('has in %s the day and the hour of that zone', (name, time, shown, told) => {
    process.env['TZ'] = name;
    expect(format.clock(time)).toBe(shown);
    expect(format.timeZone()).toContain(told);
  });
});

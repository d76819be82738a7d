import { expect, it } from 'vitest';
import { formatDuration, parseDurationMs } from '../../src/domain/duration.ts';

it.each([
  ['250ms', 250],
  ['30s', 30_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['30d', 2_592_000_000],
  ['0s', 0],
  [' 1s\n', 1_000],
  ['999999999ms', 999_999_999],
])('%j is %i ms', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms);
});

it.each(['', '5', 's', '1.5s', '-1s', '1 s', '1S', '1sm', 'x1s', '1us', '1w', '9999999999ms'])(
  '%j is no duration',
  (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  },
);

it.each([
  [0, '0ms'],
  [1, '1ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [1_001, '1001ms'],
  [60_000, '1m'],
  [90_000, '90s'],
  [3_600_000, '1h'],
  [86_400_000, '1d'],
  [90_000_000, '25h'],
  [172_800_000, '2d'],
])('%i ms are written %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
  expect(parseDurationMs(text)).toBe(ms);
});

// The scales of the charts: how far apart labels are, and where lines break off.

/**
 * The label of a time in the reader's zone, in 24 hours; where a day begins, its name.
 *
 * @param {number} s @param {number} stepS between two labels
 */
export function timeLabel(s, stepS) {
  const at = new Date(s * 1_000);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  return stepS >= 86_400 || isMidnight
    ? at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
    : at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}

/** No two labels of an axis of times are the same: none is closer to the next than a minute. */
export const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 1_440, 2_880].map(
  (min) => min * 60,
);

/** 1, 2 and 5 times each power of ten. @param {number} from @param {number} to */
const decimal = (from, to) =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at).flatMap((power) =>
    [1, 2, 5].map((digit) => Number(`${digit}e${power}`)),
  );
/** Steps of seconds that end in whole minutes, hours and days, so that the labels say what they mean. */
const durationSteps = [
  ...decimal(-1, 0),
  ...[10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200],
  ...decimal(0, 4).map((days) => days * 86_400),
];

/** How far apart the labels of a scale may be: never closer than what its format tells apart. */
export const steps = {
  count: decimal(0, 12),
  rate: decimal(-1, 9),
  ratio: [0.01, 0.02, 0.05, 0.1, 0.25, 0.5],
  seconds: durationSteps,
  milliseconds: [...decimal(-1, 2), ...durationSteps.filter((s) => s >= 1).map((s) => s * 1_000)],
};

/**
 * The points, with one that has no values wherever nothing was measured for longer than a step: the line breaks off there.
 *
 * @template {{ readonly at: string }} Point
 * @param {readonly Point[]} points @param {number} stepS
 * @returns {{ s: number, point: Point | undefined }[]}
 */
export function withGaps(points, stepS) {
  const timed = points.map((point) => ({ s: Date.parse(point.at) / 1_000, point }));
  return timed.flatMap((here, at) => {
    const before = timed[at - 1];
    return before !== undefined && here.s - before.s > 2.5 * stepS
      ? [{ s: before.s + stepS, point: undefined }, here]
      : [here];
  });
}

/**
 * The places of values without a neighbour: no line goes to them, so they are drawn as points.
 *
 * @param {readonly (number | null)[]} values
 */
export const lonely = (values) =>
  values.flatMap((value, at) =>
    value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null
      ? [at]
      : [],
  );

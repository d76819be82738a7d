// Pure: no I/O, no clock, no randomness.

import { rounded, svgOf, textAt } from '../../../harness/svg.ts';
import type { Figure } from '../../report.ts';
import { ratiosOf, type State } from './report.ts';

/** What is drawn, and in which colour: those that read on light and dark pages. */
const series: Readonly<Record<string, string>> = {
  'drain, time': '#1f77b4',
  'drain, CPU Postgres': '#e6850e',
  'drain, WAL': '#2ca02c',
  '100/s, p50': '#9467bd',
  '100/s, CPU Postgres': '#c0567f',
  '500/s, p50': '#17a2b8',
};
const target = 1.2;

const width = 960;
const height = 440;
const margin = { left: 64, right: 190, top: 40, bottom: 56 };
const right = width - margin.right;
const bottom = height - margin.bottom;
const style = `
.line { fill: none; stroke-width: 1.6 }
.range { stroke-width: 5; stroke-opacity: .22 }
.axis { stroke: #999; stroke-width: 1 }
.grid { stroke: #999; stroke-opacity: .25; stroke-width: 1 }
.target { stroke: #d62728; stroke-width: 1; stroke-dasharray: 5 4 }`;

interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly size: number; readonly figure: Figure }[];
}

/** Cost over the size of the history, as times the empty database's: medians, and least and most of the rounds. */
export function drawGrowth(
  states: readonly State[],
  { webhooks, rounds }: { webhooks: number; rounds: number },
): string {
  const curves = curvesOf(states, webhooks);
  const x = scaleOf(states.map(({ size }) => size));
  const { y, ticks } = heightsOf(curves);
  const title = `What a webhook costs beside a history of finished ones: median, least and most of ${rounds} round(s)`;
  return svgOf({
    width,
    height,
    title,
    style,
    parts: [
      textAt({ x: margin.left, y: 20 }, title),
      ...ticks.flatMap((tick) => [
        lineFrom('grid', { x1: margin.left, x2: right, y1: y(tick), y2: y(tick) }),
        textAt({ x: margin.left - 8, y: y(tick) + 4, anchor: 'end' }, `${tick.toFixed(1)} x`),
      ]),
      lineFrom('axis', { x1: margin.left, x2: right, y1: bottom, y2: bottom }),
      lineFrom('target', { x1: margin.left, x2: right, y1: y(target), y2: y(target) }),
      textAt({ x: right + 8, y: y(target) + 4 }, `target ${target} x`),
      ...states.map(({ size }) =>
        textAt({ x: x(size), y: bottom + 20, anchor: 'middle' }, size.toLocaleString('en')),
      ),
      textAt(
        { x: (margin.left + right) / 2, y: height - 12, anchor: 'middle' },
        'finished webhooks in the history, over 30 days (logarithmic)',
      ),
      `<text transform="translate(16 ${(margin.top + bottom) / 2}) rotate(-90)" text-anchor="middle">cost, times the empty database's</text>`,
      ...curves.flatMap((curve, index) => drawn(curve, { x, y, index, of: curves.length })),
      ...curves.flatMap(({ name, colour }, index) => {
        const at = margin.top + 14 + index * 20;
        return [
          `<line stroke="${colour}" stroke-width="3" x1="${right + 20}" x2="${right + 40}" y1="${at - 4}" y2="${at - 4}"/>`,
          textAt({ x: right + 46, y: at }, name),
        ];
      }),
    ],
  });
}

function curvesOf(states: readonly State[], webhooks: number): Curve[] {
  const ratios = states.map((state) => ({ size: state.size, figures: ratiosOf(state, webhooks) }));
  return Object.entries(series).map(([name, colour]) => ({
    name,
    colour,
    points: ratios.flatMap(({ size, figures }) => {
      const figure = figures.find((one) => one.name === name);
      return figure?.spread === undefined ? [] : [{ size, figure }];
    }),
  }));
}

/** Logarithmic; nothing at all stands a decade before the least. */
function scaleOf(sizes: readonly number[]): (size: number) => number {
  const known = sizes.filter((size) => size > 0);
  const least = Math.min(...known);
  const from = Math.log10(least) - (known.length < sizes.length ? 1 : 0);
  const to = Math.max(from + 1, Math.log10(Math.max(...known)));
  const left = margin.left + 30;
  return (size) => {
    const at = Math.log10(Math.max(size, 10 ** from));
    return rounded(left + ((at - from) / (to - from)) * (right - 40 - left));
  };
}

/** From a bit below the least to a bit above the most, so that the lines of 1 and of the target are always in it. */
function heightsOf(curves: readonly Curve[]) {
  const spreads = curves.flatMap(({ points }) =>
    points.flatMap(({ figure: { spread } }) => (spread === undefined ? [] : [spread])),
  );
  const from = Math.floor(10 * Math.min(0.8, ...spreads.map(({ min }) => min))) / 10;
  const to = Math.ceil(10 * Math.max(1.4, ...spreads.map(({ max }) => max))) / 10;
  const step = [0.1, 0.2, 0.5, 1, 2, 5].find((one) => (to - from) / one <= 12) ?? 10;
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return {
    ticks: Array.from({ length: count }, (_, at) => (first + at) * step),
    y: (ratio: number) => rounded(bottom - ((ratio - from) / (to - from)) * (bottom - margin.top)),
  };
}

/** The medians as a line; least and most as bars, beside each other. */
function drawn(
  { name, colour, points }: Curve,
  at: {
    x: (size: number) => number;
    y: (ratio: number) => number;
    index: number;
    of: number;
  },
): string[] {
  const shift = (at.index - (at.of - 1) / 2) * 6;
  const placed = points.flatMap(({ size, figure: { spread } }) =>
    spread === undefined ? [] : [{ x: rounded(at.x(size) + shift), spread }],
  );
  const line = placed.map(({ x, spread }) => `${x},${at.y(spread.median)}`).join(' ');
  return [
    ...placed.map(
      ({ x, spread }) =>
        `<line class="range" stroke="${colour}" x1="${x}" x2="${x}" y1="${at.y(spread.min)}" y2="${at.y(spread.max)}"/>`,
    ),
    `<polyline class="line" stroke="${colour}" points="${line}"><title>${name}</title></polyline>`,
    ...placed.map(
      ({ x, spread }) => `<circle fill="${colour}" cx="${x}" cy="${at.y(spread.median)}" r="3.2"/>`,
    ),
  ];
}

function lineFrom(
  kind: 'grid' | 'axis' | 'target',
  { x1, x2, y1, y2 }: { x1: number; x2: number; y1: number; y2: number },
): string {
  return `<line class="${kind}" x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}"/>`;
}

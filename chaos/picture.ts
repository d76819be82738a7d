// Pure: no I/O, no clock, no randomness.

import { escaped, rounded, svgOf, textAt } from '../harness/svg.ts';

/** A run over time: what the receiver accepted each second, and when something was done to it. */
export interface Timeline {
  readonly title: string;
  /** Accepted in each second from the start. */
  readonly perSecond: readonly number[];
  readonly faults: readonly { readonly atS: number; readonly what: string }[];
}

const width = 960;
const height = 240;
const margin = { left: 52, right: 12, top: 34, bottom: 30 };
const style = `
.rate { fill: none; stroke: #1f77b4; stroke-width: 1.2 }
.fault { stroke: #d62728; stroke-opacity: .45; stroke-width: 1 }
.axis { stroke: #999; stroke-width: 1 }`;

/** Draws it as SVG that reads on light and dark pages. */
export function drawTimeline({ title, perSecond, faults }: Timeline): string {
  const most = Math.max(1, ...perSecond);
  const seconds = Math.max(1, perSecond.length);
  const bottom = height - margin.bottom;
  const x = (second: number) =>
    rounded(margin.left + (second / seconds) * (width - margin.left - margin.right));
  const y = (rate: number) => rounded(bottom - (rate / most) * (bottom - margin.top));
  const line = perSecond.map((rate, second) => `${x(second)},${y(rate)}`).join(' ');
  const marks = faults.map(
    ({ atS, what }) =>
      `<line class="fault" x1="${x(atS)}" x2="${x(atS)}" y1="${margin.top}" y2="${bottom}"><title>${escaped(what)}</title></line>`,
  );
  const step = stepOf(seconds);
  const ticks = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, at) => at * step);
  return svgOf({
    width,
    height,
    title,
    style,
    parts: [
      textAt({ x: margin.left, y: 18 }, title),
      ...marks,
      `<polyline class="rate" points="${line}"/>`,
      `<line class="axis" x1="${margin.left}" x2="${width - margin.right}" y1="${bottom}" y2="${bottom}"/>`,
      textAt({ x: margin.left - 6, y: y(most) + 4, anchor: 'end' }, `${most}/s`),
      textAt({ x: margin.left - 6, y: y(0) + 4, anchor: 'end' }, '0'),
      ...ticks.map((second) =>
        textAt(
          { x: x(second), y: height - 10, anchor: 'middle' },
          step < 60 ? `${second} s` : `${second / 60} min`,
        ),
      ),
    ],
  });
}

function stepOf(seconds: number): number {
  return [10, 30, 60, 120, 300, 600].find((step) => seconds / step <= 10) ?? 3_600;
}

// Pure: no I/O, no clock, no randomness.

import { rounded, svgOf, textAt } from '../../../harness/svg.ts';
import type { Reading } from './reading.ts';
import { limitName, type MemoryRun } from './report.ts';

/** Colours that read on light and dark pages. */
const colours = ['#e6850e', '#1f77b4', '#2ca02c', '#9467bd'] as const;
const lines = [
  { name: 'resident', kind: 'resident', of: ({ rss }: Reading) => rss },
  { name: 'young generation', kind: 'young', of: ({ youngSpace }: Reading) => youngSpace },
  { name: 'old space', kind: 'old', of: ({ oldSpace }: Reading) => oldSpace },
] as const;

const width = 960;
const panelHeight = 260;
const margin = { left: 64, right: 260, top: 56, bottom: 48 };
const right = width - margin.right;
const style = `
polyline { fill: none }
.resident { stroke-width: 2 }
.young { stroke-width: 1.2; stroke-dasharray: 6 4 }
.old { stroke-width: 1.2; stroke-dasharray: 2 3 }
.axis { stroke: #999; stroke-width: 1 }
.grid { stroke: #999; stroke-opacity: .25; stroke-width: 1 }`;

/** Memory over time: a panel for each share of new hosts, a colour for each limit of the young generation. */
export function drawMemory(
  runs: readonly MemoryRun[],
  { perSecond }: { perSecond: number },
): string {
  const percents = [...new Set(runs.map(({ newHostPercent }) => newHostPercent))];
  const limits = [...new Set(runs.map(({ semiSpaceMb }) => semiSpaceMb))];
  const all = runs.flatMap(({ readings }) => readings);
  const mostMb = 50 * Math.ceil(Math.max(...all.map(({ rss }) => rss)) / 1e6 / 50);
  const mostS = Math.max(60, ...all.map(({ atS }) => atS));
  const title = `Memory of a worker at ${perSecond} webhooks a second`;
  const x = (atS: number) => rounded(margin.left + (atS / mostS) * (right - margin.left));
  return svgOf({
    width,
    height: margin.top + percents.length * panelHeight,
    title,
    style,
    parts: [
      textAt({ x: margin.left, y: 20 }, title),
      ...percents.flatMap((percent, index) => {
        const top = margin.top + index * panelHeight;
        const bottom = top + panelHeight - margin.bottom;
        const y = (bytes: number) => rounded(bottom - (bytes / 1e6 / mostMb) * (bottom - top));
        const beside = runs.filter(({ newHostPercent }) => newHostPercent === percent);
        return [
          textAt({ x: margin.left, y: top - 8 }, `${percent} % of them to hosts never sent to`),
          ...ticksOf(mostMb).flatMap((mb) => [
            `<line class="grid" x1="${margin.left}" x2="${right}" y1="${y(mb * 1e6)}" y2="${y(mb * 1e6)}"/>`,
            textAt({ x: margin.left - 8, y: y(mb * 1e6) + 4, anchor: 'end' }, `${mb} MB`),
          ]),
          `<line class="axis" x1="${margin.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
          ...minutesOf(mostS).map((minute) =>
            textAt({ x: x(minute * 60), y: bottom + 18, anchor: 'middle' }, `${minute} min`),
          ),
          ...beside.flatMap(({ readings, semiSpaceMb }) =>
            lines.map(({ kind, of }) => {
              const points = readings.map((one) => `${x(one.atS)},${y(of(one))}`).join(' ');
              return `<polyline class="${kind}" stroke="${colourOf(limits, semiSpaceMb)}" points="${points}"/>`;
            }),
          ),
        ];
      }),
      ...limits.flatMap((limit, index) =>
        lines.flatMap(({ name, kind }, line) => {
          const y = margin.top + 12 + (index * (lines.length + 0.5) + line) * 20;
          return [
            `<line class="${kind}" stroke="${colourOf(limits, limit)}" x1="${right + 12}" x2="${right + 42}" y1="${y - 4}" y2="${y - 4}"/>`,
            textAt({ x: right + 48, y }, `${limitName(limit)}: ${name}`),
          ];
        }),
      ),
    ],
  });
}

function colourOf(limits: readonly number[], limit: number): string {
  return colours[limits.indexOf(limit) % colours.length] ?? colours[0];
}

function ticksOf(mostMb: number): number[] {
  const step = mostMb > 500 ? 100 : 50;
  return Array.from({ length: Math.floor(mostMb / step) + 1 }, (_, at) => at * step);
}

function minutesOf(mostS: number): number[] {
  const step = [1, 2, 5, 10, 20, 30, 60].find((one) => mostS / 60 / one <= 8) ?? 120;
  return Array.from({ length: Math.floor(mostS / 60 / step) + 1 }, (_, at) => at * step);
}

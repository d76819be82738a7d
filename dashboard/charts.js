import { html, useEffect, useRef, useState } from '/dashboard/vendor/preact.js';
import { clock } from './format.js';
import { lonely, timeLabel, timeSteps, withGaps } from './scales.js';

/** @import { Pulse, Series, SeriesPoint } from './answers.ts' */
/** @import { Ref } from '/dashboard/vendor/preact.js' */
/** @import { Axis } from '/dashboard/vendor/uplot.js' */

const height = 150;

// uPlot makes its formats for the browser's language, and throws where that is none, such as "en-US@posix".
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US' });
}

const { default: uPlot } = await import('/dashboard/vendor/uplot.js');

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * A chart over time, with the values of the latest point or of the one under the pointer. Its label has them for people who do not
 * see it.
 *
 * @param {{ title: string, unit: string, series: Series | undefined, hours: number, isWorking: boolean,
 *   lines: { label: string, of: (point: SeriesPoint) => number | null, colour: string }[],
 *   format: (value: number | null) => string, steps: number[], theme: string }} props
 */
export function Chart({ title, unit, series, hours, isWorking, lines, format, steps, theme }) {
  /** @type {Ref<HTMLElement>} */
  const place = useRef(null);
  const [pointed, setPointed] = useState(/** @type {SeriesPoint | undefined} */ (undefined));
  const points = series?.points ?? [];
  useEffect(() => {
    const element = place.current;
    if (element === null || series === undefined || points.length === 0) return;
    const timed = withGaps(points, series.step_s);
    const times = timed.map(({ s }) => s);
    const values = lines.map(({ of }) => timed.map(({ point }) => (point && of(point)) ?? null));
    /** @type {Axis} */
    const axis = {
      stroke: colour('--muted'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { size: 6 } },
        scales: {
          // All of the period, however little of it was measured.
          x: {
            range: () => {
              const end = Math.max(Date.now() / 1_000, times.at(-1) ?? 0);
              return [end - hours * 3_600, end];
            },
          },
          y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most * 1.1 : 1] },
        },
        axes: [
          {
            ...axis,
            size: 28,
            incrs: timeSteps,
            values: (_, shown, __, ___, stepS) => shown.map((s) => timeLabel(s, stepS)),
          },
          {
            ...axis,
            size: 66,
            incrs: steps,
            values: (_, shown) => shown.map((value) => format(value)),
          },
        ],
        series: [
          {},
          ...lines.map((line, at) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 1.5,
            ...(lines.length === 1 ? { fill: `${colour(line.colour)}22` } : {}),
            spanGaps: false,
            points: { show: true, size: 4, filter: () => lonely(values[at] ?? []) },
          })),
        ],
        hooks: {
          setCursor: [({ cursor: { idx } }) => setPointed(timed[idx ?? -1]?.point)],
        },
      },
      [times, ...values],
      element,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
      setPointed(undefined);
    };
  }, [series, theme]);
  const shown = pointed ?? points.at(-1);
  const told = lines.map((line) => ({
    ...line,
    value: shown === undefined ? '–' : format(line.of(shown)),
  }));
  return html`<figure class="chart">
    <figcaption>
      <span class="chart-title">${title}</span> <span class="muted">${unit}</span>
      <span class="legend">
        ${told.map(
          ({ label, value, colour: name }) =>
            html`<span class=${`legend-key ${name.slice(2)}`}>${label} <b>${value}</b></span>`,
        )}
        ${shown !== undefined && html`<span class="at">at ${clock(shown.at)}</span>`}
      </span>
    </figcaption>
    ${
      points.length > 0
        ? html`<div class="plot" ref=${place} role="img" aria-label=${`${title}: ${told.map(({ label, value }) => `${label} ${value}`).join(', ')}`}></div>`
        : html`<p class="chart-empty muted">${emptyText(series, isWorking)}</p>`
    }
  </figure>`;
}

/** @param {Series | undefined} series @param {boolean} isWorking */
function emptyText(series, isWorking) {
  if (series === undefined) return 'Loading …';
  return isWorking
    ? 'Nothing was measured in this period yet. A running worker adds one point per minute.'
    : 'Nothing was measured in this period: no worker is running.';
}

/** Attempts as bars, with failures in red at the bottom. @param {{ pulse: Pulse }} props */
export function Sparkline({ pulse }) {
  const steps = 24;
  const first = Math.floor(Date.now() / 300_000) * 300 - (steps - 1) * 300;
  const bars = Array.from({ length: steps }, (_, at) => {
    const found = pulse.find((step) => Date.parse(step.at) / 1_000 === first + at * 300);
    return { attempts: found?.attempts ?? 0, failures: found?.failures ?? 0 };
  });
  const most = Math.max(1, ...bars.map(({ attempts }) => attempts));
  const total = bars.reduce((sum, { attempts }) => sum + attempts, 0);
  const failed = bars.reduce((sum, { failures }) => sum + failures, 0);
  return html`<svg class="spark" viewBox="0 0 96 24" role="img" aria-label=${`${total} attempts in two hours, ${failed} failed`}>
    ${bars.map(({ attempts, failures }, at) => {
      const tall = (attempts / most) * 22;
      const bad = attempts === 0 ? 0 : (tall * failures) / attempts;
      return html`<g>
        <rect class="bar" x=${at * 4} y=${24 - tall} width="3" height=${tall} />
        <rect class="bar bad" x=${at * 4} y=${24 - bad} width="3" height=${bad} />
      </g>`;
    })}
    <line class="base" x1="0" y1="23.500" x2="96" y2="23.500" />
  </svg>`;
}

import { html, useEffect, useRef } from '/dashboard/vendor/preact.js';

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

/** As all times here: of the reader's zone, in 24 hours; a day's name where one begins. */
function timeLabel(s, stepS) {
  const at = new Date(s * 1_000);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  return stepS >= 86_400 || isMidnight
    ? at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
    : at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}

/**
 * A chart over time; beside it the same in words, for those who do not see it.
 *
 * @param {{ title: string, unit: string, points: { at: string }[], lines: { label: string, of: (point: any) => number | null, colour: string }[],
 *   format: (value: number | null) => string, theme: string }} props
 */
export function Chart({ title, unit, points, lines, format, theme }) {
  const place = useRef(null);
  // Of less there is no line either.
  const last = points.length < 2 ? undefined : points.at(-1);
  useEffect(() => {
    const element = place.current;
    if (element === null || points.length < 2) return;
    const data = [
      points.map(({ at }) => Date.parse(at) / 1_000),
      ...lines.map(({ of }) => points.map((point) => of(point) ?? null)),
    ];
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
          y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most * 1.1 : 1] },
        },
        axes: [
          {
            ...axis,
            size: 28,
            values: (_, times, __, ___, stepS) => times.map((s) => timeLabel(s, stepS)),
          },
          { ...axis, size: 58, values: (_, values) => values.map((value) => format(value)) },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 1.5,
            fill: lines.length === 1 ? `${colour(line.colour)}22` : undefined,
            spanGaps: true,
            points: { show: false },
          })),
        ],
      },
      data,
      element,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [points, theme]);
  const now = lines.map(
    ({ label, of }) => `${label} ${last === undefined ? '–' : format(of(last))}`,
  );
  return html`<figure class="chart">
    <figcaption>
      <span class="chart-title">${title}</span> <span class="muted">${unit}</span>
      <span class="legend">
        ${lines.map(
          (line) =>
            html`<span class=${`legend-key ${line.colour.slice(2)}`}>${line.label} <b>${last === undefined ? '–' : format(line.of(last))}</b></span>`,
        )}
      </span>
    </figcaption>
    ${
      points.length < 2
        ? html`<p class="chart-empty muted">The first points come within two minutes of a running worker.</p>`
        : html`<div class="plot" ref=${place} role="img" aria-label=${`${title}: ${now.join(', ')}`}></div>`
    }
  </figure>`;
}

/** Attempts as bars, failures in red at their feet. @param {{ pulse: { at: string, attempts: number, failures: number }[] }} props */
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

// Pure: no I/O, no clock, no randomness.

import { type Figure, figure } from '../report.ts';
import type { Steady } from '../steady.ts';
import { noiseOf } from '../window.ts';

/** The lines of steady traffic to healthy endpoints. */
export function steadyFigures(runs: readonly Steady[]): Figure[] {
  const ms = (name: string, of: (run: Steady) => number) =>
    figure(name, { unit: 'ms', digits: 1, runs, of });
  const perSecond = (name: string, of: (run: Steady) => number | undefined) =>
    figure(name, {
      unit: '%',
      digits: 1,
      runs,
      of: (run) => (100 * (of(run) ?? Number.NaN)) / run.window.durationMs,
    });
  return [
    figure('delivered', {
      unit: '%',
      digits: 2,
      runs,
      of: ({ delivered, webhooks }) => (100 * delivered) / webhooks,
    }),
    ms('commit to arrival, p50', ({ p50Ms }) => p50Ms),
    ms('commit to arrival, p99', ({ p99Ms }) => p99Ms),
    ms('commit to arrival, max', ({ maxMs }) => maxMs),
    perSecond('CPU of a core, workers', ({ window }) => window.senderCpuMs),
    perSecond('CPU of a core, Postgres', ({ window }) => window.postgresCpuMs),
    figure('noise', { unit: '%', digits: 1, runs, of: ({ window }) => 100 * noiseOf(window) }),
  ];
}

/** The same in a few words, for the progress. */
export function steadyLine({ p50Ms, p99Ms, window }: Steady): string {
  return `p50 ${p50Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} ms (noise ${(100 * noiseOf(window)).toFixed(0)} %)`;
}

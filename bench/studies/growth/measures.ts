// Pure: no I/O, no clock, no randomness.

import type { StateRun, SteadyRun } from './state-run.ts';
import { steadyRates } from './steady-rates.ts';

/** A cost: more is worse. Of a webhook, where it is not the wait of one. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly digits: number;
  of(run: StateRun, webhooks: number): number | undefined;
}

/** All that is compared. */
export const measures: readonly Measure[] = [
  ofDrain('time', ({ drain: { perSecond } }) => 1_000 / perSecond),
  ofDrain('CPU workers', ({ drain }, webhooks) => each(drain.window.senderCpuMs, webhooks)),
  ofDrain('CPU Postgres', ({ drain }, webhooks) => each(drain.window.postgresCpuMs, webhooks)),
  {
    name: 'drain, WAL',
    unit: 'B',
    digits: 0,
    of: ({ drain }, webhooks) => drain.delivery.walBytes / webhooks,
  },
  ofDrain('time of the insert', ({ drain }, webhooks) => each(drain.insertMs, webhooks)),
  {
    name: 'drain, WAL of the insert',
    unit: 'B',
    digits: 0,
    of: ({ drain }, webhooks) => drain.insert.walBytes / webhooks,
  },
  ...steadyRates.flatMap((rate) => [
    ofRate(rate, { name: 'p50', unit: 'ms', digits: 1, of: ({ p50Ms }) => p50Ms }),
    ofRate(rate, { name: 'p99', unit: 'ms', digits: 1, of: ({ p99Ms }) => p99Ms }),
    ofRate(rate, {
      name: 'CPU workers',
      unit: 'µs',
      digits: 0,
      of: ({ window, webhooks }) => microseconds(each(window.senderCpuMs, webhooks)),
    }),
    ofRate(rate, {
      name: 'CPU Postgres',
      unit: 'µs',
      digits: 0,
      of: ({ window, webhooks }) => microseconds(each(window.postgresCpuMs, webhooks)),
    }),
    ofRate(rate, {
      name: 'WAL with the insert',
      unit: 'B',
      digits: 0,
      of: ({ walBytes, webhooks }) => walBytes / webhooks,
    }),
  ]),
];

function ofDrain(
  name: string,
  ms: (run: StateRun, webhooks: number) => number | undefined,
): Measure {
  return {
    name: `drain, ${name}`,
    unit: 'µs',
    digits: 0,
    of: (run, webhooks) => microseconds(ms(run, webhooks)),
  };
}

function ofRate(
  rate: number,
  measure: Omit<Measure, 'of'> & { of: (run: SteadyRun) => number | undefined },
): Measure {
  return {
    ...measure,
    name: `${rate}/s, ${measure.name}`,
    of({ steady }) {
      const run = steady.find(({ perSecond }) => perSecond === rate);
      return run === undefined ? undefined : measure.of(run);
    },
  };
}

function each(all: number | undefined, webhooks: number): number | undefined {
  return all === undefined ? undefined : all / webhooks;
}

function microseconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms * 1_000;
}

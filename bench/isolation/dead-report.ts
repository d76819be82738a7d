// Pure: no I/O, no clock, no randomness.

import { type Figure, figure, type Section } from '../report.ts';
import type { Steady } from '../steady.ts';
import type { ParkedWrites } from './parked.ts';
import { steadyFigures } from './steady-figures.ts';

/** Healthy traffic alone, beside the backlog of a dead endpoint, and while that backlog drains. */
export interface DeadRound {
  readonly alone: { readonly steady: Steady; readonly violations: readonly string[] };
  readonly dead: DeadRun;
  readonly drain: DrainRun;
  readonly violations: readonly string[];
}

export interface DeadRun {
  readonly steady: Steady;
  /** Since the breaker opened. */
  readonly writes: ParkedWrites;
  /** Requests to the dead endpoint that opened its breaker, and those after that. */
  readonly requestsUntilOpen: number;
  readonly requests: number;
  /** Open intervals that ended. */
  readonly intervals: number;
  /** Of the requests, since the breaker was seen open. */
  readonly requestTimesMs: readonly number[];
}

export interface DrainRun {
  readonly steady: Steady;
  /** Webhooks of the backlog that were delivered, and how many a second from the first to the last. */
  readonly drained: number;
  readonly perSecond: number;
  /** From the moment at which the probe was due. */
  readonly firstAfterMs: number;
}

export function deadSections(rounds: readonly DeadRound[]): Section[] {
  const line = (
    name: string,
    { unit, digits = 0, of }: { unit: string; digits?: number; of: (round: DeadRound) => number },
  ): Figure => figure(name, { unit, digits, runs: rounds, of });
  const ratio = (name: string, of: (round: DeadRound) => number) =>
    line(name, { unit: 'x', digits: 2, of });
  return [
    {
      title: 'healthy endpoints alone (A)',
      figures: steadyFigures(rounds.map(({ alone }) => alone.steady)),
    },
    {
      title: 'beside the backlog of the dead endpoint (B)',
      figures: [
        ...steadyFigures(rounds.map(({ dead }) => dead.steady)),
        ratio('p99, B to A', ({ dead, alone }) => dead.steady.p99Ms / alone.steady.p99Ms),
        ratio('p50, B to A', ({ dead, alone }) => dead.steady.p50Ms / alone.steady.p50Ms),
        line('requests until the breaker opened', {
          unit: '',
          of: ({ dead }) => dead.requestsUntilOpen,
        }),
        line('requests since', { unit: '', of: ({ dead }) => dead.requests }),
        line('open intervals that ended', { unit: '', of: ({ dead }) => dead.intervals }),
        line('parked webhooks', { unit: '', of: ({ dead }) => dead.writes.parked }),
        line('  of them written to in the queue', {
          unit: '',
          of: ({ dead }) => dead.writes.queue,
        }),
        line('  attempts inserted', { unit: '', of: ({ dead }) => dead.writes.attempts }),
        line('  outcomes inserted', { unit: '', of: ({ dead }) => dead.writes.outcomes }),
      ],
    },
    {
      title: 'while the backlog drains (C)',
      figures: [
        ...steadyFigures(rounds.map(({ drain }) => drain.steady)),
        ratio('p99, C to A', ({ drain, alone }) => drain.steady.p99Ms / alone.steady.p99Ms),
        ratio('p50, C to A', ({ drain, alone }) => drain.steady.p50Ms / alone.steady.p50Ms),
        line('drained', { unit: '', of: ({ drain }) => drain.drained }),
        line('drain', { unit: '/s', of: ({ drain }) => drain.perSecond }),
        line('first of it after', { unit: 'ms', of: ({ drain }) => drain.firstAfterMs }),
      ],
    },
  ];
}

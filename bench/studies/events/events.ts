import type { Bench } from '../../bench.ts';
import { type ProductRun, runProduct } from '../../product-run.ts';
import { figure, type Result, type Section } from '../../report.ts';
import { percentile, spreadOf } from '../../statistics.ts';
import {
  type CaughtUp,
  catchUpBeside,
  type Deferred,
  deliverDeferred,
  drainEvents,
  editUnderLoad,
} from './deliveries.ts';
import { measureFilters } from './filters.ts';
import { measureInserts } from './inserts.ts';

/*
 * What events cost beside direct sends: their producer, the drain, the last of 10,000 recipients, filters, and edits of
 * subscriptions under full load.
 */

interface Round {
  readonly direct: ProductRun;
  readonly events: ProductRun;
  readonly deferred: Deferred;
  readonly caughtUp: CaughtUp;
}

export async function runEvents(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const inserts = await measureInserts(bench);
  const filters = await measureFilters(bench);
  const edits = await editUnderLoad(bench);
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const round = {
      direct: await runProduct(bench),
      events: await drainEvents(bench),
      deferred: await deliverDeferred(bench),
      caughtUp: await catchUpBeside(bench),
    };
    rounds.push(round);
    progress.done(
      `round ${number}: direct ${Math.round(round.direct.perSecond)}/s, events ${Math.round(round.events.perSecond)}/s`,
    );
  }
  const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b);
  const edited: Section = {
    title: `4 producers publish to 10 endpoints while subscriptions change: ${edits.edited} changes beside ${edits.published} events`,
    figures: [
      ...(['quietMs', 'editedMs'] as const).flatMap((which) =>
        [0.5, 0.99].map((share) => ({
          name: `${which === 'quietMs' ? 'without' : 'with'} changes, p${share * 100}`,
          unit: 'ms',
          digits: 2,
          spread: spreadOf([percentile(sorted(edits[which]), share)]),
        })),
      ),
      {
        name: 'times that a session waited for a lock',
        unit: '',
        digits: 0,
        spread: spreadOf([edits.waits]),
      },
    ],
  };
  const cpuOf = ({ window, webhooks }: ProductRun) =>
    ((window.senderCpuMs ?? Number.NaN) + (window.postgresCpuMs ?? Number.NaN)) / webhooks;
  return {
    title: `Events beside direct sends; ${options.webhooks.toLocaleString('en')} webhooks of 1 KB a drain; ${options.rounds} rounds`,
    sections: [
      inserts.table,
      filters,
      edited,
      {
        title: 'Drain: events with 100 recipients beside direct sends',
        figures: [
          figure('direct sends', {
            unit: '/s',
            runs: rounds,
            of: ({ direct }) => direct.perSecond,
          }),
          figure('webhooks of events', {
            unit: '/s',
            runs: rounds,
            of: ({ events }) => events.perSecond,
          }),
          figure('CPU of a webhook of an event, of a direct one', {
            unit: '',
            digits: 2,
            runs: rounds,
            of: ({ direct, events }) => cpuOf(events) / cpuOf(direct),
          }),
        ],
      },
      {
        title: 'An event with 10,000 recipients, added by a job',
        figures: [
          figure('statement of the producer', {
            unit: 'ms',
            digits: 1,
            runs: rounds,
            of: ({ deferred }) => deferred.statementMs,
          }),
          figure('commit to the last arrival', {
            unit: 's',
            digits: 2,
            runs: rounds,
            of: ({ deferred }) => deferred.lastMs / 1_000,
          }),
        ],
      },
      {
        title:
          'An endpoint that was disabled gets 1,000 events that it missed, beside 100 webhooks a second of others',
        figures: [
          figure('received', { unit: '', runs: rounds, of: ({ caughtUp }) => caughtUp.received }),
          ...(['alone', 'beside'] as const).flatMap((which) => [
            figure(`others ${which}, p50`, {
              unit: 'ms',
              digits: 1,
              runs: rounds,
              of: ({ caughtUp }) => caughtUp[which].p50Ms,
            }),
            figure(`others ${which}, p99`, {
              unit: 'ms',
              digits: 1,
              runs: rounds,
              of: ({ caughtUp }) => caughtUp[which].p99Ms,
            }),
          ]),
        ],
      },
    ],
    violations: rounds.flatMap(({ direct, events, caughtUp }) => [
      ...direct.violations,
      ...events.violations,
      ...(caughtUp.received === caughtUp.missed
        ? []
        : [`caught up with ${caughtUp.received} of ${caughtUp.missed}`]),
    ]),
    runs: { inserts: inserts.runs, edits, rounds },
  };
}

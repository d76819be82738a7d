import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { time, uuid } from './shapes.ts';

const point = z.object({
  at: time,
  attempts: z.number(),
  failures: z.number(),
  per_second: z.number().describe('Attempts a second.'),
  success_ratio: z
    .number()
    .nullable()
    .describe('Share of attempts that succeeded; null: there were none.'),
  p50_ms: z.number().nullable(),
  p95_ms: z.number().nullable(),
  p99_ms: z.number().nullable(),
  waiting: z.number(),
  due: z.number(),
  oldest_due_s: z.number().nullable(),
});

export type SeriesPoint = z.infer<typeof point>;

export const series = z
  .object({
    step_s: z.number().describe('The time that a point covers.'),
    points: z.array(point).readonly(),
  })
  .meta({ id: 'Series' });

export type Series = z.infer<typeof series>;

/**
 * The selectable periods, in hours, and the step of a point in each, so that each has about the same number of points.
 */
export const seriesSteps: Readonly<Record<string, number>> = {
  '1': 60,
  '6': 120,
  '24': 600,
  '168': 3_600,
};

/**
 * Reads the history of Posthorn's figures from the samples that are taken each minute, so that it costs the same
 * whatever the size of the history.
 */
export async function readSeries(
  connection: Pick<CommonQueryMethods, 'any'>,
  { hours }: { readonly hours: keyof typeof seriesSteps },
): Promise<Series> {
  const stepS = seriesSteps[hours] ?? 60;
  const points = await connection.any(sql.type(point)`
    select
      to_char(to_timestamp(max(extract(epoch from taken_at))) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at,
      sum(attempts)::float8 as attempts,
      sum(failures)::float8 as failures,
      coalesce(sum(attempts) / nullif(sum(seconds), 0), 0)::float8 as per_second,
      (1 - sum(failures)::float8 / nullif(sum(attempts), 0)) as success_ratio,
      avg(p50_ms) filter (where p50_ms < 'infinity')::float8 as p50_ms,
      max(p95_ms) filter (where p95_ms < 'infinity')::float8 as p95_ms,
      max(p99_ms) filter (where p99_ms < 'infinity')::float8 as p99_ms,
      max(waiting)::float8 as waiting,
      max(due)::float8 as due,
      -- JSON cannot express NaN or infinity; in Postgres NaN is greater than infinity.
      max(oldest_due_s) filter (where oldest_due_s < 'infinity')::float8 as oldest_due_s
    from posthorn.samples
    cross join lateral (select floor(extract(epoch from taken_at) / ${stepS}) as number) as step
    where taken_at > now() - ${Number(hours)} * interval '1 hour'
      and taken_at < 'infinity'
    group by step.number
    order by step.number`);
  return { step_s: stepS, points };
}

const pulseRow = z.object({
  endpoint_id: uuid,
  at: time,
  attempts: z.number(),
  failures: z.number(),
});

const pulse = pulseRow.omit({ endpoint_id: true });

type Pulse = z.infer<typeof pulse>;

/** Pulses by endpoint id. */
export const pulses = z.record(uuid, z.array(pulse).readonly());

/**
 * Reads the attempts at some endpoints in the last two hours, in steps of five minutes; endpoints without attempts are
 * left out.
 */
export async function readPulses(
  connection: Pick<CommonQueryMethods, 'any'>,
  ids: readonly string[],
): Promise<z.infer<typeof pulses>> {
  const rows = await connection.any(sql.type(pulseRow)`
    select wanted.id as endpoint_id, pulse.*
    from unnest(${sql.array([...ids], 'uuid')}) as wanted (id)
    cross join lateral (
      select
        to_char(to_timestamp(floor(extract(epoch from t.counted_at) / 300) * 300) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
          as at,
        sum(t.attempts)::float8 as attempts,
        sum(t.failures)::float8 as failures
      from posthorn.tallies as t
      where t.endpoint_id = wanted.id
        and t.counted_at > now() - interval '2 hours'
        and t.counted_at < 'infinity'
      group by 1
    ) as pulse
    order by wanted.id, pulse.at`);
  const found: Record<string, Pulse[]> = {};
  for (const { endpoint_id: id, ...step } of rows) {
    const known = found[id] ?? [];
    known.push(step);
    found[id] = known;
  }
  return found;
}

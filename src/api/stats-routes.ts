import type { Context } from 'hono';
import type { DatabasePool } from 'slonik';
import { z } from 'zod';
import type { SettingInForce } from '../config/settings-in-force.ts';
import { canonicalUuid } from '../domain/uuid.ts';
import { heldBackRow, listHeldBack } from '../queries/held-back.ts';
import { pulses, readPulses, readSeries, series, seriesSteps } from '../queries/read-series.ts';
import { figures, readStats } from '../queries/read-stats.ts';
import { overview, readOverview } from '../queries/read-status.ts';
import { time } from '../queries/shapes.ts';
import { version } from '../version.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { amongWords, countUpTo, parameterProblem, readParameters } from './parameters.ts';
import type { Route } from './route.ts';

const setting = z.object({ name: z.string(), value: z.string() });

export interface StatsOptions {
  readonly pool: DatabasePool;
  /** The settings in force in this process. */
  readonly settings: readonly SettingInForce[];
}

/** How Posthorn is and was, for the dashboard and for other programs that show it. */
export function statsRoutes(options: StatsOptions): readonly Route[] {
  return [
    {
      method: 'get',
      path: '/stats',
      name: 'showStats',
      tag: 'operation',
      summary: 'Show how it is',
      answers: { 200: { description: 'How it is.', schema: stats } },
      problems: [],
      handle: (c) => now(c, options),
    },
    {
      method: 'get',
      path: '/stats/series',
      name: 'showSeries',
      tag: 'operation',
      summary: 'Show how it was',
      parameters: seriesSet,
      answers: { 200: { description: 'How it was, oldest first.', schema: series } },
      problems: [],
      handle: (c) => showSeries(c, options),
    },
    {
      method: 'get',
      path: '/stats/endpoints',
      name: 'showPulses',
      tag: 'operation',
      summary: 'Show what was tried at endpoints in the last two hours',
      parameters: { ids: idList },
      answers: { 200: { description: 'In steps of five minutes.', schema: pulsesById } },
      problems: [],
      handle: (c) => showPulses(c, options),
    },
    {
      method: 'get',
      path: '/held-back',
      name: 'listHeldBack',
      tag: 'operation',
      summary: 'List what is held back now, and why',
      details:
        'Tenants and origins first, then endpoints and URLs; on each level those first that have been held back for longest. Something with two reasons comes twice.',
      parameters: heldBackSet,
      answers: { 200: { description: 'What is held back.', schema: heldBack } },
      problems: [],
      handle: (c) => showHeldBack(c, options),
    },
    {
      method: 'get',
      path: '/settings',
      name: 'showSettings',
      tag: 'operation',
      summary: 'Show the settings in force, without secrets',
      answers: { 200: { description: 'Those of this process.', schema: settings } },
      problems: [],
      handle: (c) => c.json({ settings: options.settings }),
    },
  ];
}

const stats = overview
  .omit({ attempts: true, failures: true, window_s: true })
  .extend({
    at: time,
    version: z.string(),
    window: z.object({ attempts: z.number(), failures: z.number(), seconds: z.number() }),
    ...figures.pick({ queue: true, is_estimated: true, tasks: true }).shape,
    lanes: figures.shape.lanes.nullable(),
  })
  .meta({ id: 'Stats' });

/** The answer of GET /stats. */
export type StatsAnswer = z.infer<typeof stats>;

const heldBack = z
  .object({ held_back: z.array(heldBackRow), more: z.boolean().describe('There is more.') })
  .meta({ id: 'HeldBackList' });

const settings = z.object({ settings: z.array(setting) }).meta({ id: 'Settings' });

const pulsesById = z.object({ endpoints: pulses }).meta({ id: 'Pulses' });

async function now(c: Context<ApiEnv>, { pool }: StatsOptions): Promise<Response> {
  const taken = await readStats(pool);
  const { attempts, failures, window_s: seconds, ...rest } = await readOverview(pool);
  return c.json({
    at: new Date().toISOString(),
    version,
    window: { attempts, failures, seconds },
    queue: taken?.queue ?? [],
    is_estimated: taken?.is_estimated ?? false,
    lanes: taken?.lanes ?? null,
    tasks: taken?.tasks ?? {},
    ...rest,
  });
}

const seriesSet = { hours: amongWords(Object.keys(seriesSteps), 'How far back; 1 if not given.') };

async function showSeries(c: Context<ApiEnv>, { pool }: StatsOptions): Promise<Response> {
  const { searchParams } = new URL(c.req.url);
  const read = readParameters(searchParams, seriesSet);
  if (!read.ok) return answerProblem(c, parameterProblem(read.errors));
  return c.json(await readSeries(pool, { hours: read.values.hours ?? '1' }));
}

const heldBackSet = {
  limit: countUpTo(1_000, { usual: 100, description: 'How many to list.' }),
};

async function showHeldBack(c: Context<ApiEnv>, { pool }: StatsOptions): Promise<Response> {
  const read = readParameters(new URL(c.req.url).searchParams, heldBackSet);
  if (!read.ok) return answerProblem(c, parameterProblem(read.errors));
  return c.json(await listHeldBack(pool, read.values));
}

const mostIds = 200;
const oneId = canonicalUuid.source.slice(1, -1);

const idsRule = `1 to ${mostIds} UUIDs in lower case with dashes, separated by commas`;

const idList = z
  .string(idsRule)
  .regex(new RegExp(`^(${oneId}(,(?!$)|$)){1,${mostIds}}$`), idsRule)
  .describe(`1 to ${mostIds} UUIDs, separated by commas.`)
  .transform((text) => text.split(','));

async function showPulses(c: Context<ApiEnv>, { pool }: StatsOptions): Promise<Response> {
  const { searchParams } = new URL(c.req.url);
  const read = readParameters(searchParams, { ids: idList });
  if (!read.ok) return answerProblem(c, parameterProblem(read.errors));
  return c.json({ endpoints: await readPulses(pool, read.values.ids) });
}

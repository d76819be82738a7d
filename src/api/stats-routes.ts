import type { Context, Hono } from 'hono';
import type { DatabasePool } from 'slonik';
import { readPulses, readSeries, seriesSteps } from '../queries/read-series.ts';
import { readStats } from '../queries/read-stats.ts';
import { readOverview } from '../queries/read-status.ts';
import { version } from '../version.ts';
import { type ApiEnv, methodNotAllowed } from './base.ts';
import { isCanonicalUuid } from './canonical-uuid.ts';
import { strayParameters } from './list-request.ts';
import { shown } from './problem.ts';
import { refuseFaults, refuseParameters } from './route-input.ts';

/** A setting as it is in force, for people. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

export interface StatsOptions {
  readonly pool: DatabasePool;
  /** What is in force in this process. */
  readonly settings: readonly Setting[];
}

/** How Posthorn is and was, for the dashboard and for whoever wants to make one. */
export function addStatsRoutes(app: Hono<ApiEnv>, options: StatsOptions): void {
  app.get('/stats', (c) => now(c, options));
  app.get('/stats/series', (c) => series(c, options));
  app.get('/stats/endpoints', (c) => pulses(c, options));
  app.get('/settings', (c) => refuseParameters(c) ?? c.json({ settings: options.settings }));
  for (const path of ['/stats', '/stats/series', '/stats/endpoints', '/settings']) {
    app.all(path, methodNotAllowed('GET, HEAD'));
  }
}

async function now(c: Context<ApiEnv>, { pool }: StatsOptions): Promise<Response> {
  const stray = refuseParameters(c);
  if (stray !== undefined) return stray;
  const stats = await readStats(pool);
  const { attempts, failures, window_s: seconds, ...overview } = await readOverview(pool);
  return c.json({
    at: new Date().toISOString(),
    version,
    window: { attempts, failures, seconds },
    queue: stats?.queue ?? [],
    is_estimated: stats?.is_estimated ?? false,
    lanes: stats?.lanes ?? null,
    tasks: stats?.tasks ?? {},
    ...overview,
  });
}

async function series(c: Context<ApiEnv>, { pool }: StatsOptions): Promise<Response> {
  const parameters = new URL(c.req.url).searchParams;
  const errors = strayParameters(parameters, ['hours']);
  const hours = parameters.get('hours') ?? '1';
  if (!Object.hasOwn(seriesSteps, hours)) {
    const mustBe = `one of ${Object.keys(seriesSteps).join(', ')}`;
    errors.push({
      parameter: 'hours',
      code: 'invalid_hours',
      detail: `Cannot show the series as hours must be ${mustBe}: current value is ${shown(hours)}`,
    });
  }
  return refuseFaults(c, errors) ?? c.json(await readSeries(pool, { hours }));
}

const mostIds = 200;

async function pulses(c: Context<ApiEnv>, { pool }: StatsOptions): Promise<Response> {
  const parameters = new URL(c.req.url).searchParams;
  const errors = strayParameters(parameters, ['ids']);
  const given = parameters.get('ids') ?? '';
  const ids = given.split(',');
  if (ids.length > mostIds || !ids.every(isCanonicalUuid)) {
    errors.push({
      parameter: 'ids',
      code: 'invalid_ids',
      detail: `Cannot show endpoints as ids must be 1 to ${mostIds} UUIDs in lower case with dashes, separated by commas: current value is ${shown(given)}`,
    });
  }
  return refuseFaults(c, errors) ?? c.json({ endpoints: await readPulses(pool, ids) });
}

import type { Context, Hono } from 'hono';
import { z } from 'zod';
import type { Log } from '../log.ts';
import { addRoutes } from './add-routes.ts';
import type { ApiEnv } from './api-env.ts';
import { createBase } from './base.ts';
import { metricsRoute, type Scraper } from './metrics-route.ts';
import type { Route } from './route.ts';

/** Whether this process can work, and why not. */
export interface Readiness {
  readonly ready: boolean;
  /** The state of each part, such as database: 'ok'. */
  readonly checks: Readonly<Record<string, string>>;
}

export interface HealthOptions {
  readonly readiness: () => Promise<Readiness>;
  /** Answers GET /metrics. Without it there is no such route. */
  readonly scrape?: Scraper;
}

/** Routes for operators' tools: /healthz answers as long as the process lives, /readyz says whether it can work, /metrics how it works. */
export function createHealth(options: HealthOptions): Hono<ApiEnv> {
  const app = createBase(silent);
  addRoutes(app, healthRoutes(options));
  return app;
}

/** The same routes for an app that has others, too. Query parameters are ignored: some probes add one. */
export function healthRoutes({ readiness: look, scrape }: HealthOptions): readonly Route[] {
  // A check costs a statement, and needs no key: requests that come during one share it.
  let looking: Promise<Readiness> | undefined;
  const readiness = () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const routes: readonly Route[] = [
    {
      method: 'get',
      path: '/healthz',
      name: 'showHealth',
      tag: 'operation',
      summary: 'Whether the process lives',
      parameters: 'any',
      answers: { 200: { description: 'It does.', schema: z.object({ ok: z.literal(true) }) } },
      problems: [],
      handle: (c) => c.json({ ok: true }),
    },
    {
      method: 'get',
      path: '/readyz',
      name: 'showReadiness',
      tag: 'operation',
      summary: 'Whether it can work',
      parameters: 'any',
      answers: {
        200: { description: 'It can.', schema: readinessSchema },
        503: {
          description: 'It cannot: the check that is not "ok" says why.',
          schema: readinessSchema,
          headers: { 'Retry-After': 'Seconds.' },
        },
      },
      problems: [],
      handle: (c) => showReadiness(c, readiness),
    },
  ];
  return scrape === undefined ? routes : [...routes, metricsRoute(scrape)];
}

const readinessSchema = z
  .object({ ready: z.boolean(), checks: z.record(z.string(), z.string()) })
  .meta({ id: 'Readiness' });

async function showReadiness(
  c: Context<ApiEnv>,
  readiness: HealthOptions['readiness'],
): Promise<Response> {
  const state = await readiness().catch(() => ({
    ready: false,
    checks: { readiness: 'failed' },
  }));
  if (!state.ready) c.header('Retry-After', '5');
  return c.json({ ready: state.ready, checks: state.checks }, state.ready ? 200 : 503);
}

/** These routes cannot fail in a way that is worth a line of the log. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

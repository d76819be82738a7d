import type { Hono } from 'hono';
import type { Log } from '../log.ts';
import { type ApiEnv, createBase, methodNotAllowed } from './base.ts';
import { addMetricsRoute, type Scraper } from './metrics-route.ts';

/** Whether this process can do its work, and why not. */
export interface Readiness {
  readonly ready: boolean;
  /** A part and how it is, such as database: 'ok'. */
  readonly checks: Readonly<Record<string, string>>;
}

export interface HealthOptions {
  readonly readiness: () => Promise<Readiness>;
  /** Answers GET /metrics; without it there is none. */
  readonly scrape?: Scraper;
}

/** What operators' tools ask: /healthz answers as long as the process lives, /readyz says whether it can work, /metrics how. */
export function createHealth(options: HealthOptions): Hono<ApiEnv> {
  const app = createBase(silent);
  addHealthRoutes(app, options);
  return app;
}

/** The same routes for an app that has others, too. Query parameters are ignored: some probes add one. */
export function addHealthRoutes(app: Hono<ApiEnv>, { readiness, scrape }: HealthOptions): void {
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.all('/healthz', methodNotAllowed('GET, HEAD'));
  app.get('/readyz', async (c) => {
    const state = await readiness().catch(() => ({
      ready: false,
      checks: { readiness: 'failed' },
    }));
    if (!state.ready) c.header('Retry-After', '5');
    return c.json({ ready: state.ready, checks: state.checks }, state.ready ? 200 : 503);
  });
  app.all('/readyz', methodNotAllowed('GET, HEAD'));
  if (scrape !== undefined) addMetricsRoute(app, scrape);
}

/** Nothing in these routes can fail in a way that is worth a line. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

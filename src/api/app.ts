import type { Hono } from 'hono';
import { Authentication, type AuthenticationOptions } from './authentication.ts';
import { type ApiEnv, createBase } from './base.ts';
import { addDashboardRoutes } from './dashboard-routes.ts';
import { addEndpointRoutes } from './endpoint-routes.ts';
import { addHealthRoutes, type HealthOptions } from './health.ts';
import { addReplayRoutes } from './replay-routes.ts';
import { addRetryRoutes } from './retry-routes.ts';
import { addStatsRoutes, type StatsOptions } from './stats-routes.ts';
import { addWebhookRoutes, type RouteOptions } from './webhook-routes.ts';

interface ApiOptions extends RouteOptions, HealthOptions, StatsOptions {
  readonly authentication: Omit<AuthenticationOptions, 'pool'>;
}

/** What is answered without a key: whether the process lives and can work, and the dashboard's files, which ask for one. */
const isPublic = (path: string) =>
  ['/', '/docs', '/healthz', '/readyz'].includes(path) || path.startsWith('/dashboard/');

/**
 * The HTTP API: send webhooks, look at them, register endpoints and steer them.
 *
 * Errors are problems (RFC 9457); {@link problemKinds} names them all. No answer holds a header or a body of a webhook, nor
 * a secret, but for one that was just made up for a new endpoint. There is no CORS: a page in a browser cannot call it, as
 * what changes anything takes nothing but application/json or is no simple request.
 */
export function createApi(options: ApiOptions): Hono<ApiEnv> {
  const app = createBase(options.log);
  app.use(new Authentication({ ...options.authentication, pool: options.pool }).guard(isPublic));
  addHealthRoutes(app, options);
  // Before /webhooks/:id, which takes all methods.
  addRetryRoutes(app, options);
  addWebhookRoutes(app, options);
  addReplayRoutes(app, options);
  addEndpointRoutes(app, options);
  addStatsRoutes(app, options);
  addDashboardRoutes(app);
  return app;
}

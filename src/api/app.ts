import type { Hono } from 'hono';
import { addRoutes } from './add-routes.ts';
import type { ApiEnv } from './api-env.ts';
import { Authentication, type AuthenticationOptions } from './authentication.ts';
import { createBase } from './base.ts';
import { addDashboardRoutes } from './dashboard-routes.ts';
import { endpointRoutes } from './endpoint-routes.ts';
import { type HealthOptions, healthRoutes } from './health.ts';
import { openApiRoute } from './openapi-route.ts';
import { replayRoutes } from './replay-routes.ts';
import { retryRoutes } from './retry-routes.ts';
import { openPaths, type Route } from './route.ts';
import { type StatsOptions, statsRoutes } from './stats-routes.ts';
import { type RouteOptions, webhookRoutes } from './webhook-routes.ts';

interface ApiOptions extends RouteOptions, HealthOptions, StatsOptions {
  readonly authentication: Omit<AuthenticationOptions, 'pool'>;
}

/** What is answered without a key: whether the process lives and can work, and the dashboard's files, which ask for one. */
const isPublic = (path: string) =>
  ['/', '/docs'].includes(path) || openPaths.has(path) || path.startsWith('/dashboard/');

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
  addRoutes(app, apiRoutes(options));
  addDashboardRoutes(app);
  return app;
}

/** All that the API does, in the order of its documentation. */
export function apiRoutes(options: RouteOptions & HealthOptions & StatsOptions): readonly Route[] {
  const routes = [
    ...webhookRoutes(options),
    ...retryRoutes(options),
    ...replayRoutes(options),
    ...endpointRoutes(options),
    ...statsRoutes(options),
    ...healthRoutes(options),
  ];
  return [...routes, openApiRoute(routes)];
}

import type { Hono } from 'hono';
import { addRoutes } from './add-routes.ts';
import type { ApiEnv } from './api-env.ts';
import { Authentication, type AuthenticationOptions } from './authentication.ts';
import { createBase } from './base.ts';
import { addDashboardRoutes } from './dashboard-routes.ts';
import { endpointRoutes } from './endpoint-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { eventTypeRoutes } from './event-type-routes.ts';
import { type HealthOptions, healthRoutes } from './health.ts';
import { openApiRoute } from './openapi-route.ts';
import { replayRoutes } from './replay-routes.ts';
import { retryRoutes } from './retry-routes.ts';
import { openPaths, type Route } from './route.ts';
import type { RouteOptions } from './route-options.ts';
import { type StatsOptions, statsRoutes } from './stats-routes.ts';
import { subscriptionRoutes } from './subscription-routes.ts';
import { tenantRoutes } from './tenant-routes.ts';
import { webhookRoutes } from './webhook-routes.ts';

interface ApiOptions extends RouteOptions, HealthOptions, StatsOptions {
  readonly authentication: Omit<AuthenticationOptions, 'pool'>;
}

/** Paths that are answered without a key: the health checks, and the dashboard, which asks for a key itself. */
const isPublic = (path: string) =>
  ['/', '/docs'].includes(path) || openPaths.has(path) || path.startsWith('/dashboard/');

/**
 * The HTTP API: send webhooks, look at them, register endpoints and steer them.
 *
 * Errors are problems (RFC 9457); {@link problemKinds} names them all. No answer holds a header or a body of a webhook, or a
 * secret, except the one that was just made up for an endpoint. There is no CORS: a page of another site cannot call the
 * API, because a request that changes something needs application/json, or is not a simple request for other reasons.
 */
export function createApi(options: ApiOptions): Hono<ApiEnv> {
  const app = createBase(options.log);
  app.use(new Authentication({ ...options.authentication, pool: options.pool }).guard(isPublic));
  addRoutes(app, apiRoutes(options));
  addDashboardRoutes(app);
  return app;
}

/** All routes, in the order of the documentation. */
export function apiRoutes(options: RouteOptions & HealthOptions & StatsOptions): readonly Route[] {
  const routes = [
    ...webhookRoutes(options),
    ...retryRoutes(options),
    ...replayRoutes(options),
    ...eventRoutes(options),
    ...eventTypeRoutes(options),
    ...endpointRoutes(options),
    ...subscriptionRoutes(options),
    ...tenantRoutes(options),
    ...statsRoutes(options),
    ...healthRoutes(options),
  ];
  return [...routes, openApiRoute(routes)];
}

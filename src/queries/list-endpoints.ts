import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { type EndpointWithHealth, endpointsWithHealth, withHealth } from './endpoint-health.ts';
import type { EndpointStatus } from './endpoint-row.ts';
import { highestId } from './walk.ts';

/** A page of endpoints, newest first. */
export interface EndpointPage {
  readonly endpoints: readonly EndpointWithHealth[];
  /** Where the next page begins; null after the last one. */
  readonly before: string | null;
}

/**
 * At most this many webhooks are counted for each backlog. With 1,000, a page of 200 endpoints with 5,000 webhooks
 * each, scattered over the queue, took 204 to 304 ms.
 */
const maxCounted = 500;
/**
 * At most this many are counted for all backlogs of a page, which determine its cost. This lowers the bound for pages
 * of more than 200 endpoints.
 */
const maxCountedOfAPage = 100_000;

/** Lists endpoints by id, newest first: those with an id below `before`, at most `limit`. Deleted ones only when asked for. */
export async function listEndpoints(
  connection: Pick<CommonQueryMethods, 'any'>,
  options: {
    readonly status: EndpointStatus | undefined;
    readonly tenant?: string | undefined;
    /** A part of the URL or the description, in any case; or the id. */
    readonly text?: string | undefined;
    readonly limit: number;
    readonly before: string | undefined;
  },
): Promise<EndpointPage> {
  const { status, tenant, text, limit, before = highestId } = options;
  const condition =
    status === undefined
      ? sql.fragment`e.status <> 'deleted'`
      : sql.fragment`e.status = ${status}::posthorn.endpoint_status`;
  const ofTenant = tenant === undefined ? sql.fragment`true` : sql.fragment`e.tenant = ${tenant}`;
  const rows = await connection.any(
    endpointsWithHealth({
      where: sql.fragment`e.id < ${before}::uuid and ${condition} and ${ofTenant} and ${matches(text)}`,
      limit: limit + 1,
      maxCounted: Math.min(maxCounted, Math.floor(maxCountedOfAPage / limit)),
    }),
  );
  const endpoints = rows.slice(0, limit).map(withHealth);
  return { endpoints, before: rows.length > limit ? (endpoints.at(-1)?.id ?? null) : null };
}

function matches(text: string | undefined): FragmentSqlToken {
  if (text === undefined) return sql.fragment`true`;
  return sql.fragment`(
    e.id::text = ${text}
    or position(lower(${text}) in lower(e.url)) > 0
    or position(lower(${text}) in lower(e.description)) > 0)`;
}

import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { type EndpointWithHealth, endpointsWithHealth, withHealth } from './endpoint-health.ts';
import type { EndpointStatus } from './endpoint-row.ts';
import { highestId } from './list-webhooks.ts';

/** A page of endpoints, newest first. */
export interface EndpointPage {
  readonly endpoints: readonly EndpointWithHealth[];
  /** Where the next page begins; null after the last one. */
  readonly before: string | null;
}

/** Of the backlog of each. With 1,000, a page of 200 endpoints with 5,000 each, scattered over the queue, took 204 to 304 ms. */
const mostCounted = 500;
/** Of all backlogs of a page together, which is what it costs: it lowers the bound of pages of more than 200 endpoints. */
const mostCountedOfAPage = 100_000;

/** Lists endpoints by id, newest first: those with an id below `before`, at most `limit`. Deleted ones only when asked for. */
export async function listEndpoints(
  connection: Pick<CommonQueryMethods, 'any'>,
  options: {
    readonly status: EndpointStatus | undefined;
    /** Somewhere in the URL or the description, in upper or lower case; or the id. */
    readonly text?: string | undefined;
    readonly limit: number;
    readonly before: string | undefined;
  },
): Promise<EndpointPage> {
  const { status, text, limit, before = highestId } = options;
  const condition =
    status === undefined
      ? sql.fragment`e.status <> 'deleted'`
      : sql.fragment`e.status = ${status}::posthorn.endpoint_status`;
  const rows = await connection.any(
    endpointsWithHealth({
      where: sql.fragment`e.id < ${before}::uuid and ${condition} and ${matches(text)}`,
      limit: limit + 1,
      mostCounted: Math.min(mostCounted, Math.floor(mostCountedOfAPage / limit)),
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

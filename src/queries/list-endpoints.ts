import { type CommonQueryMethods, sql } from 'slonik';
import { type EndpointWithHealth, endpointsWithHealth, withHealth } from './endpoint-health.ts';
import type { EndpointStatus } from './endpoint-row.ts';
import { highestId } from './list-webhooks.ts';

/** A page of endpoints, newest first. */
export interface EndpointPage {
  readonly endpoints: readonly EndpointWithHealth[];
  /** Where the next page begins; null after the last one. */
  readonly before: string | null;
}

/** Of the backlog of each. Of 200 endpoints with 5,000 each, scattered over the queue, a page took 110 ms; with 1,000 twice that. */
const mostCounted = 500;
/** Of all backlogs of a page together, which is what it costs: it lowers the bound of pages of more than 200 endpoints. */
const mostCountedOfAPage = 100_000;

/** Lists endpoints by id, newest first: those with an id below `before`, at most `limit`. Deleted ones only when asked for. */
export async function listEndpoints(
  connection: Pick<CommonQueryMethods, 'any'>,
  options: {
    readonly status: EndpointStatus | undefined;
    readonly limit: number;
    readonly before: string | undefined;
  },
): Promise<EndpointPage> {
  const { status, limit, before = highestId } = options;
  const condition =
    status === undefined
      ? sql.fragment`e.status <> 'deleted'`
      : sql.fragment`e.status = ${status}::posthorn.endpoint_status`;
  const rows = await connection.any(
    endpointsWithHealth({
      where: sql.fragment`e.id < ${before}::uuid and ${condition}`,
      limit: limit + 1,
      mostCounted: Math.min(mostCounted, Math.floor(mostCountedOfAPage / limit)),
    }),
  );
  const endpoints = rows.slice(0, limit).map(withHealth);
  return { endpoints, before: rows.length > limit ? (endpoints.at(-1)?.id ?? null) : null };
}

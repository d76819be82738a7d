import { type CommonQueryMethods, sql } from 'slonik';
import {
  type EndpointRow,
  type EndpointStatus,
  endpointColumns,
  endpointRow,
} from './endpoint-row.ts';
import { highestId } from './list-webhooks.ts';

/** A page of endpoints, newest first. */
export interface EndpointPage {
  readonly endpoints: readonly EndpointRow[];
  /** Where the next page begins; null after the last one. */
  readonly before: string | null;
}

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
  const rows = await connection.any(sql.type(endpointRow)`
    select ${endpointColumns}
    from posthorn.endpoints as e
    where e.id < ${before}::uuid and ${condition}
    order by e.id desc
    limit ${limit + 1}`);
  const endpoints = rows.slice(0, limit);
  return { endpoints, before: rows.length > limit ? (endpoints.at(-1)?.id ?? null) : null };
}

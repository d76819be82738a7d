import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { type EndpointStatus, endpointStatuses } from './endpoint-row.ts';

/** What became of a change of status. */
export type StatusChange =
  /** It has the status now, or had it already. */
  | { readonly kind: 'done' }
  /** It may not go there from where it is. */
  | { readonly kind: 'conflict'; readonly status: EndpointStatus }
  | { readonly kind: 'missing' };

const statusRow = z.object({ status: z.enum(endpointStatuses), has_changed: z.boolean() });

/** Moves an endpoint from one of these statuses to another. Triggers tell the workers, and clear its breaker on enabling. */
export async function setEndpointStatus(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  change: {
    readonly id: string;
    readonly from: readonly EndpointStatus[];
    readonly to: EndpointStatus;
  },
): Promise<StatusChange> {
  const { id, from, to } = change;
  const row = await connection.maybeOne(sql.type(statusRow)`
    with changed as (
      update posthorn.endpoints
      set status = ${to}::posthorn.endpoint_status
      where id = ${id}::uuid
        and status = any (${sql.array([...from], 'text')}::posthorn.endpoint_status[])
      returning status
    )
    select status, true as has_changed
    from changed
    union all
    select status, false
    from posthorn.endpoints
    where id = ${id}::uuid and not exists (select from changed)`);
  if (row === null || (row.status === 'deleted' && !row.has_changed)) return { kind: 'missing' };
  if (row.has_changed || row.status === to) return { kind: 'done' };
  return { kind: 'conflict', status: row.status };
}

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

const statusRow = z.object({ status: z.enum(endpointStatuses) });

/**
 * Moves an endpoint from one of these statuses to another. Triggers tell the workers, and clear its breaker on enabling.
 *
 * Its row is locked before it is looked at. A plain read beside the update would see the status from before another call
 * that the update had to wait for: of 20 calls of the same kind at once, 5 were told of a conflict.
 */
export async function setEndpointStatus(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  change: {
    readonly id: string;
    readonly from: readonly EndpointStatus[];
    readonly to: EndpointStatus;
  },
): Promise<StatusChange> {
  const { id, from, to } = change;
  const was = await connection.maybeOne(sql.type(statusRow)`
    with found as materialized (
      select id, status
      from posthorn.endpoints
      where id = ${id}::uuid
      for update
    ),
    changed as (
      update posthorn.endpoints as e
      set status = ${to}::posthorn.endpoint_status
      from found as f
      where e.id = f.id
        and f.status = any (${sql.array([...from], 'text')}::posthorn.endpoint_status[])
    )
    select status
    from found`);
  if (was === null || was.status === 'deleted') return { kind: 'missing' };
  if (was.status === to || from.includes(was.status)) return { kind: 'done' };
  return { kind: 'conflict', status: was.status };
}

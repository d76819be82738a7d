import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { type EndpointStatus, endpointStatuses } from './endpoint-row.ts';

/** The result of changing the status. */
export type StatusChange =
  /** It has the status now, or had it already. */
  | { readonly kind: 'done' }
  /** Its present status does not allow the change. */
  | { readonly kind: 'conflict'; readonly status: EndpointStatus }
  | { readonly kind: 'missing' };

interface Change {
  readonly id: string;
  readonly from: readonly EndpointStatus[];
  readonly to: EndpointStatus;
}

const statusRow = z.object({ status: z.enum(endpointStatuses) });

/**
 * Moves an endpoint from one of these statuses to another. Triggers tell the workers, and clear its breaker on enabling.
 *
 * It locks the row before it reads it. A plain read next to the update would see the status from before another call
 * that the update had to wait for: of 20 simultaneous calls of the same kind, 5 reported a conflict.
 */
export async function setEndpointStatus(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  { id, from, to }: Change,
): Promise<StatusChange> {
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

/** The same for an endpoint that shall not catch up with the events that it has missed while it was disabled. */
export async function setStatusWithoutCatchUp(
  pool: Pick<CommonQueryMethods, 'transaction'>,
  change: Change,
): Promise<StatusChange> {
  return await pool.transaction(async (transaction) => {
    await transaction.one(sql.type(settingRow)`
      select set_config('posthorn.catch_up', 'off', true) as setting`);
    return setEndpointStatus(transaction, change);
  });
}

const settingRow = z.object({ setting: z.string() });

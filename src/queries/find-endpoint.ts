import { type CommonQueryMethods, sql } from 'slonik';
import { type EndpointWithHealth, endpointsWithHealth, withHealth } from './endpoint-health.ts';

const maxCounted = 10_000;

/** Finds an endpoint by its id, even a deleted one; undefined: there is none. */
export async function findEndpoint(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  id: string,
): Promise<EndpointWithHealth | undefined> {
  const where = sql.fragment`e.id = ${id}::uuid`;
  const row = await connection.maybeOne(endpointsWithHealth({ where, limit: 1, maxCounted }));
  return row === null ? undefined : withHealth(row);
}

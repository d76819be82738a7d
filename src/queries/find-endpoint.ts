import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { catchUpRow, latestCatchUp } from './catch-ups.ts';
import { endpointsWithHealth, endpointWithHealth, withHealth } from './endpoint-health.ts';
import { subscriptionRow, subscriptionsOf } from './subscriptions.ts';

/** An endpoint with its health, its subscriptions and its catch-up. */
export const foundEndpoint = endpointWithHealth
  .extend({
    subscriptions: z
      .array(subscriptionRow)
      .readonly()
      .describe('Those in force, oldest first; at most 1,000.'),
    catch_up: catchUpRow.nullable().describe('The latest; null: there was none.'),
  })
  .meta({ id: 'FoundEndpoint' });

export type FoundEndpoint = z.infer<typeof foundEndpoint>;

const maxCounted = 10_000;

/** Finds an endpoint by its id, even a deleted one; undefined: there is none. */
export async function findEndpoint(
  connection: Pick<CommonQueryMethods, 'any' | 'maybeOne'>,
  id: string,
): Promise<FoundEndpoint | undefined> {
  const where = sql.fragment`e.id = ${id}::uuid`;
  const row = await connection.maybeOne(endpointsWithHealth({ where, limit: 1, maxCounted }));
  if (row === null) return undefined;
  return {
    ...withHealth(row),
    subscriptions: await subscriptionsOf(connection, id),
    catch_up: await latestCatchUp(connection, id),
  };
}

import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { time, uuid } from './shapes.ts';

/** The levels, those with the most webhooks behind them first. */
const levels = ['tenant', 'origin', 'endpoint', 'url'] as const;

/** Something that is held back, with one reason. Times are RFC 3339 in UTC. */
export const heldBackRow = z
  .object({
    level: z.enum(levels),
    name: z
      .string()
      .nullable()
      .describe(
        'The id of the tenant; scheme, host and port of the origin; the description of the endpoint, or its URL without its query; the URL without its query.',
      ),
    tenant: z
      .string()
      .nullable()
      .describe('The tenant, or that of the endpoint. Empty: the application itself.'),
    endpoint_id: uuid.nullable(),
    reason: z
      .string()
      .describe(
        'In the words of waits_for; no_answer, failing, limit, slots, share, unproven, full.',
      ),
    since: time.nullable(),
    until: time.nullable().describe('Null: until something happens.'),
    last_error: z.string().nullable(),
    in_flight: z.int().nullable().describe('Requests in flight on the worker.'),
    slots: z.int().nullable().describe('How many it may have there.'),
    worker: z.int().nullable().describe('The worker that holds it back. Null: all workers do.'),
  })
  .meta({ id: 'HeldBack' });

export type HeldBackRow = z.infer<typeof heldBackRow>;

/** What is held back, and whether there is more of it. */
export interface HeldBackList {
  readonly held_back: readonly HeldBackRow[];
  readonly more: boolean;
}

/** Lists what is held back now: tenants and origins first, and of those on one level what has been held back for longest. */
export async function listHeldBack(
  connection: Pick<CommonQueryMethods, 'any'>,
  { limit }: { readonly limit: number },
): Promise<HeldBackList> {
  const rows = await connection.any(sql.type(heldBackRow)`
    select level, name, tenant, endpoint_id, reason, since, until, last_error, in_flight, slots, worker
    from posthorn.held_back
    order by array_position(${sql.array(levels, 'text')}, level), since, name, worker
    limit ${limit + 1}`);
  return { held_back: rows.slice(0, limit), more: rows.length > limit };
}

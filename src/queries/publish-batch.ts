import { type CommonQueryMethods, sql, UniqueIntegrityConstraintViolationError } from 'slonik';
import { z } from 'zod';
import type { PublishArguments } from './enqueue-statement.ts';

/** The result of publishing some events together. */
export type PublishedBatch =
  /** Their ids, in the order of the events; those of known idempotency keys are of the events of that time. */
  | { readonly kind: 'accepted'; readonly ids: readonly string[]; readonly known: number }
  /** An idempotency key belongs to something with other content. Nothing was published. */
  | { readonly kind: 'conflict'; readonly index: number; readonly id: string };

/**
 * Publishes events in one transaction, by one INSERT. An event whose idempotency key is known is left out of it.
 *
 * @param events with different idempotency keys of each tenant
 */
export async function publishBatch(
  pool: Pick<CommonQueryMethods, 'transaction'>,
  events: readonly PublishArguments[],
): Promise<PublishedBatch> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await pool.transaction(async (transaction) => {
        const known = await findKnown(transaction, events);
        const conflict = known.find((one) => !one.is_same);
        if (conflict) return { kind: 'conflict', index: conflict.index, id: conflict.id };
        const ids = new Map(known.map(({ index, id }) => [index, id]));
        const fresh = events.flatMap((event, index) => (ids.has(index) ? [] : [{ event, index }]));
        const inserted = await insert(
          transaction,
          fresh.map(({ event }) => event),
        );
        for (const [place, { index }] of fresh.entries()) ids.set(index, inserted[place] ?? '');
        return {
          kind: 'accepted',
          ids: events.map((_, index) => ids.get(index) ?? ''),
          known: known.length,
        };
      });
    } catch (error) {
      // Another transaction has used one of the keys since they were looked up; it is known now.
      if (!(error instanceof UniqueIntegrityConstraintViolationError) || tries === 3) throw error;
    }
  }
}

const knownRow = z.object({ index: z.int(), id: z.string(), is_same: z.boolean() });

/** Finds the events whose idempotency keys are known, and whether the rows of that time have the same content. */
async function findKnown(
  connection: Pick<CommonQueryMethods, 'any'>,
  events: readonly PublishArguments[],
): Promise<readonly z.infer<typeof knownRow>[]> {
  if (events.every(({ idempotencyKey }) => idempotencyKey === null)) return [];
  return await connection.any(sql.type(knownRow)`
    select
      n.place::integer - 1 as index,
      k.outbox_id as id,
      o.id is null or (
        o.event_type is not distinct from n.event_type
        and o.body = n.body
        and coalesce(o.headers, '{}') = coalesce(n.headers::jsonb, '{}')
        and o.content_type = n.content_type
        and o.priority = n.priority
        and o.send_at is not distinct from n.send_at::timestamptz
        and o.max_attempts is not distinct from n.max_attempts
      ) as is_same
    from ${rowsOf(events)}
    join posthorn.idempotency_keys as k
      on k.tenant = n.tenant and k.key = n.idempotency_key and k.expires_at > now()
    left join posthorn.outbox as o on o.id = k.outbox_id
    order by n.place`);
}

const idRow = z.object({ id: z.string() });

async function insert(
  connection: Pick<CommonQueryMethods, 'anyFirst'>,
  events: readonly PublishArguments[],
): Promise<readonly string[]> {
  if (events.length === 0) return [];
  return await connection.anyFirst(sql.type(idRow)`
    insert into posthorn.events
      (tenant, event_type, body, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent)
    select
      n.tenant, n.event_type, n.body, n.headers::jsonb, n.content_type, n.priority, n.send_at::timestamptz, n.max_attempts,
      n.idempotency_key, n.traceparent
    from ${rowsOf(events)}
    order by n.place
    returning id`);
}

/** The events as rows "n", with their place. */
function rowsOf(events: readonly PublishArguments[]) {
  const texts = (pick: (event: PublishArguments) => string | null) =>
    sql.array(events.map(pick), 'text');
  return sql.fragment`unnest(
      ${texts(({ tenant }) => tenant ?? '')},
      ${texts(({ eventType }) => eventType)},
      ${texts(({ body }) => body)},
      ${texts(({ headers }) => headers)},
      ${texts(({ contentType }) => contentType ?? 'application/json')},
      ${texts(({ priority }) => priority ?? 'normal')},
      ${texts(({ sendAt }) => sendAt)},
      ${sql.array(
        events.map(({ maxAttempts }) => maxAttempts),
        'int4',
      )},
      ${texts(({ idempotencyKey }) => idempotencyKey)},
      ${texts(({ traceparent }) => traceparent)}
    ) with ordinality as n (
      tenant, event_type, body, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent, place)`;
}

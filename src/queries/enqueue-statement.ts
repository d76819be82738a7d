import { type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';

/** The arguments of posthorn.enqueue(); null leaves a default to Postgres. */
export interface EnqueueArguments {
  /** Either the URL or the endpoint is given. */
  readonly url: string | null;
  readonly endpointId: string | null;
  readonly body: string;
  /** An object of strings, as JSON text. */
  readonly headers: string | null;
  readonly secret: string | null;
  readonly contentType: string | null;
  readonly priority: string | null;
  /** RFC 3339. */
  readonly sendAt: string | null;
  readonly maxAttempts: number | null;
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
}

const idRow = z.object({ id: z.string() });

/** Builds the statement that enqueues a webhook and returns its id. */
export function enqueueStatement(given: EnqueueArguments): QuerySqlToken<typeof idRow> {
  return sql.type(idRow)`
    select posthorn.enqueue(
      url => ${given.url}::text,
      endpoint_id => ${given.endpointId}::uuid,
      body => ${given.body}::text,
      headers => ${given.headers}::jsonb,
      secret => ${given.secret}::text,
      content_type => ${given.contentType}::text,
      priority => ${given.priority}::text,
      send_at => ${given.sendAt}::timestamptz,
      max_attempts => ${given.maxAttempts}::integer,
      idempotency_key => ${given.idempotencyKey}::text,
      traceparent => ${given.traceparent}::text
    ) as id`;
}

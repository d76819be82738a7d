import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

const row = z.object({
  kind: z.enum(['copy', 'environment', 'request']),
  reason: z.string(),
  /** The start of a hold by request. */
  since: z.string().nullable(),
});

export type HoldRow = z.infer<typeof row>;

/**
 * Reads why this database is held; undefined: webhooks are sent. `environment` is POSTHORN_ENVIRONMENT, '' if not set.
 */
export async function readHold(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  environment: string,
): Promise<HoldRow | undefined> {
  const hold = await connection.maybeOne(
    sql.type(row)`select kind, reason, since from posthorn.held(${environment})`,
  );
  return hold ?? undefined;
}

/** Holds the whole database until {@link resume}. */
export async function hold(
  connection: Pick<CommonQueryMethods, 'query'>,
  reason: string | undefined,
): Promise<void> {
  await connection.query(sql.unsafe`select posthorn.hold(${reason ?? null})`);
}

/** Ends every hold: from now on this database sends, in this environment. */
export async function resume(
  connection: Pick<CommonQueryMethods, 'query'>,
  environment: string,
): Promise<void> {
  await connection.query(sql.unsafe`select posthorn.resume(${environment})`);
}

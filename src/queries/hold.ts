import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

const row = z.object({
  kind: z.enum(['copy', 'environment', 'request']),
  reason: z.string(),
  /** Of a hold by request. */
  since: z.string().nullable(),
});

export type HoldRow = z.infer<typeof row>;

/** Why nothing is sent from this database; undefined: webhooks are sent. `environment` is POSTHORN_ENVIRONMENT, '' if not set. */
export async function readHold(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  environment: string,
): Promise<HoldRow | undefined> {
  const hold = await connection.maybeOne(
    sql.type(row)`select kind, reason, since from posthorn.held(${environment})`,
  );
  return hold ?? undefined;
}

/** Holds everything until {@link resume}. */
export async function hold(
  connection: Pick<CommonQueryMethods, 'query'>,
  reason: string | undefined,
): Promise<void> {
  await connection.query(sql.unsafe`select posthorn.hold(${reason ?? null})`);
}

/** Ends every hold: this database is the one that sends from now on, in this environment. */
export async function resume(
  connection: Pick<CommonQueryMethods, 'query'>,
  environment: string,
): Promise<void> {
  await connection.query(sql.unsafe`select posthorn.resume(${environment})`);
}

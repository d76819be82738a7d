import type { Prisma } from './generated/client.ts';

/*
 * Posthorn for Prisma, without a model. `posthorn/producer` has the same functions.
 */

export interface NewWebhook {
  readonly url: string;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>> | null;
  readonly secret?: string;
  readonly idempotencyKey?: string;
}

/** Enqueues a webhook in a transaction, and returns its id. A known idempotency key enqueues nothing and returns the first id. */
export async function enqueue(
  tx: Pick<Prisma.TransactionClient, '$queryRaw'>,
  { url, body, headers, secret, idempotencyKey }: NewWebhook,
): Promise<string> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    select posthorn.enqueue(
      url => ${url},
      body => ${JSON.stringify(body)},
      headers => ${headers == null ? null : JSON.stringify(headers)}::jsonb,
      secret => ${secret},
      idempotency_key => ${idempotencyKey}) as id`;
  return row?.id ?? '';
}

/** Enqueues many webhooks in one statement, and returns how many. */
export async function enqueueMany(
  tx: Pick<Prisma.TransactionClient, '$executeRaw'>,
  webhooks: readonly NewWebhook[],
): Promise<number> {
  return await tx.$executeRaw`
    insert into posthorn.outbox (url, body, headers, secret)
    select url, body, headers, secret
    from jsonb_to_recordset(${JSON.stringify(webhooks)}::jsonb)
      as w (url text, body text, headers jsonb, secret text)`;
}

/** Publishes an event of a tenant in a transaction, and returns its id. */
export async function publish(
  tx: Pick<Prisma.TransactionClient, '$queryRaw'>,
  { tenant, eventType, body }: { tenant: string; eventType: string; body: object },
): Promise<string> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    select posthorn.publish(${tenant}, ${eventType}, ${JSON.stringify(body)}) as id`;
  return row?.id ?? '';
}

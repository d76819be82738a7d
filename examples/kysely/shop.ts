import { type ColumnType, type Generated, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';

export interface Database {
  orders: { id: Generated<string>; customer: number; total: string };
  'posthorn.new_webhooks': NewWebhooks;
  'posthorn.new_events': NewEvents;
}

/** What webhooks and events have in common. Null, or left out, is the default. */
interface Content {
  id: Generated<string>;
  tenant: Default<string>;
  /** pg sends an object as JSON. It comes back as text. */
  body: ColumnType<string, object | string, never>;
  headers: Default<Readonly<Record<string, string>>>;
  content_type: Default<string>;
  priority: Default<'high' | 'normal' | 'low'>;
  send_at: Default<Date>;
  max_attempts: Default<number>;
  idempotency_key: Default<string>;
}

interface NewWebhooks extends Content {
  url: Default<string>;
  endpoint_id: Default<string>;
  secret: Default<string>;
}

interface NewEvents extends Content {
  event_type: ColumnType<string, string, never>;
}

type Default<T> = ColumnType<T | null, T | null | undefined, never>;

export interface NewOrder {
  readonly customer: number;
  readonly total: string;
  /** Where the customer wants to hear of the order. */
  readonly webhookUrl: string;
}

export const db = new Kysely<Database>({
  dialect: new PostgresDialect({
    pool: new pg.Pool({ connectionString: process.env['DATABASE_URL'] }),
  }),
});

/** Stores an order, tells the customer, and charges the card: all of it happens or nothing. Returns the webhook's id. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await db.transaction().execute(async (trx) => {
    const placed = await trx
      .insertInto('orders')
      .values({ customer, total })
      .returning('id')
      .executeTakeFirstOrThrow();
    const webhook = await trx
      .insertInto('posthorn.new_webhooks')
      .values({ url: webhookUrl, body: { type: 'order.created', order: placed.id, total } })
      .returning('id')
      .executeTakeFirstOrThrow();
    await charge();
    return webhook.id;
  });
}

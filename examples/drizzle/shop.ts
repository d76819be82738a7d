import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { newWebhooks } from './posthorn.ts';
import { orders } from './schema.ts';

export const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
export const db = drizzle(pool);

export interface NewOrder {
  readonly customer: number;
  readonly total: string;
  /** Where the customer wants to hear of the order. */
  readonly webhookUrl: string;
}

/** Stores an order, tells the customer, and charges the card: all of it happens or nothing. Returns the webhook's id. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await db.transaction(async (tx) => {
    const [placed] = await tx.insert(orders).values({ customer, total }).returning();
    const [webhook] = await tx
      .insert(newWebhooks)
      .values({ url: webhookUrl, body: { type: 'order.created', order: placed?.id, total } })
      .returning();
    await charge();
    return webhook?.id ?? '';
  });
}

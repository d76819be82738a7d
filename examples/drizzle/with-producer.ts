import { enqueue } from 'posthorn/producer';
import { orders } from './schema.ts';
import { db, type NewOrder } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the transaction as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await db.transaction(async (tx) => {
    await tx.insert(orders).values({ customer, total });
    const id = await enqueue(tx, { url: webhookUrl, body: { type: 'order.created' } });
    await charge();
    return id;
  });
}

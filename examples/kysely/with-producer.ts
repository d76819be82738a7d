import { enqueue } from 'posthorn/producer';
import { db, type NewOrder } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the transaction as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await db.transaction().execute(async (trx) => {
    await trx.insertInto('orders').values({ customer, total }).execute();
    const id = await enqueue(trx, { url: webhookUrl, body: { type: 'order.created' } });
    await charge();
    return id;
  });
}

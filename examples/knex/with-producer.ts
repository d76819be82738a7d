import { enqueue } from 'posthorn/producer';
import { knex, type NewOrder } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the transaction as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await knex.transaction(async (trx) => {
    await trx('orders').insert({ customer, total });
    const id = await enqueue(trx, { url: webhookUrl, body: { type: 'order.created' } });
    await charge();
    return id;
  });
}

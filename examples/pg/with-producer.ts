import { enqueue } from 'posthorn/producer';
import { inTransaction, type NewOrder } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the client of the transaction as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  return await inTransaction(async (client) => {
    const values = [order.customer, order.total];
    await client.query('insert into orders (customer, total) values ($1, $2)', values);
    const id = await enqueue(client, { url: order.webhookUrl, body: { type: 'order.created' } });
    await charge();
    return id;
  });
}

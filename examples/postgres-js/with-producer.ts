import { enqueue } from 'posthorn/producer';
import { type NewOrder, sql } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the transaction as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await sql.begin(async (tx) => {
    await tx`insert into orders ${tx({ customer, total })}`;
    const id = await enqueue(tx, { url: webhookUrl, body: { type: 'order.created' } });
    await charge();
    return id;
  });
}

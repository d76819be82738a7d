import { enqueue } from 'posthorn/producer';
import { Order } from './order.ts';
import { type NewOrder, orm } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the transaction's entity manager as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await orm.em.fork().transactional(async (em) => {
    em.create(Order, { customer, total });
    await em.flush();
    const id = await enqueue(em, { url: webhookUrl, body: { type: 'order.created' } });
    await charge();
    return id;
  });
}

import { enqueue } from 'posthorn/producer';
import { dataSource, type NewOrder, Order } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the transaction's manager as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await dataSource.transaction(async (manager) => {
    await manager.save(Order, { customer, total });
    const id = await enqueue(manager, { url: webhookUrl, body: { type: 'order.created' } });
    await charge();
    return id;
  });
}

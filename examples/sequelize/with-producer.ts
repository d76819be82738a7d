import { enqueue } from 'posthorn/producer';
import { type NewOrder, Order, sequelize } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the transaction as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await sequelize.transaction(async (transaction) => {
    await Order.create({ customer, total }, { transaction });
    const webhook = { url: webhookUrl, body: { type: 'order.created' } };
    const id = await enqueue({ sequelize, transaction }, webhook);
    await charge();
    return id;
  });
}

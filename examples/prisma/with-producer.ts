import { enqueue } from 'posthorn/producer';
import { type NewOrder, prisma } from './shop.ts';

/** The same order with `posthorn/producer`, which takes the transaction as it is. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await prisma.$transaction(async (tx) => {
    await tx.order.create({ data: { customer, total } });
    const id = await enqueue(tx, { url: webhookUrl, body: { type: 'order.created' } });
    await charge();
    return id;
  });
}

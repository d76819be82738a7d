import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/client.ts';
import { enqueue } from './posthorn.ts';

export const prisma = new PrismaClient({
  adapter: new PrismaPg({ connectionString: process.env['DATABASE_URL'] ?? '' }),
  // The other formats show the lines of code around the call.
  errorFormat: 'minimal',
});

export interface NewOrder {
  readonly customer: number;
  readonly total: string;
  /** Where the customer wants to hear of the order. */
  readonly webhookUrl: string;
}

/** Stores an order, tells the customer, and charges the card: all of it happens or nothing. Returns the webhook's id. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await prisma.$transaction(async (tx) => {
    const placed = await tx.order.create({ data: { customer, total } });
    const id = await enqueue(tx, {
      url: webhookUrl,
      body: { type: 'order.created', order: String(placed.id), total },
    });
    await charge();
    return id;
  });
}

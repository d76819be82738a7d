import postgres from 'postgres';

export const sql = postgres(process.env['DATABASE_URL'] ?? '', {
  // Named statements do not survive a pooler in transaction mode.
  prepare: false,
  onnotice: () => {},
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
  return await sql.begin(async (tx) => {
    const [placed] = await tx<{ id: string }[]>`
      insert into orders ${tx({ customer, total })} returning id`;
    const body = { type: 'order.created', order: placed?.id ?? null, total };
    const [webhook] = await tx<{ id: string }[]>`
      select posthorn.enqueue(url => ${webhookUrl}, body => ${tx.json(body)}) as id`;
    await charge();
    return webhook?.id ?? '';
  });
}

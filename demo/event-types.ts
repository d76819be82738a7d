/** The events of the shop, as `posthorn types` would write them. */
export interface ShopEvents {
  'order.created': { order: number; total: number; country: 'DE' | 'FR' | 'US' };
  'order.review_wanted': { order: number };
  'catalogue.changed': { articles: number };
  'trial.started': { days: number };
}

const whole = { type: 'integer', minimum: 1 };

/** The catalogue of the shop: columns of posthorn.event_types. */
export const eventTypes: readonly {
  readonly name: keyof ShopEvents;
  readonly description: string;
  readonly schema: object;
  readonly example: ShopEvents[keyof ShopEvents];
}[] = [
  {
    name: 'order.created',
    description: 'An order was placed. It is published in the transaction that stores the order.',
    schema: {
      type: 'object',
      properties: {
        order: whole,
        total: { type: 'number', exclusiveMinimum: 0, description: 'In euros.' },
        country: { enum: ['DE', 'FR', 'US'] },
      },
      required: ['order', 'total', 'country'],
    },
    example: { order: 42, total: 99.5, country: 'FR' },
  },
  {
    name: 'order.review_wanted',
    description: 'Three minutes after some orders: ask the buyer for a review.',
    schema: { type: 'object', properties: { order: whole }, required: ['order'] },
    example: { order: 42 },
  },
  {
    name: 'catalogue.changed',
    description: 'New articles are for sale. It is published to all tenants.',
    schema: { type: 'object', properties: { articles: whole }, required: ['articles'] },
    example: { articles: 3 },
  },
  {
    name: 'trial.started',
    description: 'Somebody tries the shop. No endpoint subscribes to it.',
    schema: { type: 'object', properties: { days: whole }, required: ['days'] },
    example: { days: 30 },
  },
];

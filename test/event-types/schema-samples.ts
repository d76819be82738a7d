import type { JsonSchema } from '../../src/domain/json-schema.ts';

/** Event types with schemas that use references, tuples, unions and everything else that documents and types must carry. */
export const samples: readonly {
  readonly name: string;
  readonly description: string;
  readonly schema: JsonSchema | null;
  readonly example?: unknown;
  readonly deprecated: boolean;
  readonly updated_at: string;
}[] = [
  {
    name: 'order.paid',
    description: 'An order was paid.\nIt is published once, */ and not again.',
    schema: {
      type: 'object',
      properties: {
        order: { type: 'integer', description: 'The number of the order.' },
        total: { $ref: '#/$defs/money' },
        lines: { type: 'array', items: { $ref: '#/$defs/line' }, minItems: 1 },
        note: { type: ['string', 'null'], deprecated: true },
        state: { enum: ['paid', 'refunded', 3, null] },
        'x-y z': { type: 'string', format: 'email', 'x-of': 'us' },
      },
      required: ['order', 'total'],
      $defs: {
        money: {
          type: 'object',
          properties: { amount: { type: 'number' }, currency: { const: 'EUR' } },
          required: ['amount', 'currency'],
          additionalProperties: false,
        },
        line: {
          type: 'object',
          properties: { sku: { type: 'string', pattern: '^[A-Z]+$' }, price: { $ref: '#price' } },
          required: ['sku'],
        },
        'a/b~c': { $anchor: 'price', anyOf: [{ $ref: '#/$defs/money' }, { type: 'number' }] },
      },
    },
    example: { order: 42, total: { amount: 99.5, currency: 'EUR' } },
    deprecated: false,
    updated_at: '2030-01-02T00:00:00.000Z',
  },
  {
    name: 'tree.grown',
    description: '',
    schema: {
      $id: 'https://shop.example/tree',
      type: 'object',
      properties: {
        value: {},
        children: { type: 'array', items: { $ref: '#' } },
        parent: { $ref: 'https://shop.example/tree#/properties/children' },
      },
      required: ['value'],
    },
    example: { value: 1, children: [{ value: 2 }] },
    deprecated: true,
    updated_at: '2030-01-01T00:00:00.000Z',
  },
  {
    name: 'Point_moved-2',
    description: 'A point.',
    schema: {
      type: 'array',
      prefixItems: [{ type: 'number' }, { type: 'number' }, { type: 'string' }],
      minItems: 2,
      items: false,
    },
    example: [1, 2],
    deprecated: false,
    updated_at: '2029-01-01T00:00:00.000Z',
  },
  {
    name: 'any.thing',
    description: '',
    schema: null,
    deprecated: false,
    updated_at: '2029-01-01T00:00:00.000Z',
  },
  {
    name: 'no.thing',
    description: '',
    schema: false,
    deprecated: false,
    updated_at: '2029-01-01T00:00:00.000Z',
  },
];

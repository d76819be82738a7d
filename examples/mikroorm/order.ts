import { defineEntity, p } from '@mikro-orm/core';

export const Order = defineEntity({
  name: 'Order',
  tableName: 'orders',
  properties: {
    id: p.bigint().primary().autoincrement(),
    customer: p.integer(),
    total: p.decimal().precision(12).scale(2),
  },
});

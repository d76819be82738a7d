import { bigint, integer, numeric, pgTable } from 'drizzle-orm/pg-core';

/** The application's own tables. drizzle-kit reads this file and no other. */
export const orders = pgTable('orders', {
  id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  customer: integer().notNull(),
  total: numeric({ precision: 12, scale: 2 }).notNull(),
});

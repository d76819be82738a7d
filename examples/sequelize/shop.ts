import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Sequelize,
} from 'sequelize';
import { definePosthorn, NewWebhook } from './posthorn.ts';

export const sequelize = new Sequelize(process.env['DATABASE_URL'] ?? '', { logging: false });

export class Order extends Model<InferAttributes<Order>, InferCreationAttributes<Order>> {
  declare id: CreationOptional<string>;
  declare customer: number;
  declare total: string;
}

Order.init(
  {
    id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
    customer: { type: DataTypes.INTEGER, allowNull: false },
    total: { type: DataTypes.DECIMAL(12, 2), allowNull: false },
  },
  { sequelize, tableName: 'orders', timestamps: false },
);
definePosthorn(sequelize);

export interface NewOrder {
  readonly customer: number;
  readonly total: string;
  /** Where the customer wants to hear of the order. */
  readonly webhookUrl: string;
}

/** Stores an order, tells the customer, and charges the card: all of it happens or nothing. Returns the webhook's id. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await sequelize.transaction(async (transaction) => {
    const placed = await Order.create({ customer, total }, { transaction });
    const webhook = await NewWebhook.create(
      { url: webhookUrl, body: { type: 'order.created', order: placed.id, total } },
      { transaction },
    );
    await charge();
    return webhook.id;
  });
}

import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';

/*
 * Posthorn's views as models to create. sync() and drop() do nothing, so sequelize.sync() leaves them alone.
 */

type Optional<T> = CreationOptional<T | null>;

/** What webhooks and events have in common. What is left out, or null, has its default. */
abstract class NewContent<T extends Model> extends Model<
  InferAttributes<T>,
  InferCreationAttributes<T>
> {
  declare id: CreationOptional<string>;
  declare tenant: Optional<string>;
  declare body: object;
  declare headers: Optional<Record<string, string>>;
  declare contentType: Optional<string>;
  declare priority: Optional<'high' | 'normal' | 'low'>;
  declare sendAt: Optional<Date>;
  declare maxAttempts: Optional<number>;
  declare idempotencyKey: Optional<string>;
}

export class NewWebhook extends NewContent<NewWebhook> {
  declare url: Optional<string>;
  declare endpointId: Optional<string>;
  declare secret: Optional<string>;
}

export class NewEvent extends NewContent<NewEvent> {
  declare eventType: string;
}

for (const model of [NewWebhook, NewEvent]) {
  Object.assign(model, { sync: async () => model, drop: async () => {} });
}

export function definePosthorn(sequelize: Sequelize): void {
  const content = {
    id: { type: DataTypes.UUID, primaryKey: true },
    tenant: DataTypes.TEXT,
    // Sequelize sends an object as JSON.
    body: { type: DataTypes.JSONB, allowNull: false },
    headers: DataTypes.JSONB,
    contentType: DataTypes.TEXT,
    priority: DataTypes.TEXT,
    sendAt: DataTypes.DATE,
    maxAttempts: DataTypes.INTEGER,
    idempotencyKey: DataTypes.TEXT,
  };
  const options = { sequelize, schema: 'posthorn', underscored: true, timestamps: false };
  NewWebhook.init(
    { ...content, url: DataTypes.TEXT, endpointId: DataTypes.UUID, secret: DataTypes.TEXT },
    { ...options, tableName: 'new_webhooks' },
  );
  NewEvent.init(
    { ...content, eventType: { type: DataTypes.TEXT, allowNull: false } },
    { ...options, tableName: 'new_events' },
  );
}

// Pure: no I/O, no clock, no randomness.

/*
 * The rights of each role. `posthorn roles` makes its grants from this table, and `posthorn doctor` compares the
 * present grants with it. Every relation and function of the schema is listed, even if no role may use it:
 * test/roles/rights.test.ts fails when one is missing, so that each new table needs a decision.
 */

/** The roles other than the owner, who may do everything. */
export const grantees = ['producer', 'worker', 'reader'] as const;

export type Grantee = (typeof grantees)[number];
export type RoleKind = 'owner' | Grantee;

/** Privileges in GRANT's words, by the role that gets them. */
export type Rights = Readonly<Partial<Record<Grantee, readonly string[]>>>;

/** The columns that a producer sets. The others have defaults: id and created_at are not for a producer to choose. */
export const producerColumns: readonly string[] = [
  'url',
  'endpoint_id',
  'event_type',
  'tenant',
  'body',
  'headers',
  'secret',
  'content_type',
  'priority',
  'send_at',
  'max_attempts',
  'idempotency_key',
  'traceparent',
];

/** Those of an event. */
export const publisherColumns: readonly string[] = producerColumns.filter(
  (column) => !['url', 'endpoint_id', 'secret'].includes(column),
);

const insertByColumn = `insert (${producerColumns.join(', ')})`;
const anyRow = ['select', 'insert', 'update', 'delete'];

/** Rights on the tables and views of the schema posthorn. Partitions are reached only through their parents. */
export const relationRights: Readonly<Record<string, Rights>> = {
  // select (id) is for "returning id".
  outbox: {
    producer: [insertByColumn, 'select (id)'],
    worker: ['select', insertByColumn, 'insert (signed_as)'],
  },
  events: {
    producer: [`insert (${publisherColumns.join(', ')})`, 'select (id)'],
    worker: ['select', `insert (${publisherColumns.join(', ')})`],
  },
  // They show no rows. Their triggers insert only what a producer may insert, and choose the id: see id_to_take().
  new_webhooks: { producer: ['select', 'insert'], worker: ['select', 'insert'] },
  new_events: { producer: ['select', 'insert'], worker: ['select', 'insert'] },
  redacted_events: { worker: ['select'], reader: ['select'] },
  tenants: { worker: anyRow, reader: ['select'] },
  event_types: { worker: anyRow, reader: ['select'] },
  subscriptions: { worker: anyRow, reader: ['select'] },
  // Written by the trigger of the outbox and by fan_out() alone; delete is for pruning.
  unmatched_events: { worker: ['select', 'delete'], reader: ['select'] },
  fan_outs: { worker: ['select'], reader: ['select'] },
  catch_ups: { worker: ['select', 'delete'], reader: ['select'] },
  queue: { worker: ['select', 'update', 'delete'], reader: ['select'] },
  attempts: { worker: anyRow },
  outcomes: { worker: ['select', 'insert', 'update'], reader: ['select'] },
  // Written by put_back() and take_back(); delete is for pruning.
  former_outcomes: { worker: ['select', 'delete'], reader: ['select'] },
  brought_forward: { worker: ['select', 'delete'], reader: ['select'] },
  replays: { worker: anyRow, reader: ['select'] },
  // No role may delete a key: a revoked key stays, so that its use can be looked up.
  api_keys: { worker: ['select', 'insert', 'update'] },
  endpoints: { worker: anyRow },
  lane_rules: { worker: ['select', 'update'], reader: ['select'] },
  identity: { worker: ['select', 'insert', 'update'], reader: ['select'] },
  breakers: { worker: anyRow, reader: ['select'] },
  // update is for "for update skip locked".
  idempotency_keys: { worker: ['select', 'update', 'delete'] },
  workers: { worker: anyRow, reader: ['select'] },
  alerts: { worker: anyRow, reader: ['select'] },
  alert_watch: { worker: ['select', 'update'], reader: ['select'] },
  tallies: { worker: ['select', 'insert', 'delete'], reader: ['select'] },
  maintenance_runs: { worker: ['select', 'insert', 'update'], reader: ['select'] },
  migrations: { worker: ['select'], reader: ['select'] },
  // Read at the start, to see whether a migration is needed.
  definitions: { worker: ['select'], reader: ['select'] },
  // Written by drop_partitions() alone.
  history: { worker: ['select'], reader: ['select'] },
  // Written by watch_clock() alone.
  clock: { worker: ['select'], reader: ['select'] },
  samples: { worker: ['select', 'insert', 'delete'], reader: ['select'] },
  // Written by take_stats() alone.
  sealing: { worker: ['select', 'insert', 'update'], reader: ['select'] },
  stats: { worker: ['select'], reader: ['select'] },
  webhooks: { worker: ['select'] },
  lane_blocks: { worker: ['select'], reader: ['select'] },
  held_back: { worker: ['select'], reader: ['select'] },
  secret_keys: { worker: ['select'], reader: ['select'] },
  misruled_lanes: { worker: ['select'], reader: ['select'] },
  stray_subscriptions: { worker: ['select'], reader: ['select'] },
  live_workers: { worker: ['select'], reader: ['select'] },
  redacted_outbox: { worker: ['select'], reader: ['select'] },
  redacted_attempts: { worker: ['select'], reader: ['select'] },
  redacted_endpoints: { worker: ['select'], reader: ['select'] },
  redacted_webhooks: { worker: ['select'], reader: ['select'] },
};

/**
 * Rights on the functions of the schema posthorn. 'anyone' is Postgres' default: these functions compute and read
 * nothing.
 *
 * enqueue() can do no more than an INSERT, except to say which webhook a key stands for. cancel(), retry() and similar
 * functions do not check to whom a webhook belongs, and a producer can see all ids, so producers may not call them:
 * grant them only to roles that you trust with that.
 */
export const functionRights: Readonly<Record<string, readonly Grantee[] | 'anyone'>> = {
  enqueue: ['producer', 'worker'],
  publish: ['producer', 'worker'],
  use_idempotency_key: [],
  id_to_take: [],
  recipients: ['worker'],
  // Shows no body, header or query string.
  explain_event: ['worker', 'reader'],
  webhook_id: 'anyone',
  first_webhook_id: 'anyone',
  last_webhook_id: 'anyone',
  type_and_above: 'anyone',
  json_of: 'anyone',
  filter_rule: 'anyone',
  ordered_recipients: [],
  add_webhooks: [],
  fan_out: ['worker'],
  missed_events: ['worker'],
  begin_catch_up: [],
  catch_up: ['worker'],
  continue_catch_up: ['worker'],
  cancel_catch_up: ['worker'],
  rename_tenant: ['worker'],
  cancel: ['worker'],
  cancel_many: ['worker'],
  retry: ['worker'],
  retry_many: ['worker'],
  put_back: ['worker'],
  take_back: ['worker'],
  matching: ['worker'],
  is_dropped: ['worker', 'reader'],
  system_identifier: ['worker', 'reader'],
  held: ['worker', 'reader'],
  check_in: ['worker'],
  hold: ['worker'],
  resume: ['worker'],
  make_partitions: ['worker'],
  move_stranded: [],
  history_floor: ['worker', 'reader'],
  drop_partitions: ['worker'],
  forget_kept: ['worker'],
  watch_clock: ['worker'],
  missed: ['worker', 'reader'],
  enqueue_missed: ['worker'],
  repair_lane_rules: ['worker'],
  repair_subscriptions: ['worker'],
  days_without_partition: ['worker', 'reader'],
  partition_days: 'anyone',
  take_sample: ['worker'],
  note_full_tenants: ['worker'],
  take_stats: ['worker', 'reader'],
  uuid_v7: 'anyone',
  uuid_floor: 'anyone',
  uuid_time: 'anyone',
  time_of: 'anyone',
  key_of: 'anyone',
  lane_of: 'anyone',
  origin_of: 'anyone',
  tenant_key: 'anyone',
  header_names_are_unique: 'anyone',
  names_reserved_header: 'anyone',
  priority_of: 'anyone',
  outbox_keeps_rules: 'anyone',
  // Triggers fire without a right to call them.
  outbox_to_queue: [],
  outbox_id_is_given: [],
  insert_new_webhook: [],
  insert_new_event: [],
  endpoint_changes: [],
  endpoint_keeps_rules: [],
  endpoint_public_key: [],
  endpoint_to_lane_rule: [],
  endpoint_to_subscriptions: [],
  subscription_changes: [],
  tenant_changes: [],
  tenant_to_lane_rule: [],
};

/** The arguments of functions that have overloads, which GRANT must name. */
export const overloads: Readonly<Record<string, readonly string[]>> = {
  enqueue: ['text', 'jsonb'].map(
    (body) =>
      `text, ${body}, jsonb, text, text, text, timestamptz, integer, text, text, uuid, text`,
  ),
  publish: ['text', 'jsonb'].map(
    (body) => `text, text, ${body}, jsonb, text, text, timestamptz, integer, text, text`,
  ),
};

/** Which roles may use which schema. In Graphile Worker's, the reader sees only the list of migrations. */
export const schemaRights: Readonly<Record<'posthorn' | 'graphile', readonly Grantee[]>> = {
  posthorn: grantees,
  graphile: ['worker', 'reader'],
};

/**
 * Rights in Graphile Worker's schema, whose contents change with its versions: on each table, each view, and its list
 * of migrations.
 */
export const graphileRights = {
  table: { worker: anyRow },
  view: { worker: ['select'] },
  migrations: { worker: ['select'], reader: ['select'] },
} as const satisfies Readonly<Record<string, Rights>>;

/** The names of the roles with this prefix. */
export function roleNames(prefix: string): Readonly<Record<RoleKind, string>> {
  return {
    owner: `${prefix}_owner`,
    producer: `${prefix}_producer`,
    worker: `${prefix}_worker`,
    reader: `${prefix}_reader`,
  };
}

/** A legal prefix: a name that needs no quotes and leaves room for the suffixes. */
export const legalPrefix = /^(?!pg_)[a-z_][a-z0-9_]{0,52}$/;

/** The prefix in an owner's name; undefined when the name does not have this form. */
export function prefixOfOwner(owner: string): string | undefined {
  return owner.endsWith('_owner') ? owner.slice(0, -'_owner'.length) : undefined;
}

// Pure: no I/O, no clock, no randomness.

/*
 * Who may do what: the one table from which `posthorn roles` makes its grants and against which `posthorn doctor` holds
 * those that are there. Every relation and function of the schema stands in it, even if nobody is granted anything:
 * test/roles/rights.test.ts fails when one is missing, so whoever adds a table decides.
 */

/** The roles beside the owner, who may do everything. */
export const grantees = ['producer', 'worker', 'reader'] as const;

export type Grantee = (typeof grantees)[number];
export type RoleKind = 'owner' | Grantee;

/** Privileges as GRANT takes them, by who has them. */
export type Rights = Readonly<Partial<Record<Grantee, readonly string[]>>>;

/** What a producer says. The others have defaults: id and created_at are not for a producer to choose. */
export const producerColumns: readonly string[] = [
  'url',
  'endpoint_id',
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

const insertByColumn = `insert (${producerColumns.join(', ')})`;
const anyRow = ['select', 'insert', 'update', 'delete'];

/** Of the tables and views of the schema posthorn. Partitions are reached through their parents alone. */
export const relationRights: Readonly<Record<string, Rights>> = {
  // select (id) is for "returning id".
  outbox: {
    producer: [insertByColumn, 'select (id)'],
    worker: ['select', insertByColumn, 'insert (signed_as)'],
  },
  queue: { worker: ['select', 'update', 'delete'], reader: ['select'] },
  attempts: { worker: anyRow },
  outcomes: { worker: ['select', 'insert', 'update'], reader: ['select'] },
  // Written by put_back() and take_back(); delete is for pruning.
  former_outcomes: { worker: ['select', 'delete'], reader: ['select'] },
  brought_forward: { worker: ['select', 'delete'], reader: ['select'] },
  replays: { worker: anyRow, reader: ['select'] },
  // Nobody deletes one: a key that is revoked stays, so that its use can be looked up.
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
  // Read at the start, to see that nothing is to be migrated.
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
  secret_keys: { worker: ['select'], reader: ['select'] },
  misruled_lanes: { worker: ['select'], reader: ['select'] },
  live_workers: { worker: ['select'], reader: ['select'] },
  redacted_outbox: { worker: ['select'], reader: ['select'] },
  redacted_attempts: { worker: ['select'], reader: ['select'] },
  redacted_endpoints: { worker: ['select'], reader: ['select'] },
  redacted_webhooks: { worker: ['select'], reader: ['select'] },
};

/**
 * Of the functions of the schema posthorn. 'anyone' is what Postgres gives to all: these compute, and read nothing.
 *
 * enqueue() can do nothing that an INSERT cannot, but tell which webhook a key stands for. cancel(), retry() and their kin ask
 * nobody whose the webhook is, and a producer can see all ids, so a producer is not given them: grant them to whom you trust
 * with that.
 */
export const functionRights: Readonly<Record<string, readonly Grantee[] | 'anyone'>> = {
  enqueue: ['producer', 'worker'],
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
  days_without_partition: ['worker', 'reader'],
  partition_days: 'anyone',
  take_sample: ['worker'],
  take_stats: ['worker', 'reader'],
  uuid_v7: 'anyone',
  uuid_floor: 'anyone',
  uuid_time: 'anyone',
  time_of: 'anyone',
  lane_of: 'anyone',
  header_names_are_unique: 'anyone',
  names_reserved_header: 'anyone',
  priority_of: 'anyone',
  outbox_keeps_rules: 'anyone',
  // Triggers fire without anybody's right to call them.
  outbox_to_queue: [],
  outbox_id_is_given: [],
  endpoint_changes: [],
  endpoint_keeps_rules: [],
  endpoint_public_key: [],
  endpoint_to_lane_rule: [],
};

/** Who may look into which schema at all. In Graphile's the reader sees the list of migrations and nothing else. */
export const schemaRights: Readonly<Record<'posthorn' | 'graphile', readonly Grantee[]>> = {
  posthorn: grantees,
  graphile: ['worker', 'reader'],
};

/** Of what is in Graphile's schema, which it changes as it likes: of each table, view, and of its list of migrations. */
export const graphileRights = {
  table: { worker: anyRow },
  view: { worker: ['select'] },
  migrations: { worker: ['select'], reader: ['select'] },
  // Written by drop_partitions() alone.
  history: { worker: ['select'], reader: ['select'] },
  // Written by watch_clock() alone.
  clock: { worker: ['select'], reader: ['select'] },
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

/** What a prefix may look like: a name that needs no quotes, with room for what is appended. */
export const legalPrefix = /^(?!pg_)[a-z_][a-z0-9_]{0,52}$/;

/** The prefix of the roles that an owner's name belongs to; undefined when it is not named like one. */
export function prefixOfOwner(owner: string): string | undefined {
  return owner.endsWith('_owner') ? owner.slice(0, -'_owner'.length) : undefined;
}

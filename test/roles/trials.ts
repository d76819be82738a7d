import type { RoleKind } from '../../src/db/rights.ts';

/** What a trial may name: rows that are there, and where a role may make things of its own. */
export interface Ground {
  readonly webhookId: string;
  readonly endpointId: string;
  /** The suffix of today's partitions. */
  readonly today: string;
  readonly playground: string;
  readonly owner: string;
}

/** Something that a role may or may not do. "refused" is SQLSTATE 42501, insufficient_privilege. */
export interface Trial {
  readonly what: string;
  readonly sql: (ground: Ground) => string;
  readonly allowed: readonly RoleKind[];
}

const everybody = ['producer', 'reader', 'worker', 'owner'] as const;
const nobodyElse = ['owner'] as const;
const body = `'{"type": "order.created"}'`;

/** In the order of docs/roles.md, whose table is compared with this one. */
export const trials: readonly Trial[] = [
  {
    what: 'insert a webhook, with any of the columns for producers, `returning id`',
    sql: () =>
      `insert into posthorn.outbox
         (url, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key, traceparent)
       values ('https://example.com', ${body}, '{"X-Note": "1"}', 'a secret', 'text/plain', 'high', now(), 3, 'a trial',
         '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
       returning id`,
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'insert a webhook to a registered endpoint',
    sql: ({ endpointId }) =>
      `insert into posthorn.outbox (endpoint_id, body) values ('${endpointId}', ${body})`,
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'call `posthorn.enqueue()`',
    sql: () => `select posthorn.enqueue(url => 'https://example.com', body => ${body})`,
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'publish an event, with any of its columns, `returning id`',
    sql: () =>
      `insert into posthorn.events
         (tenant, event_type, body, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent)
       values ('acme', 'order.paid', ${body}, '{"X-Note": "1"}', 'text/plain', 'high', now(), 3, 'a trial',
         '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
       returning id`,
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'call `posthorn.publish()`',
    sql: () => `select posthorn.publish('acme', 'order.paid', ${body})`,
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'call both with a body of type jsonb',
    sql: () =>
      `select posthorn.enqueue(url => 'https://example.com', body => ${body}::jsonb);
       select posthorn.publish('acme', 'order.paid', ${body}::jsonb)`,
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'insert a webhook into `new_webhooks`, with any of its columns, `returning *`',
    sql: () =>
      `insert into posthorn.new_webhooks
         (id, url, tenant, body, headers, secret, content_type, priority, send_at, max_attempts, idempotency_key, traceparent, created_at)
       values (posthorn.uuid_v7(), 'https://example.com', 'acme', ${body}, '{"X-Note": "1"}', 'a secret', 'text/plain', 'high', now(), 3,
         'a trial', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', now())
       returning *`,
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'insert an event into `new_events`, with any of its columns, `returning *`',
    sql: () =>
      `insert into posthorn.new_events
         (id, tenant, event_type, body, headers, content_type, priority, send_at, max_attempts, idempotency_key, traceparent, created_at)
       values (posthorn.uuid_v7(), 'acme', 'order.paid', ${body}, '{"X-Note": "1"}', 'text/plain', 'high', now(), 3, 'a trial',
         '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', now())
       returning *`,
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'read `new_webhooks` and `new_events`, which show no rows',
    sql: () => 'table posthorn.new_webhooks; table posthorn.new_events',
    allowed: ['producer', 'worker', 'owner'],
  },
  {
    what: 'call `posthorn.cancel()`',
    sql: ({ webhookId }) => `select posthorn.cancel('${webhookId}')`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'call `posthorn.retry()`, `retry_many()` and `cancel_many()`',
    sql: ({ webhookId }) =>
      `select posthorn.retry('${webhookId}');
       select posthorn.retry_many(array['${webhookId}']::uuid[]);
       select posthorn.cancel_many(array['${webhookId}']::uuid[])`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'start and stop replays',
    sql: () =>
      `insert into posthorn.replays (url) values ('https://example.com');
       update posthorn.replays set status = 'cancelling'`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'read the replays, and how webhooks had ended before',
    sql: () => 'table posthorn.replays; table posthorn.former_outcomes',
    allowed: ['reader', 'worker', 'owner'],
  },
  {
    what: 'say how webhooks had ended before',
    sql: ({ webhookId }) =>
      `insert into posthorn.former_outcomes (webhook_id, outbox_id, lane, finished_at, status, attempts)
       values ('${webhookId}', '${webhookId}', 1, now(), 'failed', 1)`,
    allowed: nobodyElse,
  },
  {
    what: 'choose `id` or `created_at` of a row of `outbox`',
    sql: () =>
      `insert into posthorn.outbox (id, url, body) values (posthorn.uuid_v7(), 'https://example.com', ${body})`,
    allowed: nobodyElse,
  },
  {
    what: 'have a webhook signed as an endpoint that it does not go to',
    sql: ({ endpointId }) =>
      `insert into posthorn.outbox (url, body, signed_as) values ('https://example.com', ${body}, '${endpointId}')`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'insert `returning body`',
    sql: () =>
      `insert into posthorn.outbox (url, body) values ('https://example.com', ${body}) returning body`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'choose `id` or `created_at` of a row of `events`',
    sql: () =>
      `insert into posthorn.events (id, event_type, body) values (posthorn.uuid_v7(), 'order.paid', ${body})`,
    allowed: nobodyElse,
  },
  {
    what: 'publish an event `returning recipients`',
    sql: () =>
      `insert into posthorn.events (event_type, body) values ('order.paid', ${body}) returning recipients`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'insert into a partition of the outbox, past its trigger',
    sql: ({ today }) =>
      `insert into posthorn.outbox_${today} (url, body) values ('https://example.com', ${body})`,
    allowed: nobodyElse,
  },
  {
    what: 'see the ids of all webhooks',
    sql: () => 'select id from posthorn.outbox',
    allowed: ['producer', 'worker', 'owner'],
  },
  ...['url', 'body', 'secret', 'headers'].map((column) => ({
    what: `read \`outbox.${column}\``,
    sql: () => `select ${column} from posthorn.outbox`,
    allowed: ['worker', 'owner'] as const,
  })),
  {
    what: 'read a partition of the outbox',
    sql: ({ today }) => `select body from posthorn.outbox_${today}`,
    allowed: nobodyElse,
  },
  {
    what: 'change or delete a row of the outbox',
    sql: () => `update posthorn.outbox set body = 'other'; delete from posthorn.outbox`,
    allowed: nobodyElse,
  },
  {
    what: 'read the queue',
    sql: () => 'select * from posthorn.queue',
    allowed: ['reader', 'worker', 'owner'],
  },
  {
    what: 'insert into the queue',
    sql: () =>
      `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
       values (posthorn.uuid_v7(), posthorn.uuid_v7(), 1, 1, now())`,
    allowed: nobodyElse,
  },
  {
    what: 'lease or end a webhook in the queue',
    sql: () => 'update posthorn.queue set attempts = 1; delete from posthorn.queue',
    allowed: ['worker', 'owner'],
  },
  {
    what: 'read the attempts with what receivers answered',
    sql: () => 'select response_body from posthorn.attempts',
    allowed: ['worker', 'owner'],
  },
  {
    what: 'write attempts',
    sql: ({ webhookId }) =>
      `insert into posthorn.attempts (webhook_id, number, worker) values ('${webhookId}', 9, 1);
       update posthorn.attempts set finished_at = now();
       delete from posthorn.attempts`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'read the outcomes',
    sql: () => 'select * from posthorn.outcomes',
    allowed: ['reader', 'worker', 'owner'],
  },
  {
    what: 'write outcomes',
    sql: () =>
      `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
       values (posthorn.uuid_v7(), posthorn.uuid_v7(), 1, 'delivered', 1);
       update posthorn.outcomes set attempts = 2`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'delete outcomes',
    sql: () => 'delete from posthorn.outcomes',
    allowed: nobodyElse,
  },
  {
    what: 'read the view `webhooks`, whose URLs have their query strings',
    // By the id: all of them take seconds where Postgres compiles the plan (jit).
    sql: ({ webhookId }) => `select * from posthorn.webhooks where id = '${webhookId}'`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'read the view `redacted_webhooks`',
    sql: ({ webhookId }) => `select * from posthorn.redacted_webhooks where id = '${webhookId}'`,
    allowed: ['reader', 'worker', 'owner'],
  },
  ...['outbox', 'attempts', 'endpoints'].map((name) => ({
    what: `read the view \`redacted_${name}\``,
    sql: () => `select * from posthorn.redacted_${name}`,
    allowed: ['reader', 'worker', 'owner'] as const,
  })),
  {
    what: 'read the view `events`, which has bodies',
    sql: () => 'table posthorn.events',
    allowed: ['worker', 'owner'],
  },
  {
    what: 'read the view `redacted_events`',
    sql: () => 'table posthorn.redacted_events',
    allowed: ['reader', 'worker', 'owner'],
  },
  {
    what: 'read the subscriptions, tenants and event types, and the progress of fan-outs and catch-ups',
    sql: () =>
      `table posthorn.subscriptions; table posthorn.tenants; table posthorn.event_types;
       table posthorn.unmatched_events; table posthorn.fan_outs; table posthorn.catch_ups`,
    allowed: ['reader', 'worker', 'owner'],
  },
  ...['subscriptions', 'tenants', 'event_types'].map((table) => ({
    what: `change \`${table}\``,
    sql: ({ endpointId }: Ground) =>
      ({
        subscriptions: `insert into posthorn.subscriptions (endpoint_id, event_type) values ('${endpointId}', '*')`,
        // With the trigger that writes its rule.
        tenants: `insert into posthorn.tenants (id, max_in_flight) values ('acme', 5)`,
        event_types: `insert into posthorn.event_types (name) values ('order.paid')`,
      })[table] ?? '',
    allowed: ['worker', 'owner'] as const,
  })),
  {
    what: 'ask who receives an event',
    sql: () => `select posthorn.recipients('acme', 'order.paid', ${body})`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'let an endpoint catch up, and stop that',
    sql: ({ endpointId }) =>
      `select posthorn.catch_up('${endpointId}', now()); select posthorn.cancel_catch_up('${endpointId}')`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'rename a tenant',
    sql: () => `select posthorn.rename_tenant('acme', 'acme2')`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'send an event to an endpoint that does not subscribe to it',
    sql: ({ webhookId, endpointId }) =>
      `select posthorn.add_webhooks(array['${webhookId}']::uuid[], array['${endpointId}']::uuid[])`,
    allowed: nobodyElse,
  },
  {
    what: 'leave an event to a job, or say that it has no recipient',
    sql: ({ webhookId }) =>
      `insert into posthorn.fan_outs (event_id) values ('${webhookId}');
       insert into posthorn.unmatched_events (event_id) values ('${webhookId}')`,
    allowed: nobodyElse,
  },
  {
    what: 'read the endpoints with their secrets',
    sql: () => 'select url, secret from posthorn.endpoints',
    allowed: ['worker', 'owner'],
  },
  {
    what: 'see with which keys secrets are sealed, and how far that is',
    sql: () => 'select * from posthorn.secret_keys; select * from posthorn.sealing',
    allowed: ['reader', 'worker', 'owner'],
  },
  {
    what: 'read the API’s keys (their hashes)',
    sql: () => 'select name, hash from posthorn.api_keys',
    allowed: ['worker', 'owner'],
  },
  {
    what: 'register, change and delete endpoints',
    sql: ({ endpointId }) =>
      `insert into posthorn.endpoints (url, secret) values ('https://example.com', 'a secret');
       update posthorn.endpoints set status = 'paused' where id = '${endpointId}';
       delete from posthorn.endpoints`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'read the breakers, the lanes’ rules and the workers',
    sql: () =>
      'table posthorn.breakers; table posthorn.lane_rules; table posthorn.lane_blocks; table posthorn.held_back; table posthorn.workers; table posthorn.live_workers',
    allowed: ['reader', 'worker', 'owner'],
  },
  {
    what: 'write breakers, the lanes’ owners and the workers',
    sql: () =>
      `insert into posthorn.breakers (key, url) values (1, 'https://example.com');
       delete from posthorn.breakers;
       update posthorn.lane_rules set owner = 1;
       insert into posthorn.workers (number, host, pid, version) values (99, 'here', 1, '1');
       delete from posthorn.workers where number = 99`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'see which webhook an idempotency key stands for',
    sql: () => 'select * from posthorn.idempotency_keys',
    allowed: ['worker', 'owner'],
  },
  {
    what: 'take an idempotency key',
    sql: () =>
      `insert into posthorn.idempotency_keys values ('', 'a key', posthorn.uuid_v7(), 'infinity')`,
    allowed: nobodyElse,
  },
  {
    what: 'make partitions, and drop those of a day, without its unfinished webhooks',
    sql: () =>
      `select posthorn.days_without_partition();
       select posthorn.make_partitions(current_date + 50);
       select posthorn.drop_partitions(current_date + 50)`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'drop a partition by itself',
    sql: ({ today }) => `drop table posthorn.outbox_${today}`,
    allowed: nobodyElse,
  },
  {
    what: 'truncate',
    sql: () => 'truncate posthorn.outbox, posthorn.queue',
    allowed: nobodyElse,
  },
  {
    what: 'lock the outbox',
    sql: () => 'lock table posthorn.outbox in share row exclusive mode',
    allowed: nobodyElse,
  },
  {
    what: 'put a trigger on the outbox',
    sql: ({ playground }) =>
      `create function ${playground}.spy() returns trigger language plpgsql as 'begin return new; end';
       create trigger spy before insert on posthorn.outbox for each row execute function ${playground}.spy()`,
    allowed: nobodyElse,
  },
  {
    what: 'disable the trigger of the outbox',
    sql: () => 'alter table posthorn.outbox disable trigger outbox_to_queue',
    allowed: nobodyElse,
  },
  {
    what: 'refer to the outbox by a foreign key',
    sql: ({ playground }) =>
      `create table ${playground}.note (id uuid references posthorn.outbox (id))`,
    allowed: nobodyElse,
  },
  {
    what: 'change a table, as by `alter table … set (autovacuum_enabled = off)`',
    sql: () => 'alter table posthorn.queue set (autovacuum_enabled = off)',
    allowed: nobodyElse,
  },
  {
    what: 'make or replace a function in the schema',
    sql: () =>
      `create or replace function posthorn.cancel(webhook_id uuid) returns boolean language sql as 'select true'`,
    allowed: nobodyElse,
  },
  {
    what: 'change whose rights a function acts with',
    sql: () => 'alter function posthorn.make_partitions(date) security invoker',
    allowed: nobodyElse,
  },
  {
    what: 'act as the owner by `set role`',
    sql: ({ owner }) => `set local role ${owner}`,
    allowed: nobodyElse,
  },
  {
    what: 'read the jobs of Graphile Worker',
    sql: () => 'select payload from posthorn_graphile._private_jobs',
    allowed: ['worker', 'owner'],
  },
  {
    what: 'add a job to Graphile Worker',
    sql: () => `select posthorn_graphile.add_job('deliver:1')`,
    allowed: ['worker', 'owner'],
  },
  {
    what: 'see which migrations were applied',
    sql: () => 'table posthorn.migrations; table posthorn_graphile.migrations',
    allowed: ['reader', 'worker', 'owner'],
  },
  {
    what: 'write down a migration as applied',
    sql: () => `insert into posthorn.migrations (name, run_on) values ('9999_none', now())`,
    allowed: nobodyElse,
  },
  {
    what: 'wake the workers, listen to what wakes them, and take their advisory locks (1)',
    sql: () =>
      `notify posthorn_wake; listen posthorn_wake; select pg_advisory_xact_lock(1886352244, 77)`,
    allowed: everybody,
  },
];

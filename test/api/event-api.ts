import { afterAll, beforeAll } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, serveTestApi, type TestApi } from './served-api.ts';

/** The API over a database of its own, and what tests of events do with it. */
export interface EventApi {
  readonly database: TestDatabase;
  readonly api: TestApi;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Registers an endpoint that subscribes to these types. */
  subscriber(tenant: string, ...types: readonly (string | [string, string])[]): Promise<string>;
  /** How many rows the tables have that a refused request must leave alone. */
  counts(): Promise<unknown>;
  set(endpointId: string, status: string): Promise<void>;
}

let names = 0;

/** A tenant that no other test has. */
export function newTenant(): string {
  names += 1;
  return `tenant-${names}`;
}

export function eventApi(options: Parameters<typeof serveTestApi>[1] = {}): EventApi {
  let database: TestDatabase;
  let api: TestApi;
  beforeAll(async () => {
    database = await createTestDatabase();
    api = await serveTestApi(database.url, options);
  });
  afterAll(async () => {
    await api.close();
    await database.drop();
  });
  const post: EventApi['post'] = (path, body, headers = {}) =>
    api.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return {
    get database() {
      return database;
    },
    get api() {
      return api;
    },
    post,
    subscriber: async (tenant, ...types) => {
      const subscriptions = types.map((given) =>
        typeof given === 'string'
          ? { event_type: given }
          : { event_type: given[0], filter: given[1] },
      );
      const { json } = await post('/endpoints', {
        url: 'https://example.com/hooks',
        tenant,
        subscriptions,
      });
      return json.id;
    },
    counts: async () => {
      const { rows } = await database.pool.query<object>(`
        select
          (select count(*) from posthorn.outbox) as outbox,
          (select count(*) from posthorn.queue) as queue,
          (select count(*) from posthorn.idempotency_keys) as keys,
          (select count(*) from posthorn.endpoints) as endpoints,
          (select count(*) from posthorn.subscriptions) as subscriptions,
          (select count(*) from posthorn.subscriptions where ended_at is not null) as ended,
          (select count(*) from posthorn.catch_ups) as catch_ups,
          (select coalesce(jsonb_agg(t), '[]') from posthorn.tenants as t) as tenants`);
      return rows[0] ?? {};
    },
    set: async (endpointId, status) => {
      await database.pool.query('update posthorn.endpoints set status = $2 where id = $1', [
        endpointId,
        status,
      ]);
    },
  };
}

import { type Receiver, startReceiver } from '../../harness/receivers.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { hostileTexts } from './world.ts';

/** A Posthorn with events of several tenants, behind the API that serves the dashboard. */
export interface EventsWorld extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly receiver: Receiver;
  readonly origin: string;
  /** Endpoints of acme, but one. */
  readonly endpoints: Readonly<
    Record<'all' | 'large' | 'refusing' | 'disabled' | 'without' | 'ofGlobex', string>
  >;
  readonly events: Readonly<Record<'paid' | 'unmatched' | 'hostile', string>>;
  publish(tenant: string, eventType: string, body: string): Promise<string>;
}

/** A tenant's id can be any text. */
export const hostileTenant = hostileTexts[1] ?? '';

export async function startEventsWorld(): Promise<EventsWorld> {
  await using stack = new AsyncDisposableStack();
  const database = await createTestDatabase();
  stack.defer(() => database.drop());
  const receiver = stack.use(
    await startReceiver({
      onRequest: (socket, { path }) => {
        socket.write(
          `HTTP/1.1 ${path === '/refusing' ? 422 : 200} OK\r\ncontent-length: 2\r\n\r\nok`,
        );
      },
    }),
  );
  const posthorn = stack.use(await startEngine(database, { api: true }));
  const { pool } = database;
  const one = async (statement: string, values: readonly unknown[]): Promise<string> =>
    (await pool.query<{ id: string }>(statement, [...values])).rows[0]?.id ?? '';
  const register = async (tenant: string, path: string, subscription?: [string, string?]) => {
    const id = await one(
      'insert into posthorn.endpoints (tenant, url) values ($1, $2) returning id',
      [tenant, `http://127.0.0.1:${receiver.port}${path}`],
    );
    if (subscription !== undefined) {
      const [type, filter = null] = subscription;
      await pool.query(
        'insert into posthorn.subscriptions (endpoint_id, event_type, filter) values ($1, $2, $3)',
        [id, type, filter],
      );
    }
    return id;
  };
  const publish = (tenant: string, eventType: string, body: string) =>
    one('insert into posthorn.events (tenant, event_type, body) values ($1, $2, $3) returning id', [
      tenant,
      eventType,
      body,
    ]);

  await pool.query(
    `insert into posthorn.tenants (id, name, max_in_flight, max_waiting) values ('acme', 'Acme Ltd', 20, 5000)`,
  );
  const endpoints = {
    all: await register('acme', '/all', ['*']),
    large: await register('acme', '/large', ['order.paid', '$.total >= 1000']),
    refusing: await register('acme', '/refusing', ['order.*']),
    disabled: await register('acme', '/disabled', ['order.paid']),
    without: await register('acme', '/without'),
    ofGlobex: await register('globex', '/globex', ['order.paid']),
  };
  await register(hostileTenant, '/hostile', ['*']);
  await pool.query(
    `update posthorn.endpoints set status = 'disabled', status_reason = 'by_request' where id = $1`,
    [endpoints.disabled],
  );
  const events = {
    paid: await publish('acme', 'order.paid', '{"id": 42, "total": 1500}'),
    unmatched: await publish('globex', 'user.created', '{"id": 7}'),
    hostile: await publish(hostileTenant, 'order.paid', '{}'),
  };
  await publish('acme', 'order.paid', '{"id": 43, "total": 5}');
  await publish('*', 'notice.sent', '{}');
  await eventually(async () => {
    const { rows } = await pool.query<{ left: number }>(
      `select (select count(*) from posthorn.queue)::integer + (select count(*) from posthorn.fan_outs)::integer as left`,
    );
    return rows[0]?.left === 0;
  }, 'every event was sent');
  const kept = stack.move();
  return {
    database,
    receiver,
    origin: posthorn.address,
    endpoints,
    events,
    publish,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

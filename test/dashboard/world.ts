import { type Receiver, startReceiver } from '../../harness/receivers.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';

/** What strangers send to whoever shows it unescaped. Each would call hacked() or a server that is not ours. */
export const hostileTexts = [
  '<script>hacked()</script>',
  '<img src=x onerror="hacked()">',
  '<svg/onload=hacked()>',
  '"><iframe srcdoc="<script>parent.hacked()</script>"></iframe>',
  '<a href="javascript:hacked()">click</a>',
  '<math><mtext></form><form><mglyph><style></math><img src onerror=hacked()>',
  '<link rel=stylesheet href="http://127.0.0.1:1/evil.css"><style>@import "http://127.0.0.1:1/evil.css"</style>',
  '{{constructor.constructor("hacked()")()}}',
  '</pre></details><base href="http://127.0.0.1:1/"><meta http-equiv=refresh content="0;url=http://127.0.0.1:1/">',
  '\u202Etxt.exe \u0007 \u001b[31m\u2028\u2029',
];

/** A Posthorn with something of everything, behind the API that serves the dashboard. */
export interface World extends AsyncDisposable {
  readonly posthorn: Posthorn;
  readonly database: TestDatabase;
  readonly receiver: Receiver;
  readonly origin: string;
  readonly ids: Readonly<Record<'delivered' | 'failed' | 'waiting' | 'hostile', string>>;
  readonly endpointId: string;
}

export async function startWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const database = await createTestDatabase();
  stack.defer(() => database.drop());
  const receiver = stack.use(
    await startReceiver({
      onRequest: (socket, { path }) => {
        const status = path.startsWith('/fails') ? 422 : path.startsWith('/later') ? 503 : 200;
        const text = path.startsWith('/hostile') ? hostileTexts.join('\n') : `answer of ${path}`;
        const body = Buffer.from(text);
        socket.write(
          `HTTP/1.1 ${path.startsWith('/hostile') ? 400 : status} OK\r\ncontent-type: text/html\r\ncontent-length: ${body.length}\r\n\r\n`,
        );
        socket.write(body);
      },
    }),
  );
  const posthorn = stack.use(await startEngine(database, { api: true }));
  const { pool } = database;
  const base = `http://127.0.0.1:${receiver.port}`;
  const endpoints = await pool.query<{ id: string }>(
    `insert into posthorn.endpoints (url, description, secret, max_in_flight)
     values
       ($1 || '/fine?<script>hacked()</script>', '<img src=x onerror="hacked()">', 'whsec_' || repeat('A', 32), 10),
       ($1 || '/fails', 'Shop 2', null, null)
     returning id`,
    [base],
  );
  const endpointId = endpoints.rows[0]?.id ?? '';
  const insert = async (path: string, more = '{}') => {
    const { rows } = await pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, priority, send_at)
       values ($1, '{"type":"order.created"}', coalesce($2::json ->> 'priority', 'normal'), ($2::json ->> 'send_at')::timestamptz)
       returning id`,
      [base + path, more],
    );
    return rows[0]?.id ?? '';
  };
  const delivered = await insert('/hook?shop=42', '{"priority":"high"}');
  const failed = await insert('/fails/order');
  const waiting = await insert('/later');
  const scheduled = new Date(Date.now() + 3_600_000).toISOString();
  await insert('/scheduled', JSON.stringify({ send_at: scheduled }));
  const hostile = await insert("/hostile?<script>hacked()</script>&x='onerror=hacked()");
  await pool.query(
    `insert into posthorn.outbox (url, body)
     select $1 || '/many/' || n % 5, '{"type":"order.created"}' from generate_series(0, 59) as n`,
    [base],
  );
  await pool.query(
    `insert into posthorn.outbox (endpoint_id, body) select $1, '{}' from generate_series(1, 12)`,
    [endpointId],
  );
  await eventually(async () => {
    const { rows } = await pool.query<{ left: number }>(
      'select count(*)::integer as left from posthorn.queue where attempts = 0',
    );
    return rows[0]?.left === 1;
  }, 'everything was tried');
  await pool.query(
    `insert into posthorn.samples (taken_at, attempts, failures, seconds, p50_ms, p95_ms, p99_ms, waiting, due, oldest_due_s)
     select
       now() - n * interval '1 minute', 3000 + 1500 * sin(n / 8.0), 20 + n % 7, 60, 12 + n % 5, 60 + n % 30, 140 + n % 90,
       400 + 380 * cos(n / 9.0), 40 + 30 * cos(n / 9.0), 1 + n % 4
     from generate_series(0, 200) as n`,
  );
  const kept = stack.move();
  return {
    posthorn,
    database,
    receiver,
    origin: posthorn.address,
    ids: { delivered, failed, waiting, hostile },
    endpointId,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

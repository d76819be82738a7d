import { once } from 'node:events';
import { connect } from 'node:net';
import { type Answer, serveTestApi, type TestApi } from '../api/served-api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { unknownId } from '../support/unknown-id.ts';
import { type Given, secret, url } from './case.ts';

/** The API over a database with a row of each kind, which the tables name. */
export interface Ground extends AsyncDisposable {
  readonly api: TestApi;
  readonly database: TestDatabase;
  readonly ids: Readonly<Record<string, string>>;
  /** Puts ids in the place of their names. */
  fill(text: string): string;
  ask(request: string, given?: Given): Promise<Answer>;
  /** Changes with any row of any table. */
  fingerprint(): Promise<string>;
}

export async function createGround(
  options: Parameters<typeof serveTestApi>[1] = {},
): Promise<Ground> {
  const database = await createTestDatabase();
  const ids = await populate(database);
  const api = await serveTestApi(database.url, options);
  const cursor = (await api.ask('/webhooks?status=failed&limit=1')).json.next_cursor ?? '';
  const known: Readonly<Record<string, string>> = { ...ids, cursor };
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (all, name) => known[name] ?? all);
  const fingerprint = await fingerprinter(database);
  return {
    api,
    database,
    ids: known,
    fill,
    ask: async (request, given = {}) => {
      if (given.raw !== undefined) return await askRaw(api.port, [fill(request), given.raw]);
      const [method = '', path = ''] = fill(request).split(/ (.*)/s);
      return await api.ask(path, { method, ...contentOf(given, fill) });
    },
    fingerprint,
    [Symbol.asyncDispose]: async () => {
      await api.close();
      await database.drop();
    },
  };
}

function contentOf(given: Given, fill: (text: string) => string): RequestInit {
  const {
    json,
    text = json === undefined ? undefined : JSON.stringify(json),
    headers = {},
  } = given;
  if (text !== undefined) {
    return { headers: { 'content-type': 'application/json', ...headers }, body: fill(text) };
  }
  if (given.chunks === undefined) {
    return { headers, ...(given.bytes === undefined ? {} : { body: Buffer.from(given.bytes) }) };
  }
  const all = Buffer.from(given.chunks);
  const stream = new ReadableStream({
    start(controller) {
      for (let at = 0; at < all.length; at += 65_536) {
        controller.enqueue(all.subarray(at, at + 65_536));
      }
      controller.close();
    },
  });
  return { headers, body: stream, duplex: 'half' } as RequestInit;
}

/** Writes bytes as they are, and reads until the server closes. */
export async function exchange(
  port: number,
  parts: readonly (string | Uint8Array)[],
  { isCutOff = false }: { readonly isCutOff?: boolean } = {},
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // Who is refused before he has written all may see a reset after the answer.
  socket.on('error', () => {});
  for (const part of parts) socket.write(part);
  if (isCutOff) socket.end();
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

/** The one answer to such bytes. */
export async function askRaw(
  port: number,
  parts: readonly (string | Uint8Array)[],
): Promise<Answer> {
  const [head = '', text = ''] = (await exchange(port, parts)).split(/\r\n\r\n(.*)/s);
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]),
  );
  const isJson = headers.get('content-type')?.includes('json') === true;
  // Without the sizes of chunks.
  const content = isJson ? text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1) : text;
  return {
    status: Number(statusLine.split(' ')[1]),
    headers,
    text: content,
    json: JSON.parse(isJson ? content : '{}'),
  };
}

/** Rows in every state that matters, by the names that the tables have for them. */
async function populate(database: TestDatabase): Promise<Record<string, string>> {
  const register = async (name: string) =>
    await registerEndpoint(database, { url: `https://${name}.example/`, secret });
  const [active, paused, disabled, deleted] = [
    await register('active'),
    await register('paused'),
    await register('disabled'),
    await register('deleted'),
  ];
  const ended = async (to: string, status: 'failed' | 'delivered' = 'failed') =>
    (await endedWebhooks(database, { to, count: 1, status }))[0] ?? '';
  const waiting = async (to: string) => {
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, secret) values ($1, '{}', $2) returning id`,
      [to, secret],
    );
    return rows[0]?.id ?? '';
  };
  const orphan = await ended(deleted.id);
  await paused.set({ status: 'paused' });
  await disabled.set({ status: 'disabled', status_reason: 'gone' });
  await database.pool.query(
    `insert into posthorn.breakers (key, url, state, consecutive, trips, open_until, last_error)
     select lane, url, 'open', 2, 1, now() + interval '1 day', 'http_410' from posthorn.endpoints where id = $1`,
    [disabled.id],
  );
  await deleted.set({ status: 'deleted' });
  const delivering = await waiting(url);
  await database.pool.query(
    `update posthorn.queue
     set lease_until = now() + interval '1 day', leased_by = 1, attempts = 1
     where webhook_id = $1`,
    [delivering],
  );
  // It has a recipient, a key and what must not be seen.
  await database.pool.query(
    `with e as (insert into posthorn.endpoints (tenant, url, secret) values ('acme', 'https://acme.example/', $1) returning id)
     insert into posthorn.subscriptions (endpoint_id, event_type) select id, 'order.*' from e`,
    [secret],
  );
  await database.pool.query(
    `insert into posthorn.events (tenant, event_type, body, headers, idempotency_key)
     values ('acme', 'order.paid', '1', null, 'known')`,
  );
  return {
    endpoint: active.id,
    paused: paused.id,
    disabled: disabled.id,
    deleted: deleted.id,
    orphan,
    delivering,
    pending: await waiting(url),
    percent: await waiting('https://example.com/100%25'),
    delivered: await ended(url, 'delivered'),
    earlier: await ended(url),
    failed: await ended(url),
    unknown: unknownId(),
    // Of 2020.
    old: '016f5e66-e800-7506-bf90-21b36e74e172',
  };
}

/** What a database holds: it changes with any row of any table. */
export async function fingerprinter({ pool }: TestDatabase): Promise<() => Promise<string>> {
  const { rows } = await pool.query<{ statement: string }>(
    `select string_agg(
       format('select %L as name, count(*)::text || '' '' || coalesce(sum(hashtextextended(t::text, 0)), 0) as state
         from posthorn.%I as t', relname, relname),
       ' union all ') || ' order by name' as statement
     from pg_class
     where relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p') and not relispartition`,
  );
  // Named, so that it is not planned for all partitions each time.
  const statement = { name: 'fingerprint', text: rows[0]?.statement ?? '' };
  return async () => {
    const found = await pool.query<{ name: string; state: string }>(statement);
    return found.rows.map(({ name, state }) => `${name}: ${state}`).join('\n');
  };
}

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { type Ended, watchProcess } from '../../harness/process.ts';
import { type Received, startReceiver } from '../../harness/receiver.ts';
import { makeSecret, seal } from '../../src/secrets/seal.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { publishEvents, subscribedEndpoint } from '../support/event-rows.ts';
import { ringOf, ringText } from '../support/key-rings.ts';
import { connect, createTestRoles, urlOfServer } from '../support/roles.ts';
import { unknownId } from '../support/unknown-id.ts';
import { forEachTest, forFile } from '../support/world.ts';

// `posthorn listen` against a receiver on this machine that checks signatures. No worker runs.

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const database = forFile(createTestDatabase);
const receiver = forEachTest(startReceiver);
const ring = ringOf('one');
const keys = { POSTHORN_ENCRYPTION_KEYS: ringText('one') };

const listen = (args: readonly string[], env: Record<string, string> = keys): Promise<Ended> =>
  runHere(['listen', ...args], { DATABASE_URL: database.url, ...env });

afterEach(() => database.empty());

/** Gives an endpoint a secret and headers, sealed as a worker seals them; the secret. */
async function sealFor(endpointId: string): Promise<string> {
  const secret = makeSecret('hmac');
  const sealed = (text: string, purpose: 'secret' | 'headers') =>
    seal(text, { ring, as: { endpointId, purpose } });
  await database.pool.query(
    'update posthorn.endpoints set secret = $2, headers = to_jsonb($3::text) where id = $1',
    [endpointId, sealed(secret, 'secret'), sealed('{"X-Shop": "of the endpoint"}', 'headers')],
  );
  return secret;
}

async function enqueue(columns: Readonly<Record<string, unknown>>): Promise<string> {
  const names = Object.keys(columns);
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (${names.join(', ')})
     values (${names.map((_, at) => `$${at + 1}`).join(', ')})
     returning id`,
    Object.values(columns),
  );
  return rows[0]?.id ?? '';
}

function verified({ body, headers }: Received, secret: string): unknown {
  return new Webhook(secret).verify(body.toString(), headers as Record<string, string>);
}

it('forwards webhooks with their own headers and a genuine signature, and changes nothing', async () => {
  const endpoint = await subscribedEndpoint(database, { url: 'https://away.example/hook?x=1' });
  const secret = await sealFor(endpoint);
  const [event = ''] = await publishEvents(database, { body: '{"n": 1}' });
  const direct = await enqueue({
    endpoint_id: endpoint,
    body: '{"n": 2}',
    headers: { 'X-Order': '42' },
    idempotency_key: 'order-42',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });
  const before = await database.pool.query('select * from posthorn.queue order by webhook_id');
  const to = `${receiver.url}/hook?token=1`;
  const { exitCode, stdout, stderr } = await listen(['--to', to, '--since', '1m', '--lines', '2']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const [first, second] = receiver.requests;
  if (first === undefined || second === undefined) throw new Error('Not received');
  expect([first.path, second.path]).toEqual(['/hook?token=1', '/hook?token=1']);
  expect(verified(first, secret)).toEqual({ n: 1 });
  expect(verified(second, secret)).toEqual({ n: 2 });
  expect(first.headers).toMatchObject({ 'webhook-id': event, 'x-shop': 'of the endpoint' });
  expect(second.headers).toMatchObject({
    'webhook-id': direct,
    'x-webhook-id': direct,
    'x-order': '42',
    'x-shop': 'of the endpoint',
    'idempotency-key': 'order-42',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'content-type': 'application/json',
  });
  const [head, ...lines] = stdout.trimEnd().split('\n');
  expect(head).toBe(
    `Forwarding new webhooks and those of the last 60 s to ${receiver.url}/hook. Ctrl-C ends it.`,
  );
  expect(lines[0]).toMatch(
    /^\S+ \S+ {2}\S+ {2}order\.paid +200 +\d+ ms {2}https:\/\/away\.example\/hook$/,
  );
  // Below each other, whatever the event type.
  expect(lines[1]).toContain(`${direct}  -`);
  expect(lines[1]?.indexOf('200 ')).toBe(lines[0]?.indexOf('200 '));
  const after = await database.pool.query('select * from posthorn.queue order by webhook_id');
  expect(after.rows).toEqual(before.rows);
  const { rows } = await database.pool.query('select from posthorn.attempts');
  expect(rows).toEqual([]);
});

it('says what the local program answered, and when there is none', async () => {
  receiver.answer((_, response) => response.writeHead(422).end('{"error":\n "no such order"}'));
  await endedWebhooks(database, { to: 'https://away.example/', count: 1 });
  const since = ['--since', '1m', '--lines', '1'];
  const refused = await listen(['--to', receiver.url, ...since, '--json']);
  expect(JSON.parse(refused.stdout)).toMatchObject({
    event_id: null,
    event_type: null,
    endpoint_id: null,
    url: 'https://away.example/',
    status_code: 422,
    error: null,
    answer: '{"error":\n "no such order"}',
  });
  const shown = await listen(['--to', receiver.url, ...since]);
  expect(shown.stdout).toMatch(/422 .*\{"error": {2}"no such order"\}\n$/);
  const away = await listen(['--to', 'http://localhost:1/', ...since]);
  expect([away.exitCode, away.stdout]).toEqual([0, expect.stringContaining('connection_refused')]);
});

it('ends after so many, also if more are being sent', async () => {
  for (let n = 0; n < 12; n += 1) await enqueue({ url: `https://away.example/${n}`, body: '{}' });
  const args = ['--to', receiver.url, '--since', '1m', '--lines', '2'];
  const { exitCode, stdout, stderr } = await listen(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout.trimEnd().split('\n').slice(1)).toEqual([
    expect.stringMatching(/ 200 /),
    expect.stringMatching(/ 200 /),
  ]);
});

describe('a secret', () => {
  it('whose key is not in the ring is told, and nothing is sent without a signature', async () => {
    const { id, enqueue: add } = await registerEndpoint(database, { url: 'https://away.example/' });
    await sealFor(id);
    await add(1);
    const args = ['--to', receiver.url, '--endpoint', id, '--since', '1m', '--lines', '1'];
    const { exitCode, stdout } = await listen(args, {});
    expect(stdout).toContain('encryption_key_missing');
    expect(stdout).toContain('the encryption key "one" must be in POSTHORN_ENCRYPTION_KEYS');
    expect([exitCode, receiver.requests.length]).toEqual([0, 0]);
    // One of the developer's own needs no key.
    const own = makeSecret('hmac');
    await listen([...args, '--secret', own], {});
    expect(verified(receiver.requests[0] as Received, own)).toBe(1);
  });

  it('of a webhook itself signs it', async () => {
    const secret = makeSecret('hmac');
    const id = await enqueue({ url: 'https://away.example/', body: '{}', secret });
    const { exitCode, stdout } = await listen(['--to', receiver.url, '--id', id]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(id)]);
    expect(verified(receiver.requests[0] as Received, secret)).toEqual({});
  });
});

it('forwards what comes from now on, goes on after the database was away, and ends with Ctrl-C', async () => {
  await endedWebhooks(database, { to: 'https://before.example/', count: 1 });
  const { id: endpoint, enqueue: add } = await registerEndpoint(database, {
    url: 'https://away.example/',
  });
  const child = spawn(
    process.execPath,
    [cli, 'listen', '--to', receiver.url, '--endpoint', endpoint, '--json'],
    {
      env: { ...process.env, DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  await using listening = watchProcess(child);
  await listening.line(/^Forwarding new webhooks to the endpoint .* Ctrl-C ends it\.$/);
  await add(1);
  await receiver.until((requests) => requests.length === 1);
  await using server = await connect(urlOfServer(database.url));
  const name = new URL(database.url).pathname.slice(1);
  await server.query(`alter database ${name} with allow_connections false`);
  await server.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
    name,
  ]);
  await listening.line(/^The database is away/);
  await server.query(`alter database ${name} with allow_connections true`);
  await listening.line(/^The database is back/);
  await add(1);
  await receiver.until((requests) => requests.length === 2);
  expect(receiver.requests.map(({ body }) => String(body))).toEqual(['1', '2']);
  expect(await listening.end('SIGINT')).toBe(0);
});

it.each<[number, string, string[]]>([
  [2, 'Say where to send them: --to http://localhost:3000/hooks', []],
  [2, '--to must be an http or https URL without a user name: "x" is not', ['--to', 'x']],
  [2, '"http://…@localhost/" is not', ['--to', 'http://me:hidden@localhost/?hidden']],
  [
    2,
    '--to must be on this machine, such as http://localhost:3000/hooks: "192.0.2.1" is not',
    ['--to', 'http://192.0.2.1/'],
  ],
  [2, '"0.0.0.0" is not', ['--to', 'http://0.0.0.0:3000/']],
  [2, '"name.invalid" is not', ['--to', 'http://name.invalid/']],
  [
    2,
    '--endpoint must be the id of an endpoint',
    ['--to', 'http://localhost:1/', '--endpoint', 'x'],
  ],
  [1, 'No endpoint with id', ['--to', 'http://localhost:1/', '--endpoint', unknownId()]],
  [1, 'No webhook', ['--to', 'http://localhost:1/', '--id', unknownId()]],
  [
    2,
    '--id cannot be combined with --since',
    ['--to', 'http://localhost:1/', '--id', unknownId(), '--since', '1m'],
  ],
  [
    2,
    '--since must be a time with a zone',
    ['--to', 'http://localhost:1/', '--since', 'yesterday'],
  ],
  [
    2,
    '--secret must be a secret as endpoints have them',
    ['--to', 'http://localhost:1/', '--secret', 'whsec_hidden'],
  ],
])('ends with %i and "%s"', async (code, message, args) => {
  const { exitCode, stdout, stderr } = await listen(args);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('hidden');
  expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
});

it('needs the rights of a worker, and says so', async () => {
  await using roles = await createTestRoles(await createTestDatabase());
  const { exitCode, stderr } = await runHere(['listen', '--to', receiver.url], {
    DATABASE_URL: roles.urls.reader,
  });
  expect(stderr).toContain('may not read bodies and secrets: it needs the rights of a worker');
  expect(exitCode).toBe(1);
});

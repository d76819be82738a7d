import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PosthornProcess, spawnPosthorn } from '../harness/process.ts';
import { startReceiver } from '../harness/receiver.ts';
import { answer, closedPort, startReceiver as startRawReceiver } from '../harness/receivers.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { eventually } from './support/eventually.ts';
import { scrape } from './support/scrape.ts';
import { forEachTest, forFile } from './support/world.ts';

// What a process says on stdout: a line per attempt, and never what is secret.

interface Line {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** 32 bytes in base64, with what the test looks for in it. */
const ringKey = `hunter2/ring/key/${'A'.repeat(26)}=`;

const database = forFile(createTestDatabase);
const receiver = forEachTest(startReceiver);
let posthorn: PosthornProcess;

beforeEach(async () => {
  await database.empty();
  receiver.answer(({ path }, response) => {
    response.statusCode = Number(/\d{3}/.exec(path)?.[0] ?? 200);
    response.end();
  });
});

afterEach(() => posthorn.end('SIGTERM'));

describe('the line of an attempt', () => {
  it('tells what was tried, how it ended, how long it took and what comes next', async () => {
    await start();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const id = await enqueue('/503?key=1', { priority: 'high', traceparent });
    const line = await lineOf(id);
    expect(line).toEqual({
      level: 30,
      time: expect.any(String),
      webhookId: id,
      attempt: 1,
      lane: expect.stringMatching(/^-?\d+$/),
      origin: receiver.url,
      priority: 'high',
      outcome: 'retry',
      reason: 'http_503',
      statusCode: 503,
      durationMs: expect.any(Number),
      waitMs: expect.any(Number),
      nextAt: expect.any(String),
      worker: 1,
      traceId: '0af7651916cd43dd8448eb211c80319c',
      msg: 'Attempt ended',
    });
    const dueMs = await eventually(async () => {
      const { rows } = await database.pool.query<{ due_at: Date }>(
        'select due_at from posthorn.queue where webhook_id = $1 and lease_until is null',
        [id],
      );
      return rows[0]?.due_at.getTime();
    }, 'its result is recorded');
    expect(Math.abs(dueMs - Date.parse(String(line['nextAt'])))).toBeLessThan(2_000);
  });

  it('names the endpoint, and the reason when there was no answer', async () => {
    await start();
    const endpoint = await registerEndpoint(database, {
      url: `http://127.0.0.1:${await closedPort()}/hook`,
      max_in_flight: 3,
    });
    await endpoint.enqueue(1);
    const line = await eventually(async () => attempts()[0], 'the attempt is logged');
    expect(line).toMatchObject({
      endpointId: endpoint.id,
      outcome: 'retry',
      reason: 'connection_refused',
    });
    expect(line).not.toHaveProperty('statusCode');
  });

  it('is there for what did not deliver, unless all are asked for', async () => {
    await start();
    const ids = [await enqueue('/200'), await enqueue('/404')];
    await lineOf(ids[1] ?? '');
    await delivered(1);
    expect(attempts().map(({ outcome }) => outcome)).toEqual(['failed']);
  });

  it('is there for all that are asked for', async () => {
    await start({ POSTHORN_LOG_ATTEMPTS: 'all' });
    const ids = [await enqueue('/200'), await enqueue('/404')];
    expect(await lineOf(ids[0] ?? '')).toMatchObject({ outcome: 'delivered', statusCode: 200 });
    expect(await lineOf(ids[1] ?? '')).toMatchObject({ outcome: 'failed', reason: 'http_404' });
  });

  it('is there for none when none is asked for', async () => {
    await start({ POSTHORN_LOG_ATTEMPTS: 'none' });
    await enqueue('/404');
    await enqueue('/200');
    await delivered(1);
    await posthorn.end('SIGTERM');
    expect(attempts()).toEqual([]);
  });
});

it('neither the log nor the metrics ever hold a body, a secret, a header, a query or a credential', async () => {
  await start({
    // A key in whose base64 there is something to look for.
    POSTHORN_ENCRYPTION_KEYS: `k1:${ringKey}`,
    REDIS_URL: `redis://:hunter2-redis@127.0.0.1:${await closedPort()}`,
    POSTHORN_LOG_ATTEMPTS: 'all',
    POSTHORN_LOG_LEVEL: 'trace',
    POSTHORN_RETRY_SCHEDULE: '50ms',
  });
  const address = await addressOf();
  receiver.answer(({ path }, response) => {
    response.statusCode = Number(/\d{3}/.exec(path)?.[0] ?? 200);
    response.setHeader('location', 'https://hunter2-user:hunter2-password@example.com/?hunter2');
    response.setHeader('retry-after', 'hunter2-retry-after');
    response.end('hunter2-response');
  });
  await using broken = await startRawReceiver({
    onRequest: (socket) => socket.end('hunter2-garbage\r\n\r\nhunter2-garbage'),
  });
  await using endless = await startRawReceiver({
    onRequest: (socket) => {
      socket.write(answer(200, { headers: { 'content-length': '99' }, body: 'hunter2-cut' }));
      socket.destroy();
    },
  });
  const targets = [
    ...[200, 302, 404, 410, 429, 500].map((status) => `${receiver.url}/${status}`),
    broken.url,
    endless.url,
    `http://127.0.0.1:${await closedPort()}/refused`,
    `https://127.0.0.1:${new URL(receiver.url).port}/tls`,
    'http://10.0.0.1/blocked',
    'http://receiver.invalid/unknown',
  ].map((target) => `${target}/hunter2-path?token=hunter2-query`);
  for (const target of targets) {
    await database.pool.query(
      `insert into posthorn.outbox (url, body, secret, headers, content_type)
       values ($1, '"hunter2-body"', 'hunter2-secret', '{"Authorization": "hunter2-header"}', 'text/x; hunter2=type')`,
      [target],
    );
  }
  const viaApi = (webhook: object) =>
    fetch(`${address}/webhooks/send`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'hunter2-api-header' },
      body: JSON.stringify({ body: 'hunter2-body', secret: 'hunter2-secret', ...webhook }),
    });
  expect((await viaApi({ url: 'http://hunter2-user:hunter2-password@127.0.0.1/' })).status).toBe(
    400,
  );
  expect((await viaApi({ url: `${receiver.url}/200?hunter2` })).status).toBe(202);
  expect((await fetch(`${address}/webhooks?hunter2=query`)).status).toBe(400);
  const answers = await useEndpoint(address);
  // By hand into the table: what no CHECK has seen.
  await database.pool.query('alter table posthorn.outbox drop constraint outbox_keeps_rules');
  await database.pool.query(
    "insert into posthorn.outbox (url, body) values ('http://hunter2-user:hunter2-password@127.0.0.1/', 'hunter2-body')",
  );
  await eventually(async () => {
    const { rows } = await database.pool.query('select from posthorn.queue');
    return rows.length === 0;
  }, 'every webhook has ended');
  const { text } = await scrape(address);
  await posthorn.end('SIGTERM');
  expect(answers.join('\n')).not.toContain('hunter2');
  expect(answers.join('\n')).not.toContain('sealed:');
  expect(await kept()).not.toContain('hunter2');
  const said = posthorn.output.join('\n');
  expect(attempts().length).toBeGreaterThan(targets.length * 1.5);
  expect(said).not.toContain('hunter2');
  expect(said).not.toContain('Failing row');
  // That of the test's own server; another one may have none.
  const { password } = new URL(database.url);
  if (password !== '') expect(said).not.toContain(password);
  expect(text).not.toContain('hunter2');
  // What was sent and what was answered did hold it.
  expect(JSON.stringify(receiver.requests.map(({ path, headers }) => [path, headers]))).toContain(
    'hunter2-header',
  );
  const { rows } = await database.pool.query(
    "select from posthorn.attempts where response_body like '%hunter2%'",
  );
  expect(rows.length).toBeGreaterThan(5);
});

/** Registers an endpoint with secrets and headers, rotates and tests it, and has it refused; all that the API says of it. */
async function useEndpoint(address: string): Promise<string[]> {
  const answers: string[] = [];
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(address + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    answers.push(await response.text());
    return response.status;
  };
  const fields = {
    url: `${receiver.url}/200/endpoint`,
    secret: 'hunter2-endpoint-secret',
    headers: { Authorization: 'hunter2-endpoint-header' },
  };
  expect(await ask('POST', '/endpoints', fields)).toBe(201);
  const { id } = JSON.parse(answers[0] ?? '') as { id: string };
  const rotate = `/endpoints/${id}/secret/rotate`;
  expect(await ask('POST', rotate, { secret: 'hunter2-rotated' })).toBe(200);
  expect(await ask('POST', rotate, { secret: 'whsec_hunter2' })).toBe(400);
  expect(await ask('POST', rotate, { secret: 'whsk_hunter2' })).toBe(400);
  expect(await ask('PATCH', `/endpoints/${id}`, { headers: { 'X-Y': 'hunter2\n' } })).toBe(400);
  expect(await ask('POST', '/webhooks/send', { endpoint_id: id, body: 'x' })).toBe(202);
  expect(await ask('POST', `/endpoints/${id}/test`)).toBe(202);
  expect(await ask('GET', `/endpoints/${id}`)).toBe(200);
  expect(await ask('GET', '/endpoints')).toBe(200);
  await eventually(
    async () => receiver.requests.filter(({ path }) => path === '/200/endpoint').length === 2,
    'the endpoint got its webhook and its test',
  );
  return answers;
}

/** All that Postgres keeps of the endpoint, of keys, and of jobs. */
async function kept(): Promise<string> {
  const tables = ['endpoints', 'secret_keys', 'sealing', 'maintenance_runs', 'redacted_endpoints'];
  const found = await Promise.all(
    [...tables.map((name) => `posthorn.${name}`), 'posthorn_graphile._private_jobs'].map((name) =>
      database.pool.query(`select to_json(t)::text as text from ${name} as t`),
    ),
  );
  const text = JSON.stringify(found.map(({ rows }) => rows));
  expect(text).toContain('sealed:v1:k1:');
  return text;
}

async function start(env: Record<string, string> = {}): Promise<void> {
  posthorn = spawnPosthorn('start', { DATABASE_URL: database.url, PORT: '0', ...env });
  await posthorn.line(/Worker ready/);
}

async function addressOf(): Promise<string> {
  const line = await posthorn.line(/http:\/\/127\.0\.0\.1:\d+/);
  return /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? '';
}

function attempts(): Line[] {
  return posthorn.output
    .filter((line) => line.startsWith('{'))
    .map((line): Line => JSON.parse(line))
    .filter(({ msg }) => msg === 'Attempt ended');
}

function lineOf(webhookId: string): Promise<Line> {
  return eventually(
    async () => attempts().find((line) => line['webhookId'] === webhookId),
    `the attempt of ${webhookId} is logged`,
  );
}

async function delivered(count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query(
      "select from posthorn.outcomes where status = 'delivered'",
    );
    return rows.length === count;
  }, `${count} are delivered`);
}

async function enqueue(
  path: string,
  {
    priority = 'normal',
    traceparent = null,
  }: { priority?: string; traceparent?: string | null } = {},
): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body, priority, traceparent)
     values ($1, '{}', $2, $3) returning id`,
    [`${receiver.url}${path}`, priority, traceparent],
  );
  return rows[0]?.id ?? '';
}

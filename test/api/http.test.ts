import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHealth, type Readiness } from '../../src/api/health.ts';
import { serveApi } from '../../src/api/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

/** Sends bytes as they are and reads until the server closes. */
async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(request);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  await once(socket, 'close');
  return answer;
}

describe('routes', () => {
  it('answer with a request id, and are not kept in caches', async () => {
    const { headers } = await api.ask('/healthz');
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });
});

it('an Expect that nobody knows is passed over', async () => {
  const answer = await raw(
    api.port,
    'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n',
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).toContain('{"ok":true}');
});

it('what follows a request and is not HTTP is refused after its answer, so that it is known to have been carried out', async () => {
  const body = '{"url":"https://example.com/hooks","body":1}';
  const answer = await raw(
    api.port,
    'POST /webhooks/send HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n' +
      `Content-Length: ${body.length}\r\n\r\n${body}garbage\r\n\r\n`,
  );
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 202', 'HTTP/1.1 400']);
  expect(answer).toContain('"code":"invalid_request"');
});

it('requests that are sent ahead are begun one after the other, and answered in their order', async () => {
  let underWay = 0;
  let most = 0;
  const served = await serveApi({
    app: {
      fetch: async ({ url }) => {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return new Response(`[${new URL(url).pathname}]`);
      },
    },
    host: '127.0.0.1',
    port: 0,
  });
  const body = 'x'.repeat(5_000);
  const ahead = Array.from({ length: 200 }, (_, at) =>
    at % 3 === 0
      ? `POST /${at} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      : `GET /${at} HTTP/1.1\r\nHost: x\r\n\r\n`,
  );
  const last = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const answer = await raw(served.port, ahead.join('') + last);
  expect(answer.match(/\[[^\]]*\]/g)).toEqual([...ahead.map((_, at) => `[/${at}]`), '[/last]']);
  expect(most).toBe(1);
  await served.close(0);
});

it('what was sent ahead on a connection that has ended is not begun', async () => {
  const begun: string[] = [];
  const first = Promise.withResolvers<Response>();
  const served = await serveApi({
    app: {
      fetch: ({ url }) => {
        begun.push(new URL(url).pathname);
        return first.promise;
      },
    },
    host: '127.0.0.1',
    port: 0,
  });
  const socket = connect(served.port, '127.0.0.1');
  socket.write(
    ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''),
  );
  await eventually(async () => begun.length > 0, 'the first has begun');
  socket.resetAndDestroy();
  first.resolve(new Response('late'));
  // The server closes when it has no connection left.
  await served.close(5_000);
  expect(begun).toEqual(['/1']);
});

it('who does not read an answer is cut off', async () => {
  const served = await serveApi({
    app: { fetch: () => new Response('x'.repeat(50_000_000)) },
    host: '127.0.0.1',
    port: 0,
    silenceMs: 200,
  });
  const socket = connect(served.port, '127.0.0.1').pause();
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  // It would wait for the answer to be read.
  await served.close(60_000);
  socket.destroy();
});

it('of more connections than there may be, the one that was idle for longest makes room', async () => {
  const held = Promise.withResolvers<Response>();
  const served = await serveApi({
    app: { fetch: ({ url }) => (url.endsWith('/held') ? held.promise : new Response('free')) },
    host: '127.0.0.1',
    port: 0,
    mostConnections: 3,
  });
  const open = async (path: string) => {
    const socket = connect(served.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    if (path === '/free') await once(socket, 'data');
    return socket;
  };
  const busy = await open('/held');
  const idle = [await open('/free'), await open('/free')];
  const closed = once(idle[0] ?? busy, 'close');
  const another = await open('/free');
  await closed;
  held.resolve(new Response('held'));
  const [answer] = await once(busy, 'data');
  expect(String(answer)).toContain('held');
  for (const socket of [busy, another, ...idle]) socket.destroy();
  await served.close(0);
});

it('large bodies that come at the same time are refused where there is no room for more', async () => {
  const length = 1_500_000;
  const head = `POST /webhooks/send HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  const refused = Promise.withResolvers<string>();
  const sockets = Array.from({ length: 25 }, () => {
    const socket = connect(api.port, '127.0.0.1');
    socket.on('data', (answer) => refused.resolve(String(answer)));
    // Without its end, so that they are all held.
    socket.write(head + ' '.repeat(length - 1));
    return socket;
  });
  const answer = await refused.promise;
  expect(answer).toMatch(/^HTTP\/1\.1 503 /);
  expect(answer).toContain('"code":"too_busy"');
  expect(answer.toLowerCase()).toContain('retry-after: 1\r\n');
  for (const socket of sockets) socket.destroy();
  await eventually(
    async () => (await api.send(`${' '.repeat(length - 100)}{}`)).status === 400,
    'there is room again',
  );
});

it.each([
  ['Host', '127.0.0.1'],
  ['Idempotency-Key', 'a'],
  ['Authorization', 'Bearer a'],
  ['Content-Type', 'application/json'],
  ['Content-Encoding', 'identity'],
  ['Origin', 'http://127.0.0.1'],
  ['Sec-Fetch-Site', 'none'],
])('%s is refused when it is there twice', async (name, value) => {
  const lines = [`${name}: ${value}`, `${name.toLowerCase()}: ${value}`];
  if (name !== 'Host') lines.push('Host: 127.0.0.1');
  if (name !== 'Content-Type') lines.push('Content-Type: application/json');
  const body = '{"url":"https://example.com/hooks","body":1}';
  const answer = await raw(
    api.port,
    `POST /webhooks/send HTTP/1.1\r\n${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer.toLowerCase()).toContain(`must have one ${name.toLowerCase()} at most`);
});

it.each([
  ['DELETE', '/endpoints/:id'],
  ['POST', '/replays/:id/cancel'],
])('%s %s does nothing when what follows its headers is broken', async (method, path) => {
  const { rows } = await database.pool.query<{ endpoint: string; replay: string }>(
    `with e as (insert into posthorn.endpoints (url) values ('https://example.com/') returning id),
       r as (insert into posthorn.replays (endpoint_id) select id from e returning id)
     select e.id as endpoint, r.id as replay from e, r`,
  );
  const { endpoint = '', replay = '' } = rows[0] ?? {};
  const id = path.startsWith('/endpoints') ? endpoint : replay;
  const answer = await raw(
    api.port,
    `${method} ${path.replace(':id', id)} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  const { json: kept } = await api.ask(`/endpoints/${endpoint}`);
  const { json: going } = await api.ask(`/replays/${replay}`);
  expect([kept.status, going.status]).toEqual(['active', 'running']);
});

describe('health', () => {
  async function withHealth(
    readiness: () => Promise<Readiness>,
    ask: (url: string) => Promise<void>,
  ): Promise<void> {
    const app = createHealth({ readiness });
    const served = await serveApi({ app, host: '127.0.0.1', port: 0 });
    await ask(`http://127.0.0.1:${served.port}`);
    await served.close(0);
  }

  it('is alive, and ready when all parts are', async () => {
    const checks = { database: 'ok', worker: 'not here' };
    await withHealth(
      async () => ({ ready: true, checks }),
      async (url) => {
        expect((await fetch(`${url}/healthz?probe=1`)).status).toBe(200);
        const answer = await fetch(`${url}/readyz`);
        expect(answer.status).toBe(200);
        expect(await answer.json()).toEqual({ ready: true, checks });
        expect((await fetch(`${url}/webhooks`)).status).toBe(404);
      },
    );
  });

  it('is alive but not ready when a part is not, and says which', async () => {
    const checks = { database: 'unreachable', worker: 'starting' };
    await withHealth(
      async () => ({ ready: false, checks }),
      async (url) => {
        expect((await fetch(`${url}/healthz`)).status).toBe(200);
        const answer = await fetch(`${url}/readyz`);
        expect(answer.status).toBe(503);
        expect(await answer.json()).toEqual({ ready: false, checks });
      },
    );
  });

  it('is not ready when it cannot be told', async () => {
    await withHealth(
      () => Promise.reject(new Error('no')),
      async (url) => {
        expect((await fetch(`${url}/readyz`)).status).toBe(503);
      },
    );
  });
});

describe('close', () => {
  /** An app whose answer comes when it is told. */
  async function serveSlow() {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Response>();
    const app = {
      fetch: () => {
        asked.resolve();
        return answer.promise;
      },
    };
    const served = await serveApi({ app, host: '127.0.0.1', port: 0 });
    return { served, asked: asked.promise, answer, url: `http://127.0.0.1:${served.port}/` };
  }

  it('lets a request under way end, and does not wait for connections that are idle', async () => {
    const { served, asked, answer, url } = await serveSlow();
    const idle = connect(served.port, '127.0.0.1');
    await once(idle, 'connect');
    const response = fetch(url);
    await asked;
    // Much longer than a test may take.
    const closed = served.close(600_000);
    answer.resolve(new Response('done'));
    expect(await (await response).text()).toBe('done');
    await closed;
    await expect(fetch(url)).rejects.toThrow();
    idle.destroy();
  });

  it('cuts what does not end in time', async () => {
    const { served, asked, url } = await serveSlow();
    const response = fetch(url).then(
      () => 'answered',
      () => 'cut',
    );
    await asked;
    await served.close(50);
    expect(await response).toBe('cut');
  });
});

it('rejects when the port is taken', async () => {
  const app = createHealth({ readiness: async () => ({ ready: true, checks: {} }) });
  await expect(serveApi({ app, host: '127.0.0.1', port: api.port })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

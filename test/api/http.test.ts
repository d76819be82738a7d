import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHealth, type Readiness } from '../../src/api/health.ts';
import { serveApi } from '../../src/api/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
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
    const start = performance.now();
    const closed = served.close(10_000);
    answer.resolve(new Response('done'));
    expect(await (await response).text()).toBe('done');
    await closed;
    expect(performance.now() - start).toBeLessThan(5_000);
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

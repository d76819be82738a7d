import { readdirSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { createStartingApp } from '../../src/api/starting.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// The headers of answers as browsers must see them: written out here, as the source may not be its own witness.

const ofAnAnswer = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

const ofThePage = {
  ...ofAnAnswer,
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'cross-origin-opener-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

// Files for the type checker are not served.
const files = readdirSync(new URL('../../dashboard/', import.meta.url)).filter(
  (name) => !/\.ts$|^tsconfig/.test(name),
);
const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

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

/** A path as it is written, which fetch would tidy up. */
async function ask(path: string, method = 'GET'): Promise<{ status: number; headers: object }> {
  return await new Promise((resolve, reject) => {
    get({ port: api.port, host: '127.0.0.1', method, path }, (response) => {
      const { statusCode = 0, headers } = response.resume();
      resolve({ status: statusCode, headers });
    }).on('error', reject);
  });
}

async function raw(port: number, request: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let text = '';
    socket.on('data', (data) => {
      text += String(data);
    });
    socket.on('close', () => resolve(text.toLowerCase()));
    socket.on('error', reject);
  });
}

describe('every answer forbids to keep it, to sniff it, to frame it and to load anything', () => {
  it.each([
    ['JSON', 'GET', '/webhooks', 200],
    ['a fixed text', 'GET', '/openapi.json', 200],
    ['the health', 'GET', '/healthz', 200],
    ['a problem', 'GET', '/webhooks/x', 400],
    ['no such path', 'GET', '/no-such-path', 404],
    ['no such file', 'GET', '/dashboard/no-such-file.js', 404],
    ['another method', 'PUT', '/webhooks', 405],
    ['a redirect', 'GET', '/docs', 302],
  ])('when it is %s', async (_, method, path, status) => {
    expect(await ask(path, method)).toMatchObject({ status, headers: ofAnAnswer });
  });

  it.each([
    ['no HTTP', 'nonsense\r\n\r\n', 400],
    ['too large headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['no Host', 'GET /webhooks HTTP/1.1\r\n\r\n', 400],
  ])('when it is to %s', async (_, request, status) => {
    const answer = await raw(api.port, request);
    expect(answer).toContain(`http/1.1 ${status} `);
    for (const [name, value] of Object.entries(ofAnAnswer)) {
      expect(answer).toContain(`${name}: ${value}\r\n`);
    }
  });

  it('when Posthorn is starting', async () => {
    const app = createStartingApp({ database: 'migrating' });
    const served = await serveApi({ app, host: '127.0.0.1', port: 0 });
    for (const [path, status] of [
      ['/webhooks', 503],
      ['/readyz', 503],
      ['/healthz', 200],
    ] as const) {
      const answer = await fetch(`http://127.0.0.1:${served.port}${path}`);
      const { headers } = answer;
      expect([path, answer.status]).toEqual([path, status]);
      expect(Object.fromEntries(headers)).toMatchObject(ofAnAnswer);
      expect(headers.get('retry-after')).toBe(status === 503 ? '5' : null);
    }
    await served.close(0);
  });
});

describe('the dashboard runs and loads nothing but its own files, and nothing frames it', () => {
  it.each(['/', ...files.map((name) => `/dashboard/${name}`)])('at %s', async (path) => {
    const ending = path === '/' ? 'html' : path.replace(/^.*\./, '');
    const { status, headers } = await ask(path);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ ...ofThePage, 'content-type': types[ending] });
    expect(headers).toMatchObject({ 'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  it.each([
    ['preact.js', 'text/javascript; charset=utf-8'],
    ['uplot.js', 'text/javascript; charset=utf-8'],
    ['uplot.css', 'text/css; charset=utf-8'],
  ])('at /dashboard/vendor/%s', async (name, type) => {
    const { status, headers } = await ask(`/dashboard/vendor/${name}`);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ ...ofThePage, 'content-type': type });
  });

  it.each([
    '/dashboard/',
    '/dashboard/../package.json',
    '/dashboard/%2e%2e/package.json',
    '/dashboard/..%2fpackage.json',
    '/dashboard//etc/passwd',
    '/dashboard/constructor',
    '/dashboard/__proto__',
    '/dashboard/toString',
    '/dashboard/index.html%00.js',
  ])('and %s is no file of it', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it.each(['/', '/docs', '/dashboard/app.js'])('and %s is only read', async (path) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      expect(await ask(path, method)).toMatchObject({
        status: 405,
        headers: { allow: 'GET, HEAD' },
      });
    }
    expect((await ask(path, 'HEAD')).status).toBe(path === '/docs' ? 302 : 200);
  });
});

it('/docs leads to the page of the API', async () => {
  expect(await ask('/docs')).toMatchObject({ status: 302, headers: { location: '/#/api' } });
});

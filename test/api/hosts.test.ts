import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { bearer, keyedApiForEachTest } from './keyed-api.ts';

// A page whose name was made to lead here is one and the same origin to a browser; but it sends its name.

const keyed = keyedApiForEachTest();
const { makeKey, serve } = keyed;

async function ask(
  port: number,
  {
    host,
    method = 'GET',
    path = '/webhooks',
    headers = {},
  }: {
    readonly host: string;
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<number | undefined> {
  return await new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', method, path, headers: { host, ...headers } }, (response) =>
      resolve(response.resume().statusCode),
    )
      .on('error', reject)
      .end(method === 'POST' ? '{"url":"https://example.com/","body":1}' : '');
  });
}

describe('without a key', () => {
  it.each([
    'evil.example',
    'evil.example:8080',
    '192.0.2.7',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
  ])('nobody is answered who calls this machine %s', async (host) => {
    expect(await ask(keyed.api.port, { host })).toBe(403);
  });

  it.each(['localhost', '127.0.0.1:1', '127.1.2.3', '[::1]', 'localhost.'])(
    'whoever calls it %s is answered',
    async (host) => {
      expect(await ask(keyed.api.port, { host })).toBe(200);
    },
  );

  it('what is public is answered under any name', async () => {
    for (const path of ['/healthz', '/', '/dashboard/app.js']) {
      expect(await ask(keyed.api.port, { host: 'evil.example', path })).toBe(200);
    }
  });
});

it('with a key the name does not matter', async () => {
  const { key } = await makeKey();
  expect(await ask(keyed.api.port, { host: 'hooks.example', headers: bearer(key) })).toBe(200);
});

it.each([
  ['evil.example', 403],
  ['evil.example:8080', 403],
  ['hooks.example.evil.example', 403],
  ['192.0.2.7', 403],
  ['localhost', 200],
  ['localhost:8080', 200],
  ['127.0.0.1:8080', 200],
  ['[::1]:8080', 200],
  ['hooks.example', 200],
  ['HOOKS.example:443', 200],
])('where nobody is asked for a key, who calls the API %s is answered %i', async (host, status) => {
  await using open = await serve({ auth: 'off', allowedHosts: ['hooks.example'] });
  expect(await ask(open.port, { host })).toBe(status);
  const page = { origin: `http://${host.toLowerCase()}`, 'sec-fetch-site': 'same-origin' };
  const sent = await ask(open.port, {
    host,
    method: 'POST',
    path: '/webhooks/send',
    headers: { 'content-type': 'application/json', ...page },
  });
  expect(sent).toBe(status === 200 ? 202 : 403);
});

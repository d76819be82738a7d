import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// What a request may be at most, and what a page of the dashboard may do at most.

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

it.each([
  [65_536, 201],
  [65_537, 413],
])(
  'an endpoint in %i bytes that come without their length is answered %i',
  async (bytes, status) => {
    const json = '{"url":"https://receiver.example/"}'.padEnd(bytes);
    const request: RequestInit = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Blob([json]).stream(),
      duplex: 'half',
    };
    expect((await fetch(`http://127.0.0.1:${api.port}/endpoints`, request)).status).toBe(status);
  },
);

it.each(['/', '/dashboard/app.js'])(
  '%s may run and load its own files alone, makes no markup of text, and is framed by no page',
  async (path) => {
    const { headers } = await fetch(`http://127.0.0.1:${api.port}${path}`);
    expect(headers.get('content-security-policy')?.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]);
  },
);

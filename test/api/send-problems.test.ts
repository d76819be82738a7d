import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// Each single fault is a row of test/catalogue; here is what holds for many.

const url = 'https://example.com/hooks';

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

// Whatever is refused leaves nothing.
afterEach(async () => {
  const { rows } = await database.pool.query(
    'select 1 from posthorn.outbox union all select 1 from posthorn.queue union all select 1 from posthorn.idempotency_keys',
  );
  expect(rows).toHaveLength(0);
});

describe('a field', () => {
  it('is one of all that are wrong', async () => {
    const { json } = await api.send({ url: 'x', priority: 'y', z: 1 });
    expect(json.errors.map(({ code }) => code)).toEqual([
      'invalid_url',
      'invalid_priority',
      'unknown_field',
      'missing_body',
    ]);
  });

  it('is not repeated when it may be a secret', async () => {
    const secrets = {
      url: 'https://user:hunter2@example.com/?token=hunter2',
      secret: 'whsec_hunter2',
      headers: { Authorization: 'hunter2\n', a: 1 },
      body: 'hunter2\0',
    };
    for (const [name, value] of Object.entries(secrets)) {
      const { status, text } = await api.send({ url, body: 1, [name]: value });
      expect(status).toBe(400);
      expect(text).not.toContain('hunter2');
    }
    expect(JSON.stringify(api.logged)).not.toContain('hunter2');
  });
});

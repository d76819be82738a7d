import type { DatabasePool } from 'slonik';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { AuthenticationOptions } from '../../src/api/authentication.ts';
import type { ApiScope } from '../../src/domain/api-key.ts';
import { createApiKey } from '../../src/queries/api-keys.ts';
import { createQueryPool } from '../../src/queries/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

export const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** The API, which no request has come to, over a database that never had a key. */
export interface KeyedApi {
  readonly database: TestDatabase;
  readonly api: TestApi;
  /** By it the API tells how long it has known something. */
  readonly clock: { nowMs: number };
  makeKey(scopes?: readonly ApiScope[], expiresAt?: string | null): ReturnType<typeof createApiKey>;
  /** Another process over the same database, with settings of its own. */
  serve(authentication?: Partial<AuthenticationOptions>): Promise<TestApi>;
}

/** A fresh API for each test of a file. They share one database, from which the keys are taken again. */
export function keyedApiForEachTest(): KeyedApi {
  let database: TestDatabase;
  let pool: DatabasePool;
  let api: TestApi;
  const clock = { nowMs: 0 };
  const serve: KeyedApi['serve'] = async (authentication = {}) =>
    await serveTestApi(database.url, {
      pool,
      authentication: {
        auth: 'keys',
        environmentKey: undefined,
        rateLimitPerS: undefined,
        nowMs: () => clock.nowMs,
        ...authentication,
      },
    });

  beforeAll(async () => {
    database = await createTestDatabase();
    pool = await createQueryPool({ databaseUrl: database.url, maximumPoolSize: 10 });
  });
  beforeEach(async () => {
    await database.pool.query('truncate posthorn.api_keys');
    clock.nowMs = 1_000_000;
    api = await serve();
  });
  afterEach(() => api.close());
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  return {
    get database() {
      return database;
    },
    get api() {
      return api;
    },
    clock,
    makeKey: async (scopes = ['read'], expiresAt = null) =>
      await createApiKey(pool, { name: 'test', scopes, expiresAt }),
    serve,
  };
}

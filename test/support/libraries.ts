import { drizzle } from 'drizzle-orm/node-postgres';
import { drizzle as drizzleOnPostgresJs } from 'drizzle-orm/postgres-js';
import knex from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import postgres from 'postgres';
import { createPool } from 'slonik';
import type { Transaction } from '../../src/transaction/transaction.ts';

// The libraries by which programs talk to Postgres, each with a transaction of its own kind.

export interface Library extends AsyncDisposable {
  /** Commits what the work has done, or rolls it back if the work throws. */
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;
}

/** Opens each of them as its documentation says. */
export const libraries: Readonly<Record<string, (url: string) => Promise<Library>>> = {
  pg: async (url) => {
    const pool = new pg.Pool({ connectionString: url });
    return {
      transaction: async (work) => {
        const client = await pool.connect();
        try {
          await client.query('begin');
          const result = await work(client);
          await client.query('commit');
          return result;
        } catch (error) {
          await client.query('rollback');
          throw error;
        } finally {
          client.release();
        }
      },
      [Symbol.asyncDispose]: () => pool.end(),
    };
  },

  'postgres.js': async (url) => {
    const sql = postgres(url);
    return {
      // Its type says that the lists in a result are resolved too.
      transaction: async <Result>(work: (tx: Transaction) => Promise<Result>) =>
        (await sql.begin(async (tx) => ({ result: await work(tx) }))).result as Result,
      [Symbol.asyncDispose]: () => sql.end(),
    };
  },

  slonik: async (url) => {
    const pool = await createPool(url);
    return {
      transaction: (work) => pool.transaction((tx) => work(tx)),
      [Symbol.asyncDispose]: () => pool.end(),
    };
  },

  Knex: async (url) => {
    const db = knex({ client: 'pg', connection: url });
    return {
      transaction: (work) => db.transaction((trx) => work(trx)),
      [Symbol.asyncDispose]: () => db.destroy(),
    };
  },

  Kysely: async (url) => {
    const db = new Kysely<Record<string, never>>({
      dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
    });
    return {
      transaction: (work) => db.transaction().execute((trx) => work(trx)),
      [Symbol.asyncDispose]: () => db.destroy(),
    };
  },

  'Drizzle on pg': async (url) => {
    const pool = new pg.Pool({ connectionString: url });
    const db = drizzle(pool);
    return {
      transaction: (work) => db.transaction((tx) => work(tx)),
      [Symbol.asyncDispose]: () => pool.end(),
    };
  },

  'Drizzle on postgres.js': async (url) => {
    const sql = postgres(url);
    const db = drizzleOnPostgresJs(sql);
    return {
      transaction: (work) => db.transaction((tx) => work(tx)),
      [Symbol.asyncDispose]: () => sql.end(),
    };
  },
};

import type pg from 'pg';
import type { z } from 'zod';
import { pinStatement } from '../db/session-settings.ts';

/** Queries the database; each query is a separate, short, read-only transaction. */
export interface Look {
  all<Row extends z.ZodType>(row: Row, text: string, values?: unknown[]): Promise<z.infer<Row>[]>;
  one<Row extends z.ZodType>(row: Row, text: string, values?: unknown[]): Promise<z.infer<Row>>;
}

/**
 * Separate transactions have three reasons: the doctor pins no xmin, a query that fails does not spoil the others, and
 * it works behind any pooler. On an overloaded server it gives up instead of waiting. The search path has nothing of
 * Posthorn's or an application's, so names are written with their schema.
 */
const preamble = [
  'begin transaction read only',
  "set local statement_timeout = '5s'",
  "set local lock_timeout = '1s'",
  'set local jit = off',
  pinStatement({ isLocal: true, isReader: true }),
].join('; ');

export function lookThrough(client: pg.Client): Look {
  const all: Look['all'] = async (row, text, values = []) => {
    await client.query(preamble);
    try {
      const { rows } = await client.query(text, values);
      return rows.map((one: unknown) => row.parse(one));
    } finally {
      await client.query('rollback');
    }
  };
  return {
    all,
    one: async (row, text, values) => row.parse((await all(row, text, values))[0]),
  };
}

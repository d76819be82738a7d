import type pg from 'pg';
import type { z } from 'zod';
import { pinStatement } from '../db/session-settings.ts';

/** Asks the database; each question in a transaction of its own that cannot write and does not last. */
export interface Look {
  all<Row extends z.ZodType>(row: Row, text: string, values?: unknown[]): Promise<z.infer<Row>[]>;
  one<Row extends z.ZodType>(row: Row, text: string, values?: unknown[]): Promise<z.infer<Row>>;
}

/**
 * A transaction of its own, so that the doctor pins no xmin, that one question that fails does not take the others along, and that it
 * works behind any pooler. On a server in distress it gives up rather than wait. With nothing of Posthorn's in the search
 * path, names are said with their schema: the embedded Postgres' role is named like it.
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

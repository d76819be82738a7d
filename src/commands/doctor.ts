import { readConfig } from '../config/config.ts';
import { settledUrl } from '../db/connection-url.ts';
import { examine } from '../doctor/examine.ts';
import { worstOf } from '../doctor/finding.ts';
import { repair } from '../doctor/repair.ts';
import { jsonReport, repairReport, textReport } from '../doctor/report.ts';
import { joinKeyRings } from '../domain/key-ring.ts';
import { findEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { readKeyFile } from '../secrets/key-file.ts';
import { version } from '../version.ts';
import { terminalOf } from './terminal.ts';

/**
 * `posthorn doctor`: checks the database and says what is wrong with it. It changes nothing, unless it is told to
 * repair what triggers have missed. Returns the exit code.
 */
export async function doctorCommand(options: {
  readonly isJson: boolean;
  /** Treats warnings as failures. */
  readonly isStrict: boolean;
  readonly isRepair: boolean;
}): Promise<number> {
  const { databaseUrl, dataDir, redisUrl, keyRing, environment } = readConfig(process.env);
  const isEmbedded = databaseUrl === undefined;
  const ofFile = isEmbedded ? await readKeyFile(dataDir) : undefined;
  const url = isEmbedded ? await findEmbeddedPostgres(dataDir) : await settledUrl(databaseUrl);
  const repaired = options.isRepair && url !== undefined ? await repair(url) : undefined;
  if (repaired !== undefined && !options.isJson) console.log(`${repairReport(repaired)}\n`);
  const findings = await examine({
    databaseUrl: url,
    isEmbedded,
    dataDir,
    redisUrl,
    environment,
    keyRing: joinKeyRings(keyRing, ofFile),
  });
  console.log(
    options.isJson
      ? jsonReport(findings, { version, repaired })
      : textReport(findings, { hasColours: terminalOf(process.stdout).hasColours }),
  );
  const worst = worstOf(findings);
  return worst === 'fail' || (worst === 'warn' && options.isStrict) ? 1 : 0;
}

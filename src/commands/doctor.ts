import { readConfig } from '../config.ts';
import { findEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { examine } from '../doctor/examine.ts';
import { worstOf } from '../doctor/finding.ts';
import { jsonReport, textReport } from '../doctor/report.ts';
import { joinKeyRings } from '../domain/key-ring.ts';
import { readKeyFile } from '../secrets/key-file.ts';
import { version } from '../version.ts';
import { terminalOf } from './terminal.ts';

/** `posthorn doctor`: looks at the database, says what is wrong with it, and changes nothing. Returns the exit code. */
export async function doctorCommand(options: {
  readonly isJson: boolean;
  /** Warnings are failures. */
  readonly isStrict: boolean;
}): Promise<number> {
  const { databaseUrl, dataDir, redisUrl, keyRing, environment } = readConfig(process.env);
  const isEmbedded = databaseUrl === undefined;
  const ofFile = isEmbedded ? await readKeyFile(dataDir) : undefined;
  const findings = await examine({
    databaseUrl: databaseUrl ?? (await findEmbeddedPostgres(dataDir)),
    isEmbedded,
    dataDir,
    redisUrl,
    environment,
    keyRing: joinKeyRings(keyRing, ofFile),
  });
  console.log(
    options.isJson
      ? jsonReport(findings, { version })
      : textReport(findings, { hasColours: terminalOf(process.stdout).hasColours }),
  );
  const worst = worstOf(findings);
  return worst === 'fail' || (worst === 'warn' && options.isStrict) ? 1 : 0;
}

import type pg from 'pg';
import { connect } from '../db/connect.ts';
import { type Line, lineOf } from '../db/line.ts';
import type { Grantee } from '../db/rights.ts';
import { prefixInUse } from '../db/roles.ts';
import { isUpToDate, type SchemaState, schemaState } from '../db/schema-state.ts';
import { codeOf } from '../db/sqlstate.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { readHold } from './facts/hold.ts';
import { readHorizon } from './facts/horizon.ts';
import { readMisruled, readMissed } from './facts/missed.ts';
import { askRedis } from './facts/redis.ts';
import { allRights, readGrants, readHeldRights, readOwner, readSeesJobs } from './facts/rights.ts';
import {
  readClock,
  readConnections,
  readPartitions,
  readStranded,
  readWorkers,
} from './facts/running.ts';
import { readSecretKeys } from './facts/secrets.ts';
import { type Override, readOverrides, readServer, type ServerFacts } from './facts/server.ts';
import { readTables } from './facts/tables.ts';
import { readVacuum } from './facts/vacuum.ts';
import { type Finding, verdictsOf } from './finding.ts';
import { judgeGrants, judgeLine, judgeRole, judgeSight, type RoleFacts } from './judge/access.ts';
import { judgeDurability, judgeTables } from './judge/durability.ts';
import { judgeHold } from './judge/hold.ts';
import { judgeHorizon } from './judge/horizon.ts';
import { judgeMisruled, judgeMissed } from './judge/missed.ts';
import {
  judgeClock,
  judgeConnections,
  judgeEncoding,
  judgePartitions,
  judgeRedis,
  judgeServer,
  judgeServerLog,
  judgeStranded,
  judgeWorkers,
  judgeWritable,
} from './judge/running.ts';
import { judgeGraphile, judgeMigrations } from './judge/schema.ts';
import { judgeSecrets } from './judge/secrets.ts';
import { judgeVacuum } from './judge/vacuum.ts';
import { type Look, lookThrough } from './look.ts';

/*
 * The doctor: looks at a database and says what is wrong with it. It only reads, and needs no schema, no rights and no
 * direct line for that: what it cannot see it says.
 */

interface Patient {
  /** Undefined when there is no DATABASE_URL and the embedded Postgres does not run. */
  readonly databaseUrl: string | undefined;
  readonly isEmbedded: boolean;
  /** Where the embedded Postgres would be. */
  readonly dataDir: string;
  readonly redisUrl: string | undefined;
  /** Of this environment, which may be another than the workers'. */
  readonly keyRing: KeyRing | undefined;
  /** POSTHORN_ENVIRONMENT of this environment; empty: not set. */
  readonly environment: string;
}

/** Everything there is to be said. Never throws. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const redis = askRedisOf(patient);
  const findings =
    patient.databaseUrl === undefined
      ? [nothingRuns(patient.dataDir)]
      : await examineDatabase({ ...patient, databaseUrl: patient.databaseUrl });
  return [...findings, judgeRedis(await redis)];
}

async function askRedisOf({ redisUrl }: Patient): Promise<Parameters<typeof judgeRedis>[0]> {
  if (redisUrl === undefined) return { isSet: false };
  return { isSet: true, answer: await askRedis(redisUrl) };
}

const connection = verdictsOf('connection', 'Postgres can be reached');

function nothingRuns(dataDir: string): Finding {
  return connection.fail(
    `DATABASE_URL is not set, and no embedded Postgres runs in ${dataDir}`,
    'posthorn start, which runs the embedded one; or set DATABASE_URL, or POSTHORN_DATA_DIR.',
  );
}

async function examineDatabase(
  patient: Patient & { readonly databaseUrl: string },
): Promise<Finding[]> {
  let client: pg.Client;
  try {
    client = await connect(patient.databaseUrl, {
      application_name: 'posthorn doctor',
      query_timeout: 10_000,
    });
  } catch (error) {
    return [
      connection.fail(
        error instanceof Error ? error.message : String(error),
        'Start Postgres, or correct DATABASE_URL.',
      ),
    ];
  }
  try {
    const look = lookThrough(client);
    const server = await readServer(look);
    const line = await lineOf(client, patient.databaseUrl);
    return await examineServer({ ...patient, client, look, server, line });
  } catch (error) {
    return [connection.fail(`it was lost: ${String(error)}`, 'Look into the log of Postgres.')];
  } finally {
    await client.end().catch(() => {});
  }
}

interface Bedside extends Patient {
  readonly client: pg.Client;
  readonly look: Look;
  readonly server: ServerFacts;
  readonly line: Line;
}

/** One thing to look at, under the name of its first check. */
type Step = readonly [check: string, look: () => Promise<Finding | readonly Finding[]>];

async function examineServer(bedside: Bedside): Promise<Finding[]> {
  const { client, look, server, line } = bedside;
  const { settings, is_in_recovery: isInRecovery } = server;
  const state = await visibleState(client);
  const overrides = await readOverrides(look);
  const schemaSteps = state === undefined || isUpToDate(state) ? stepsInSchema : () => [];
  return await inOrder([
    ['connection', async () => connection.ok(`to ${server.database} as ${server.role}`)],
    ['line', async () => judgeLine(line)],
    ['server version', async () => judgeServer(server)],
    ['encoding', async () => judgeEncoding(server)],
    ['primary', async () => judgeWritable(server)],
    ['fsync', async () => judgeDurability(server, overrides)],
    ['migrations', async () => judgeMigrations(state)],
    ['graphile worker', async () => judgeJobs(bedside, state)],
    ...schemaSteps({ ...bedside, overrides }),
    ['sight', async () => judgeSight(server)],
    [
      'open transactions',
      async () => judgeHorizon(await readHorizon(look, { isInRecovery }), settings),
    ],
    ['autovacuum', async () => judgeVacuum(await readVacuum(look), server)],
    ['connections', async () => judgeConnections(await readConnections(look), server)],
    ['clock', async () => judgeClock(await readClock(look))],
    ['server log', async () => judgeServerLog(server)],
  ]);
}

/** What there is to look at in a schema that is up to date. */
function stepsInSchema(bedside: Bedside & { readonly overrides: readonly Override[] }): Step[] {
  const { look } = bedside;
  return [
    ['logged tables', async () => judgeTables(await readTables(look), bedside)],
    ['partitions', async () => judgePartitions(await readPartitions(look))],
    ['default partitions', async () => judgeStranded(await readStranded(look))],
    ['enqueued webhooks', async () => judgeMissed(await readMissed(look))],
    ['lane rules', async () => judgeMisruled(await readMisruled(look))],
    ['hold', async () => judgeHold(await readHold(look, bedside.environment), bedside)],
    ['workers', async () => judgeWorkers(await readWorkers(look))],
    ['secrets', async () => judgeSecrets(await readSecretKeys(look), bedside.keyRing)],
    ['role', async () => judgeRole(await roleFacts(bedside))],
    ['roles', async () => judgeRoles(bedside)],
  ];
}

/** One that cannot be looked at does not keep the others from it. */
async function inOrder(steps: readonly Step[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [check, look] of steps) {
    try {
      findings.push(...[await look()].flat());
    } catch (error) {
      findings.push(unseen(check, error));
    }
  }
  return findings;
}

function unseen(check: string, error: unknown): Finding {
  const { warn } = verdictsOf(check, 'can be looked at');
  return codeOf(error) === '42501'
    ? warn(
        'not visible to this role',
        'Look with a role that has the rights of a worker or a reader, or is the owner.',
      )
    : warn(
        `cannot be told: ${error instanceof Error ? error.message : String(error)}`,
        'Look again when Postgres is less busy.',
      );
}

/** Undefined when the role may not read it. */
async function visibleState(client: pg.Client): Promise<SchemaState | undefined> {
  try {
    return await schemaState(client);
  } catch (error) {
    if (codeOf(error) === '42501') return undefined;
    throw error;
  }
}

async function roleFacts({ look, server, isEmbedded }: Bedside): Promise<RoleFacts> {
  const rights = allRights();
  const held = await readHeldRights(look, rights);
  const lacking = (who: Grantee) =>
    rights.filter((one) => one.who === who && !held.has(one)).map(({ what }) => what);
  return {
    role: server.role,
    isSuperuser: server.is_superuser,
    isEmbedded,
    isOwner: (await readOwner(look)).is_owner,
    lacks: {
      producer: lacking('producer'),
      worker: lacking('worker'),
      reader: lacking('reader'),
    },
  };
}

async function judgeJobs(bedside: Bedside, state: SchemaState | undefined): Promise<Finding> {
  // Until it is there, nobody can have rights on it.
  if (state !== undefined && !isUpToDate(state)) {
    return judgeGraphile({ state, isWorker: false, seesJobs: false });
  }
  const { isSuperuser, isOwner, lacks } = await roleFacts(bedside);
  return judgeGraphile({
    state,
    isWorker: isSuperuser || isOwner || lacks.worker.length === 0,
    seesJobs: await readSeesJobs(bedside.look),
  });
}

async function judgeRoles({ client, look }: Bedside): Promise<Finding> {
  const { owner } = await readOwner(look);
  const prefix = await prefixInUse(client, owner ?? undefined);
  const granted = prefix === undefined ? [] : await readGrants(look, prefix);
  return judgeGrants({ prefix, expected: allRights(), granted });
}

import type pg from 'pg';
import { connect } from '../db/connect.ts';
import { type ConnectionKind, connectionKindOf } from '../db/connection-kind.ts';
import type { Grantee } from '../db/rights.ts';
import { prefixInUse } from '../db/roles.ts';
import { isUpToDate, type SchemaState, schemaState } from '../db/schema-state.ts';
import { codeOf } from '../db/sqlstate.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { readCatchUps, readFanOuts, readStrays } from './facts/events.ts';
import { readHold } from './facts/hold.ts';
import { readHorizon } from './facts/horizon.ts';
import { readMisruled, readMissed } from './facts/missed.ts';
import { readForeignTables, readMixedOwners, readPath } from './facts/neighbours.ts';
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
import {
  judgeConnectionKind,
  judgeGrants,
  judgeRole,
  judgeSight,
  type RoleFacts,
} from './judge/access.ts';
import { judgeDurability, judgeTables } from './judge/durability.ts';
import { judgeCatchUps, judgeFanOuts, judgeStrays } from './judge/events.ts';
import { judgeHold } from './judge/hold.ts';
import { judgeHorizon } from './judge/horizon.ts';
import { judgeMisruled, judgeMissed } from './judge/missed.ts';
import { judgeForeignTables, judgeOwners, judgePath } from './judge/neighbours.ts';
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
 * The doctor examines a database and reports what is wrong with it. It only reads. It works without a schema, privileges
 * or a direct connection, and reports what it could not check.
 */

interface Target {
  /** Undefined when there is no DATABASE_URL and the embedded Postgres does not run. */
  readonly databaseUrl: string | undefined;
  readonly isEmbedded: boolean;
  /** The data directory of the embedded Postgres. */
  readonly dataDir: string;
  readonly redisUrl: string | undefined;
  /** The key ring of this environment, which may differ from the workers'. */
  readonly keyRing: KeyRing | undefined;
  /** POSTHORN_ENVIRONMENT of this environment; empty: not set. */
  readonly environment: string;
}

/** Runs all checks and returns their findings. Never throws. */
export async function examine(target: Target): Promise<Finding[]> {
  const redis = askRedisOf(target);
  const findings =
    target.databaseUrl === undefined
      ? [nothingRuns(target.dataDir)]
      : await examineDatabase({ ...target, databaseUrl: target.databaseUrl });
  return [...findings, judgeRedis(await redis)];
}

async function askRedisOf({ redisUrl }: Target): Promise<Parameters<typeof judgeRedis>[0]> {
  if (redisUrl === undefined) return { isSet: false };
  return { isSet: true, answer: await askRedis(redisUrl) };
}

const connection = verdictsOf('connection', 'Postgres can be reached');

function nothingRuns(dataDir: string): Finding {
  return connection.fail(
    `DATABASE_URL is not set, and no embedded Postgres runs in ${dataDir}`,
    'Run "posthorn start" to start the embedded one, or set DATABASE_URL or POSTHORN_DATA_DIR.',
  );
}

async function examineDatabase(
  target: Target & { readonly databaseUrl: string },
): Promise<Finding[]> {
  let client: pg.Client;
  try {
    client = await connect(target.databaseUrl, {
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
    const line = await connectionKindOf(client, target.databaseUrl);
    return await examineServer({ ...target, client, look, server, line });
  } catch (error) {
    return [connection.fail(`it was lost: ${String(error)}`, 'Look at the log of Postgres.')];
  } finally {
    await client.end().catch(() => {});
  }
}

interface Context extends Target {
  readonly client: pg.Client;
  readonly look: Look;
  readonly server: ServerFacts;
  readonly line: ConnectionKind;
}

/** A step that runs one or more checks, under the name of its first. */
type Step = readonly [check: string, look: () => Promise<Finding | readonly Finding[]>];

async function examineServer(context: Context): Promise<Finding[]> {
  const { client, look, server, line } = context;
  const { settings, is_in_recovery: isInRecovery } = server;
  const state = await visibleState(client);
  const overrides = await readOverrides(look);
  const schemaSteps = state === undefined || isUpToDate(state) ? stepsInSchema : () => [];
  return await inOrder([
    ['connection', async () => connection.ok(`to ${server.database} as ${server.role}`)],
    ['line', async () => judgeConnectionKind(line)],
    ['server version', async () => judgeServer(server)],
    ['encoding', async () => judgeEncoding(server)],
    ['primary', async () => judgeWritable(server)],
    ['fsync', async () => judgeDurability(server, overrides)],
    ['migrations', async () => judgeMigrations(state)],
    ['graphile worker', async () => judgeJobs(context, state)],
    ...schemaSteps({ ...context, overrides, state }),
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

/** The checks of a schema that is up to date. */
function stepsInSchema(
  context: Context & {
    readonly overrides: readonly Override[];
    readonly state: SchemaState | undefined;
  },
): Step[] {
  const { look, server, state } = context;
  const isNewer = state !== undefined && (state.newer !== undefined || state.unknown.length > 0);
  return [
    ['logged tables', async () => judgeTables(await readTables(look), context)],
    ['partitions', async () => judgePartitions(await readPartitions(look))],
    ['default partitions', async () => judgeStranded(await readStranded(look))],
    ['enqueued webhooks', async () => judgeMissed(await readMissed(look))],
    ['lane rules', async () => judgeMisruled(await readMisruled(look))],
    ['subscriptions', async () => judgeStrays(await readStrays(look))],
    ['fan outs', async () => judgeFanOuts(await readFanOuts(look))],
    ['catch ups', async () => judgeCatchUps(await readCatchUps(look))],
    ['hold', async () => judgeHold(await readHold(look, context.environment), context)],
    ['workers', async () => judgeWorkers(await readWorkers(look))],
    ['secrets', async () => judgeSecrets(await readSecretKeys(look), context.keyRing)],
    ['role', async () => judgeRole(await roleFacts(context))],
    ['roles', async () => judgeRoles(context)],
    ['search path', async () => judgePath(await readPath(look), server)],
    [
      'foreign tables',
      async () => judgeForeignTables({ names: await readForeignTables(look), isNewer }),
    ],
    ['table owner', async () => judgeOwners(await readMixedOwners(look))],
  ];
}

/** Runs the steps in order. A step that fails does not stop the others. */
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
  const { warn } = verdictsOf(check, 'can be checked');
  return codeOf(error) === '42501'
    ? warn(
        'not visible to this role',
        'Look with a role that has the rights of a worker or a reader, or is the owner.',
      )
    : warn(
        `unknown: ${error instanceof Error ? error.message : String(error)}`,
        'Try again when Postgres is less busy.',
      );
}

/** The state of the schema; undefined: the role may not read it. */
async function visibleState(client: pg.Client): Promise<SchemaState | undefined> {
  try {
    return await schemaState(client);
  } catch (error) {
    if (codeOf(error) === '42501') return undefined;
    throw error;
  }
}

async function roleFacts({ look, server, isEmbedded }: Context): Promise<RoleFacts> {
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

async function judgeJobs(context: Context, state: SchemaState | undefined): Promise<Finding> {
  // Until the schema is up to date, no role can have rights on all of it.
  if (state !== undefined && !isUpToDate(state)) {
    return judgeGraphile({ state, isWorker: false, seesJobs: false });
  }
  const { isSuperuser, isOwner, lacks } = await roleFacts(context);
  return judgeGraphile({
    state,
    isWorker: isSuperuser || isOwner || lacks.worker.length === 0,
    seesJobs: await readSeesJobs(context.look),
  });
}

async function judgeRoles({ client, look }: Context): Promise<Finding> {
  const { owner } = await readOwner(look);
  const prefix = await prefixInUse(client, owner ?? undefined);
  const granted = prefix === undefined ? [] : await readGrants(look, prefix);
  return judgeGrants({ prefix, expected: allRights(), granted });
}

import type pg from 'pg';
import type { CommonQueryMethods } from 'slonik';
import { runSql, type SqlFile, type SqlValues, sqlFile } from '../../src/db/sql-file.ts';
import { type SettledRow, settleLate } from '../../src/deliver/late-results.ts';
import { createLog } from '../../src/log.ts';
import { sealSecrets } from '../../src/maintenance/seal-secrets.ts';
import { cancelReplay } from '../../src/queries/replays.ts';
import { rotateSecret } from '../../src/queries/rotate-secret.ts';
import { changeEndpoint } from '../../src/queries/save-endpoint.ts';
import { setEndpointStatus } from '../../src/queries/set-endpoint-status.ts';
import { lateResult, recordValues, type TestResult } from '../support/claimed.ts';
import { ringOf } from '../support/key-rings.ts';
import { dead, other, owner, type Stage } from './stage.ts';

// What sessions do to the webhooks and the endpoint of a stage: the statements of the engine, the functions of the schema and the
// queries of the API, each as one statement in a transaction of its own.

export interface Operation {
  /** Its first transaction. The result is compared between orders, so it has names in place of ids. */
  readonly run: (client: pg.Client) => Promise<unknown>;
  /** What the same session does when that is committed. */
  readonly after?: (client: pg.Client) => Promise<unknown>;
  /** The engine never lets it wait for anybody: it passes over what is locked. */
  readonly neverWaits?: true;
  /** Nor for these, when it may wait for others: they lock no row of the queue that it needs. */
  readonly neverWaitsFor?: readonly string[];
  /** Locks whole tables, for which everybody waits. */
  readonly locksTables?: true;
  /** Run once more at the end, as the engine does with what was locked, if its result says so. */
  readonly again?: (result: unknown) => boolean;
  /** The constraint that it may break when another one has come before. */
  readonly mayBreak?: string;
}

type Make = (stage: Stage) => Operation;

const files = new Map<string, SqlFile>();
const rowsOf = async (client: pg.Client, name: string, values: SqlValues) => {
  const sql = files.get(name) ?? sqlFile(name);
  files.set(name, sql);
  return await runSql<Record<string, unknown>>(client, sql, values);
};
const idsOf = (rows: readonly Record<string, unknown>[]) =>
  rows.flatMap((row) => row['webhook_id'] ?? []);

/** A query of the API, on a connection that slonik does not manage. */
function api(client: pg.Client): Pick<CommonQueryMethods, 'maybeOne'> {
  return {
    maybeOne: async ({ sql, values }: { sql: string; values: readonly unknown[] }) => {
      const { rows } = await client.query(sql.replaceAll(/\$slonik_(\d+)/g, '$$$1'), [...values]);
      return rows[0] ?? null;
    },
  } as unknown as Pick<CommonQueryMethods, 'maybeOne'>;
}

const claims =
  (worker: number): Make =>
  (stage) => ({
    neverWaits: true,
    run: async (client) => {
      const values = {
        ...{ workerNumber: worker, maxWebhooks: 20, windowFromMs: 'infinity', leaseS: 7_200 },
        ...{ lanes: [stage.lane], priorities: [1], quotas: [20], dueFromMs: [0], ranks: [1] },
        ...{
          areOwned: [worker === owner],
          aheads: [1],
          origins: [null],
          tenants: [null],
          freeSlots: '{}',
        },
        ...{ usualSlots: 8, usualGroupSlots: 500, maxNewest: 0, maxFound: 100 },
      };
      return stage.names(idsOf(await rowsOf(client, 'claim', values)));
    },
  });

const probes =
  (worker: number): Make =>
  (stage) => ({
    neverWaits: true,
    run: async (client) => {
      const values = {
        ...{ workerNumber: worker, maxProbes: 20, leaseS: 7_200 },
        ...{ origins: [stage.origin], originLanes: [stage.lane] },
      };
      return stage.names(idsOf(await rowsOf(client, 'probe', values)));
    },
  });

type Result = Omit<TestResult, 'id' | 'lane'>;

/** What people and other results do to an endpoint and its breaker. */
const ofEndpoints = [
  ...['pause', 'disable', 'enable', 'delete', 'change the limit', 'count failures', 'count 410'],
  ...['take', 'release', 'describe'],
];

/** The result of one attempt, and what the recorder does after it. */
const records =
  (name: string, result: Result): Make =>
  (stage) => {
    const record = async (client: pg.Client, wasPutOff: boolean) => {
      return await rowsOf(client, 'record', {
        ...recordValues({ ...result, id: stage.id(name), lane: stage.lane, wasPutOff }),
        aliveKeys: result.became === 'delivered' ? [stage.lane, stage.origin] : [],
      });
    };
    let rows: Record<string, unknown>[] = [];
    const isLocked = (said: unknown) =>
      Array.isArray(said) && said.some((one) => String(one).endsWith('_locked'));
    let wasPutOff = false;
    let isOutcomeLocked = false;
    return {
      neverWaitsFor: ofEndpoints,
      run: async (client) => {
        rows = await record(client, wasPutOff);
        const said = rows.flatMap((row) => row['lane_is'] ?? []);
        wasPutOff = isLocked(said);
        return [...stage.names(idsOf(rows)), ...said];
      },
      again: (said) => isLocked(said) || isOutcomeLocked,
      after: async (client) => {
        const late = lateResult({ ...result, id: stage.id(name) });
        const { again, locked } = await settleLate(
          client as unknown as pg.Pool,
          [late],
          rows as unknown as SettledRow[],
        );
        isOutcomeLocked = locked.size > 0;
        if (again.length === 0) return;
        rows = await record(client, false);
        await settleLate(client as unknown as pg.Pool, again, rows as unknown as SettledRow[]);
      },
    };
  };

/** Counts into the breaker of the lane, or of the origin. */
const counts =
  (
    failures: number,
    probe?: { name: string; number: number; failed: boolean },
    of: 'lane' | 'origin' = 'lane',
  ): Make =>
  (stage) => ({
    neverWaits: true,
    again: (result) => result === 'locked',
    run: async (client) => {
      const probed = probe === undefined ? [] : [probe];
      const values = {
        ...{ keys: [stage[of]], failures: [failures], succeeded: [false], errors: ['http_503'] },
        ...{
          pausesS: [null],
          onlyLanes: [null],
          openAfter: 5,
          openOverS: 10,
          firstOpenS: 30,
          maxOpenS: 900,
        },
        probeIds: probed.map((one) => stage.id(one.name)),
        probeNumbers: probed.map(({ number }) => number),
        probeFailed: probed.map(({ failed }) => failed),
      };
      const rows = await rowsOf(client, 'count-failures', values);
      return rows.some((row) => row['is_open'] === null)
        ? 'locked'
        : rows.map((row) => row['is_open']);
    },
  });

/** A statement of the engine about some webhooks, whose attempt has the number and the worker. */
const does =
  (file: string, values: (stage: Stage) => SqlValues, more: Partial<Operation> = {}): Make =>
  (stage) => ({
    ...more,
    run: async (client) => stage.names(idsOf(await rowsOf(client, file, values(stage)))),
  });

const rescues =
  (worker: number): Make =>
  () => ({
    neverWaits: true,
    // Every two seconds as long as anything of the worker is leased.
    again: () => true,
    run: async (client) =>
      (await rowsOf(client, 'rescue', { workerNumber: worker, keptIds: [] })).length,
  });

const sendsAgain: Make = (stage) => ({
  run: async (client) => {
    const { rows } = await client.query(
      'select webhook_id, became from posthorn.put_back($1, $2::posthorn.webhook_status[])',
      [stage.all.toReversed(), '{failed,cancelled,pending,delivered}'],
    );
    // Why nothing was done is what it was when it was looked at.
    const done = rows.filter(({ became }) => became === 'queued' || became === 'brought_forward');
    return done.map((row) => `${stage.names([row.webhook_id])}: ${row.became}`).toSorted();
  },
});

/** As a job of the replay does: see maintenance/replays.ts. */
const works =
  (which: 'running' | 'cancelling'): Make =>
  (stage) => ({
    run: async (client) => {
      await client.query('select pg_advisory_xact_lock_shared(1886352244, 0)');
      const { rows } = await client.query<{ status: string }>(
        'select status from posthorn.replays where id = $1 for update',
        [stage[which]],
      );
      const status = rows[0]?.status;
      if (status === 'running')
        return rowsOf(client, 'put-back', {
          replayId: stage[which],
          maxWebhooks: 1_000,
          maxRows: 20_000,
        });
      if (status === 'cancelling')
        return rowsOf(client, 'take-back', { replayId: stage[which], maxWebhooks: 1_000 });
      return status;
    },
  });

const calls =
  (
    text: string,
    values: (stage: Stage) => unknown[] = () => [],
    more: Partial<Operation> = {},
  ): Make =>
  (stage) => ({
    ...more,
    run: async (client) =>
      (await client.query(text, values(stage))).rows.map((row) => Object.values(row)),
  });

const endpoint = (stage: Stage) => [stage.endpointId];

const sets =
  (
    column: keyof Parameters<typeof changeEndpoint>[1]['values'],
    value: string | number | null,
  ): Make =>
  (stage) => ({
    run: (client) =>
      changeEndpoint(api(client), { id: stage.endpointId, values: { [column]: value } }),
  });

const moves =
  (
    from: ('active' | 'paused' | 'disabled')[],
    to: 'active' | 'paused' | 'disabled' | 'deleted',
  ): Make =>
  (stage) => ({
    run: async (client) =>
      (await setEndpointStatus(api(client), { id: stage.endpointId, from, to })).kind,
  });

const dayOf = `(posthorn.uuid_time($1) at time zone 'UTC')::date`;
const ring = ringOf('k1');
const log = createLog('silent');

/** The operations by what they do. Those of people come last. */
const made = {
  claim: claims(owner),
  'claim by another': claims(other),
  probe: probes(owner),
  'probe by another': probes(other),
  'record 2xx': records('sending', { became: 'delivered' }),
  'record a retry': records('sending', { became: 'retry', statusCode: 503, retryInS: 3_600 }),
  'record a failure': records('sending', { became: 'failed', statusCode: 400 }),
  'record a late 2xx': records('overtaken', { became: 'delivered', worker: dead }),
  'record 2xx of what failed': records('lost', { became: 'delivered', worker: dead }),
  'record 2xx of the head late': records('first', { became: 'delivered', worker: dead }),
  'record 2xx after the lease': records('stale', { became: 'delivered', worker: dead }),
  'record a retry after the lease': records('stale', {
    became: 'retry',
    statusCode: 503,
    worker: dead,
    retryInS: 3_600,
  }),
  'record 2xx of the probe': records('probe', { became: 'delivered' }),
  'count failures': counts(1),
  'count a failed probe': counts(1, { name: 'probe', number: 1, failed: true }),
  'count a probe that said nothing': counts(0, { name: 'probe', number: 1, failed: false }),
  'count failures of the origin': counts(1, undefined, 'origin'),
  'count its failed probe': counts(1, { name: 'probe', number: 1, failed: true }, 'origin'),
  'give back': does(
    'give-back',
    (stage) => ({ webhookIds: [stage.id('sending')], numbers: [1], workerNumber: owner }),
    {
      neverWaitsFor: ofEndpoints,
    },
  ),
  'give back the probe': does(
    'give-back',
    (stage) => ({ webhookIds: [stage.id('probe')], numbers: [1], workerNumber: owner }),
    {
      neverWaitsFor: ofEndpoints,
    },
  ),
  'keep leases': does(
    'keep-leases',
    (stage) => ({
      webhookIds: [stage.id('sending'), stage.id('stale')],
      numbers: [1, 1],
      workerNumbers: [owner, dead],
    }),
    {
      neverWaits: true,
    },
  ),
  'set aside': does('set-aside', (stage) => ({
    webhookId: stage.id('waiting'),
    forS: 3_600,
    number: null,
    workerNumber: null,
  })),
  'end the poisoned': does('end-poisoned', (stage) => ({
    webhookId: stage.id('waiting'),
    status: 'failed',
    reason: 'poisoned',
    statusCode: null,
    number: null,
    workerNumber: null,
  })),
  rescue: rescues(owner),
  'rescue the dead': rescues(dead),
  take: (stage) => ({
    neverWaits: true,
    run: async (client) =>
      (await rowsOf(client, 'take-lanes', { workerNumber: other, lanes: [stage.lane] })).map(
        (row) => `${row['access']} ${row['max_in_flight']} ${row['is_ordered']}`,
      ),
  }),
  release: does(
    'release-lanes',
    (stage) => ({ workerNumber: owner, lanes: [stage.lane], isWanted: false }),
    {
      neverWaits: true,
    },
  ),
  'watch the lane': does('watch-lanes', (stage) => ({
    ...{
      keys: [stage.lane],
      urls: ['http://a.example/'],
      failures: [0],
      failingS: [0],
      mostLanes: 100,
    },
  })),
  enqueue: calls(
    `insert into posthorn.outbox (endpoint_id, body) values ($1, 'new') returning 1`,
    endpoint,
    { mayBreak: 'outbox_endpoint_id_is_registered' },
  ),
  'go on with the replay': works('running'),
  'take back': works('cancelling'),
  'cancel the replay': (stage) => ({ run: (client) => cancelReplay(api(client), stage.running) }),
  cancel: calls('select posthorn.cancel_many($1)', (stage) => [stage.all.toReversed()]),
  'send again': sendsAgain,
  pause: moves(['active'], 'paused'),
  disable: moves(['active', 'paused'], 'disabled'),
  enable: moves(['paused', 'disabled'], 'active'),
  delete: moves(['active', 'paused', 'disabled'], 'deleted'),
  'count 410': (stage) => ({
    neverWaits: true,
    again: (result) => (result as { is_locked: boolean }).is_locked,
    run: async (client) =>
      (
        await rowsOf(client, 'count-gone', {
          endpointId: stage.endpointId,
          answers: 2,
          succeeded: false,
        })
      )[0],
  }),
  'change the URL': sets('url', 'http://b.example/'),
  'change the limit': sets('max_in_flight', 5),
  'turn order on': sets('ordered', 'true'),
  'turn order off': sets('ordered', 'false'),
  'rotate the secret': (stage) => ({
    run: (client) =>
      rotateSecret(api(client), {
        id: stage.endpointId,
        secret: 'rotated',
        publicKey: null,
        overlapS: 60,
      }),
  }),
  describe: calls(
    `update posthorn.endpoints set description = 'new' where id = $1 returning 1`,
    endpoint,
    {
      mayBreak: 'endpoints_deleted_is_final',
    },
  ),
  'repair rules': calls('select posthorn.repair_lane_rules()::text'),
  // Reads, and writes what it has read, in one step: somebody may have changed it when the write has waited.
  seal: () => ({
    // By the next run.
    again: () => true,
    run: (client) => {
      const connection = { query: client.query.bind(client), release: () => {} };
      return sealSecrets({ connect: async () => connection } as unknown as pg.Pool, { ring, log });
    },
  }),
  'drop the day': calls(`select posthorn.drop_partitions(${dayOf})`, (stage) => [stage.all[0]], {
    locksTables: true,
  }),
  'make the day': calls(`select posthorn.make_partitions(${dayOf})`, (stage) => [stage.all[0]], {
    locksTables: true,
  }),
} satisfies Readonly<Record<string, Make>>;

export type OperationName = keyof typeof made;

export const operations: Readonly<Record<OperationName, Make>> = made;

/** Ends of one and the same attempt, of which there is one. Its leases are kept by who records it. */
export const ends: readonly (readonly OperationName[])[] = [
  [
    ...(['record 2xx', 'record a retry', 'record a failure'] as const),
    ...(['give back', 'keep leases', 'rescue'] as const),
  ],
  ['record 2xx after the lease', 'record a retry after the lease', 'keep leases'],
  [
    'record 2xx of the probe',
    'give back the probe',
    'count a failed probe',
    'count a probe that said nothing',
  ],
];

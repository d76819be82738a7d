import { isLockFailure } from '../../src/db/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { lookSql } from './look.ts';

// The rows that operations meet on: one endpoint, with a webhook of each kind that there is. They are put in place in one round trip
// before each order, and described without ids and times after it, so that two orders can be compared.

/** Numbers of workers. The owner has the limited lanes; the dead one had a lease that ran out, or was rescued from. */
export const owner = 1;
export const other = 2;
export const dead = 3;

/** A webhook of a scene. Times are in seconds from now. */
export interface StageWebhook {
  /** Waits, or is being sent. */
  readonly queue?: {
    readonly dueInS?: number;
    readonly attempts?: number;
    readonly pastAttempts?: number;
    readonly leasedBy?: number;
    readonly leaseInS?: number;
    readonly uncounted?: number;
  };
  /** Has ended. */
  readonly outcome?: { readonly status: string; readonly attempts: number };
  /** By number from 1: the worker, and what came of it. Undefined: under way. */
  readonly tried?: readonly (readonly [worker: number, answer: number | 'abandoned' | undefined])[];
  /** Ended so before the replay that is being cancelled put it back. */
  readonly former?: { readonly status: string; readonly attempts: number };
  /** Brought forward by that replay. It was due, or its lane was held, until then. */
  readonly forward?: { readonly dueInS?: number; readonly retryInS?: number };
}

export interface Scene {
  /** Columns of the endpoint that are not their defaults, as SQL. */
  readonly endpoint?: Readonly<Record<string, string>>;
  /** The rule of its lane, without is_held, is_ordered and the limits, as SQL. Undefined: it has none. */
  readonly rule?: Readonly<Record<string, string>>;
  /** Its breaker, as SQL; names of webhooks are known as :name. */
  readonly breaker?: Readonly<Record<string, string>>;
  /** The same of its origin. */
  readonly origin?: Readonly<Record<string, string>>;
  /** In the order of their ids and of their due times. */
  readonly webhooks: Readonly<Record<string, StageWebhook>>;
}

/** A webhook of each kind. */
export const kinds: Scene['webhooks'] = {
  waiting: { queue: {} },
  sending: { queue: { attempts: 1, leasedBy: owner }, tried: [[owner, undefined]] },
  overtaken: {
    queue: { attempts: 2, leasedBy: owner },
    tried: [
      [dead, 'abandoned'],
      [owner, undefined],
    ],
  },
  stale: { queue: { attempts: 1, leasedBy: dead, leaseInS: -5 }, tried: [[dead, undefined]] },
  retrying: { queue: { attempts: 1, dueInS: 3_600 }, tried: [[owner, 503]] },
  failed: { outcome: { status: 'failed', attempts: 1 }, tried: [[owner, 503]] },
  // Its first attempt, whose worker was taken for dead, may still end well.
  lost: {
    outcome: { status: 'failed', attempts: 2 },
    tried: [
      [dead, 'abandoned'],
      [owner, 503],
    ],
  },
  cancelled: { outcome: { status: 'cancelled', attempts: 0 } },
  delivered: { outcome: { status: 'delivered', attempts: 1 }, tried: [[owner, 200]] },
  replayed: {
    queue: { attempts: 1, pastAttempts: 1 },
    tried: [[owner, 503]],
    former: { status: 'failed', attempts: 1 },
  },
  hurried: {
    queue: { attempts: 1 },
    tried: [[owner, 503]],
    forward: { dueInS: 7_200 },
  },
};

/** What there is to say of each thing. */
export type Picture = Readonly<Record<string, string | null>>;

export interface Stage extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly lane: string;
  readonly origin: string;
  readonly endpointId: string;
  /** The replay that runs, and the one that is being cancelled. */
  readonly running: string;
  readonly cancelling: string;
  /** The ids of all webhooks. */
  readonly all: readonly string[];
  id(name: string): string;
  names(ids: readonly unknown[]): string[];
  reset(): Promise<void>;
  /** All that there is, without ids and times; and what must never be, whatever the operations were. */
  look(): Promise<{ readonly picture: Picture; readonly wrongs: readonly string[] }>;
}

const tables = [
  ...['queue', 'outcomes', 'attempts', 'outbox', 'former_outcomes', 'brought_forward', 'replays'],
  ...['breakers', 'lane_rules', 'endpoints'],
];

/** Puts everything back as it was when this was run: the plans of a function are made once. */
const keepSql = `
create schema kept;
do $do$
declare
  name text;
  columns text;
  statements text := '';
begin
  foreach name in array '{${tables.join(',')}}'::text[] loop
    execute format('create table kept.%1$I as select * from posthorn.%1$I', name);
    select string_agg(column_name, ', ')
    into columns
    from information_schema.columns
    where table_schema = 'posthorn' and table_name = name and is_generated = 'NEVER';
    statements := statements || format(
      'delete from posthorn.%1$I; insert into posthorn.%1$I (%2$s) select %2$s from kept.%1$I;', name, columns);
  end loop;
  execute format(
    'create function public.put_in_place() returns void language plpgsql as $sql$ begin %s end $sql$',
    statements);
end
$do$`;

export interface StageOptions {
  /** When the webhooks were enqueued. */
  readonly daysAgo?: number;
  /** SQL that is run before each order. */
  readonly before?: string;
}

/** Makes a database for a scene. */
export async function setStage(
  scene: Scene,
  { daysAgo = 0, before = '' }: StageOptions = {},
): Promise<Stage> {
  const database = await createTestDatabase();
  const names = Object.keys(scene.webhooks);
  const { rows } = await database.pool.query<{ id: string; lane: string }>(
    `select
       overlay(
         posthorn.uuid_floor(now() - $2::integer * interval '1 day')::text placing
         lpad(to_hex(28672 + n), 4, '0') || '-8000-' || lpad(to_hex(n), 12, '0') from 15)::uuid as id,
       posthorn.lane_of(posthorn.uuid_floor(now())) as lane
     from generate_series(1, $1::integer + 3) as n`,
    [names.length, daysAgo],
  );
  const all = rows.map(({ id }) => id);
  const [endpointId = '', running = '', cancelling = ''] = all.slice(names.length);
  const ids = new Map(names.map((name, at) => [name, all[at] ?? '']));
  const known = new Map([...ids].map(([name, id]) => [id, name]));
  const { rows: lanes } = await database.pool.query<{ lane: string; origin: string }>(
    `select posthorn.lane_of($1::uuid)::text as lane, posthorn.origin_of('http://a.example/')::text as origin`,
    [endpointId],
  );
  const { lane = '', origin = '' } = lanes[0] ?? {};
  await database.pool.query(
    `create table public.names as select id, name from unnest($1::uuid[], $2::text[]) as n (id, name)`,
    [all, [...names, 'endpoint', 'running', 'cancelling']],
  );
  await database.pool.query(
    `insert into posthorn.workers (number, host, pid, version, seen_at)
     select n, 'host', n, '1.2.3', now() + interval '1 hour' from generate_series(1, 2) as n`,
  );
  const place = placing(scene, { ids, lane, endpointId, running, cancelling });
  await database.pool.query(
    `begin; set local session_replication_role = replica; ${before} ${place} commit;`,
  );
  await database.pool.query(keepSql);
  const client = await database.pool.connect();
  // For good: a change of the role makes Postgres forget all plans of the session, and to plan what it looks at takes 8 ms.
  await client.query(
    'set session_replication_role = replica; set plan_cache_mode = force_generic_plan; set jit = off',
  );
  const vacuumed = tables.map((table) => `posthorn.${table}`).join(', ');
  let resets = 0;
  return {
    database,
    lane,
    origin,
    endpointId,
    running,
    cancelling,
    all: [...ids.values()],
    id: (name) => ids.get(name) ?? '',
    names: (some) => some.map((id) => known.get(String(id)) ?? String(id)).toSorted(),
    reset: async () => {
      // Each reset leaves the rows of the last one dead, and all sessions read past them.
      if (resets++ % 200 === 199) await client.query(`vacuum ${vacuumed}`);
      if (before !== '') await patiently(() => database.pool.query(before));
      await client.query({ name: 'reset', text: 'select public.put_in_place()' });
    },
    look: async () => (await client.query({ name: 'look', text: lookSql })).rows[0],
    [Symbol.asyncDispose]: () => {
      client.release();
      return database.drop();
    },
  };
}

interface Known {
  readonly ids: ReadonlyMap<string, string>;
  readonly lane: string;
  readonly endpointId: string;
  readonly running: string;
  readonly cancelling: string;
}

/** The SQL that puts the rows of a scene in place. */
function placing(scene: Scene, { ids, lane, endpointId, running, cancelling }: Known): string {
  const insert = (table: string, columns: Readonly<Record<string, string>>) =>
    `insert into posthorn.${table} (${Object.keys(columns).join(', ')}) values (${Object.values(columns).join(', ')});`;
  const inS = (seconds: number) => `now() + interval '${seconds} s'`;
  const statements = [
    insert('endpoints', { id: `'${endpointId}'`, url: `'http://a.example/'`, ...scene.endpoint }),
    insert('replays', {
      id: `'${running}'`,
      endpoint_id: `'${endpointId}'`,
      statuses: `'{failed,cancelled,pending}'`,
      priority: 'null',
      created_at: inS(-1),
    }),
    insert('replays', {
      id: `'${cancelling}'`,
      status: `'cancelling'`,
      endpoint_id: `'${endpointId}'`,
      replayed: '2',
      is_walked: 'true',
      created_at: inS(-100),
    }),
  ];
  if (scene.rule !== undefined) {
    const settings = `'${lane}', false, coalesce(e.ordered, false), e.max_in_flight, e.rate_limit_per_s`;
    const columns = Object.keys(scene.rule).map((column) => `, ${column}`);
    const values = Object.values(scene.rule).map((value) => `, ${value}`);
    statements.push(
      `insert into posthorn.lane_rules (lane, is_held, is_ordered, max_in_flight, rate_limit_per_s${columns.join('')})
       select ${settings}${values.join('')} from posthorn.endpoints as e;`,
    );
  }
  if (scene.breaker !== undefined) {
    statements.push(
      insert('breakers', { key: `'${lane}'`, url: `'http://a.example/'`, ...scene.breaker }),
    );
  }
  if (scene.origin !== undefined) {
    const key = `posthorn.origin_of('http://a.example/')`;
    statements.push(insert('breakers', { key, url: `'http://a.example'`, ...scene.origin }));
  }
  [...ids].forEach(([name, id], at) => {
    const { queue, outcome, tried = [], former, forward } = scene.webhooks[name] ?? {};
    const same = { webhook_id: `'${id}'`, outbox_id: `'${id}'`, lane: `'${lane}'` };
    const dueAt = inS((queue?.dueInS ?? -60) + at / 10);
    statements.push(
      insert('outbox', { id: `'${id}'`, endpoint_id: `'${endpointId}'`, body: `'${name}'` }),
    );
    if (queue !== undefined) {
      const { attempts = 0, pastAttempts = 0, leasedBy, leaseInS = 7_200, uncounted = 0 } = queue;
      statements.push(
        insert('queue', {
          ...same,
          due_at: dueAt,
          priority: '1',
          attempts: `${attempts}`,
          past_attempts: `${pastAttempts}`,
          uncounted: `${uncounted}`,
          leased_by: `${leasedBy ?? null}`,
          lease_until: leasedBy === undefined ? 'null' : inS(leaseInS),
        }),
      );
    }
    const ending = (how: { status: string; attempts: number }) => ({
      ...same,
      status: `'${how.status}'`,
      attempts: `${how.attempts}`,
      finished_at: inS(-200),
    });
    if (outcome !== undefined) statements.push(insert('outcomes', ending(outcome)));
    if (former !== undefined) {
      statements.push(
        insert('former_outcomes', {
          ...ending(former),
          replay_id: `'${cancelling}'`,
          replayed_at: inS(-50),
        }),
      );
    }
    if (forward !== undefined) {
      statements.push(
        insert('brought_forward', {
          replay_id: `'${cancelling}'`,
          webhook_id: `'${id}'`,
          due_at: forward.dueInS === undefined ? 'null' : inS(forward.dueInS),
          retry_at: forward.retryInS === undefined ? 'null' : inS(forward.retryInS),
          attempts: `${queue?.attempts ?? 0}`,
          brought_to: dueAt,
        }),
      );
    }
    tried.forEach(([worker, answer], before) => {
      statements.push(
        insert('attempts', {
          webhook_id: `'${id}'`,
          number: `${before + 1}`,
          worker: `${worker}`,
          started_at: inS(-100),
          finished_at: answer === undefined ? 'null' : inS(-99),
          status_code: typeof answer === 'number' ? `${answer}` : 'null',
          error: answer === 'abandoned' ? `'abandoned'` : 'null',
        }),
      );
    });
  });
  return statements
    .join('\n')
    .replaceAll(/:(\w+)/g, (whole, name) => (ids.has(name) ? `'${ids.get(name)}'` : whole));
}

/** A busy machine's autovacuum may hold a table for longer than a statement waits for its lock. */
function patiently(work: () => Promise<unknown>): Promise<boolean> {
  return eventually(
    () =>
      work().then(
        () => true,
        (error: unknown) => {
          if (!isLockFailure(error)) throw error;
          return false;
        },
      ),
    'nobody else has a table locked',
  );
}

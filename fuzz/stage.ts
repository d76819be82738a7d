import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DatabasePool } from 'slonik';
import { createApi } from '../src/api/app.ts';
import { serveApi } from '../src/api/server.ts';
import type { KeyRing } from '../src/domain/key-ring.ts';
import { createEvents } from '../src/events.ts';
import type { Log } from '../src/log.ts';
import { createMetrics } from '../src/metrics/create-metrics.ts';
import { createApiKey } from '../src/queries/api-keys.ts';
import { checkDatabase } from '../src/queries/check-database.ts';
import { createQueryPool } from '../src/queries/pool.ts';
import { RawClient } from './client.ts';
import { type Operation, readDocument } from './document.ts';
import type { Known } from './known.ts';
import { insertSamples } from './sample-rows.ts';
import { type WriteWatch, watchWrites } from './write-watch.ts';

/** What is fuzzed: an app that is served over HTTP, and what is known of the database behind it. */
export interface Stage extends AsyncDisposable {
  readonly port: number;
  readonly client: RawClient;
  readonly watch: WriteWatch;
  readonly known: Known;
  /** Lines of the log since the last call of takeLog(). */
  peekLog(): readonly LogLine[];
  takeLog(): readonly LogLine[];
  /** Until no request is under way: one that was cut off may still be worked at. */
  untilIdle(): Promise<void>;
  /** Puts rows of each status into the database. */
  refresh(): Promise<void>;
  /** An id or a cursor from an answer. */
  learn(found: { readonly kind: string; readonly id: string } | { readonly cursor: string }): void;
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
}

type App = Parameters<typeof serveApi>[0]['app'];

/** How many ids of a kind are remembered, and cursors: the latest. */
const mostKnown = 300;

/**
 * Serves an app over a migrated database. Without one of the caller's, it is Posthorn's API.
 *
 * There is no worker: nothing else may write while it is looked at who does.
 */
export async function openStage({
  databaseUrl,
  keyRing,
  makeApp = realApi,
}: {
  readonly databaseUrl: string;
  readonly keyRing?: KeyRing | undefined;
  readonly makeApp?: (parts: AppParts) => App;
}): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const admin = new pg.Client({ connectionString: databaseUrl, application_name: 'posthorn fuzz' });
  admin.on('error', () => {});
  await admin.connect();
  stack.defer(() => admin.end());
  const watch = await watchWrites(admin);
  const pool = await createQueryPool({ databaseUrl, maximumPoolSize: 4 });
  stack.defer(() => pool.end());
  const planted = `planted-${randomBytes(9).toString('hex')}`;
  const lines: LogLine[] = [];
  const inner = makeApp({ pool, keyRing, log: recorder(lines) });
  const busy = new Set<Promise<unknown>>();
  const served = await serveApi({
    app: {
      fetch(request, env) {
        const work = Promise.resolve(inner.fetch(request, env));
        busy.add(work);
        const done = () => void busy.delete(work);
        work.then(done, done);
        return work;
      },
    },
    host: '127.0.0.1',
    port: 0,
  });
  stack.defer(() => served.close(1_000));
  const client = stack.use(new RawClient(served.port));
  const ids = new Map<string, string[]>();
  const cursors: string[] = [];
  const keys = await makeKeys(pool);
  const disposal = stack.move();
  const learnId = (kind: string, id: string) => keepLatest(ids, { kind, id });
  const stage: Stage = {
    port: served.port,
    client,
    watch,
    known: { ids, cursors, keys, planted },
    peekLog: () => lines,
    takeLog: () => lines.splice(0),
    async untilIdle() {
      while (busy.size > 0) await Promise.allSettled(busy);
    },
    async refresh() {
      const samples = await insertSamples(admin, planted);
      for (const [kind, made] of Object.entries(samples)) {
        for (const id of made) learnId(kind, id);
      }
      await watch.move();
    },
    learn(found) {
      if ('id' in found) learnId(found.kind, found.id);
      else if (cursors.push(found.cursor) > mostKnown) cursors.shift();
    },
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
  await stage.refresh();
  return stage;
}

/** The operations of an API, as its own document names them. */
export async function documentedBy(stage: Stage | undefined): Promise<readonly Operation[]> {
  const response = await fetch(`http://127.0.0.1:${stage?.port}/openapi.json`);
  if (!response.ok) throw new Error(`Cannot read /openapi.json: it answers ${response.status}`);
  return readDocument(await response.json());
}

/** What an app is made of. */
export interface AppParts {
  readonly pool: DatabasePool;
  readonly keyRing: KeyRing | undefined;
  readonly log: Log;
}

function realApi({ pool, keyRing, log }: AppParts): App {
  return createApi({
    pool,
    keyRing,
    log,
    readiness: async () => {
      const database = await checkDatabase(pool);
      return { ready: database === 'ok', checks: { database } };
    },
    scrape: createMetrics({
      events: createEvents(),
      log,
      pool,
      cache: undefined,
      tasks: [],
      worker: undefined,
      maxInFlight: 1,
      environment: '',
    }),
    settings: [{ name: 'HOST', value: '127.0.0.1' }],
    authentication: { auth: 'keys', environmentKey: undefined, rateLimitPerS: undefined },
    // Small, so that requests can go beyond it without being slow.
    bodyLimitBytes: 16_384,
    cursorKey: randomBytes(32),
  });
}

async function makeKeys(pool: DatabasePool): Promise<Known['keys']> {
  const make = async (name: string, scopes: Parameters<typeof createApiKey>[1]['scopes']) => {
    const { key } = await createApiKey(pool, { name, scopes, expiresAt: null });
    return key;
  };
  return {
    all: await make('all', ['read', 'send', 'manage']),
    others: [
      await make('read', ['read']),
      await make('send', ['send']),
      await make('manage', ['manage']),
    ],
  };
}

function recorder(lines: LogLine[]): Log {
  const at = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, text: `${message} ${JSON.stringify(fields)}` });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function keepLatest(
  lists: Map<string, string[]>,
  { kind, id }: { readonly kind: string; readonly id: string },
): void {
  const list = lists.get(kind) ?? [];
  list.push(id);
  if (list.length > mostKnown) list.shift();
  lists.set(kind, list);
}

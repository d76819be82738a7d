import { createApi } from '../src/api/app.ts';
import { createHealth } from '../src/api/health.ts';
import { serveApi } from '../src/api/server.ts';
import { createEvents } from '../src/events.ts';
import type { Log } from '../src/log.ts';
import { createMetrics } from '../src/metrics/create-metrics.ts';
import { createQueryPool } from '../src/queries/pool.ts';

/*
 * A process that serves the API and the health port, to be flooded: its memory and its event loop are its own. Told the database's URL by
 * a message, it answers with its ports, and each later message with what it has used so far.
 */

export interface Served {
  readonly apiPort: number;
  readonly healthPort: number;
}

export interface Used {
  /** The most that was ever resident. */
  readonly peakMb: number;
  /** Requests that got to a handler. */
  readonly begun: number;
  /** The most CPU time that the event loop took before it came to a timer of 5 ms again. */
  readonly longestTurnMs: number;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

process.once('message', (databaseUrl: string) => void serve(databaseUrl));

async function serve(databaseUrl: string): Promise<void> {
  const pool = await createQueryPool({ databaseUrl, maximumPoolSize: 10 });
  const scrape = createMetrics({
    events: createEvents(),
    log: silent,
    pool,
    cache: undefined,
    environment: '',
    tasks: [],
    worker: undefined,
    maxInFlight: 1,
  });
  const health = { readiness: async () => ({ ready: true, checks: {} }), scrape };
  const apps = {
    api: createApi({
      ...health,
      pool,
      log: silent,
      cursorKey: Buffer.from('a key'),
      settings: [],
      authentication: { auth: 'keys', environmentKey: undefined, rateLimitPerS: undefined },
    }),
    health: createHealth(health),
  };
  let begun = 0;
  const ports = [];
  for (const app of [apps.api, apps.health]) {
    const counted = {
      fetch: (request: Request, env: object) => {
        begun += 1;
        return app.fetch(request, env as never);
      },
    };
    ports.push((await serveApi({ app: counted, host: '127.0.0.1', port: 0 })).port);
  }
  let longestTurnMs = 0;
  let before = process.threadCpuUsage();
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    before = process.threadCpuUsage();
    longestTurnMs = Math.max(longestTurnMs, (user + system) / 1_000);
  }, 5);
  process.on('message', () => {
    const peakMb = process.resourceUsage().maxRSS / 1_024;
    process.send?.({ peakMb, begun, longestTurnMs } satisfies Used);
    begun = 0;
    longestTurnMs = 0;
  });
  process.send?.({ apiPort: ports[0] ?? 0, healthPort: ports[1] ?? 0 } satisfies Served);
}

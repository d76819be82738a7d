import { once } from 'node:events';
import { readConfig } from '../../src/config/config.ts';
import { createEvents } from '../../src/events.ts';
import { createLog } from '../../src/log.ts';
import { type Posthorn, startPosthorn } from '../../src/posthorn.ts';
import type { Timings } from '../../src/worker/timings.ts';
import type { TestDatabase } from './database.ts';

/** A running Posthorn that delivers to loopback; POSTHORN_TEST_LOG shows what it says. */
export async function startEngine(
  database: Pick<TestDatabase, 'url'>,
  options: {
    env?: Record<string, string>;
    worker?: boolean;
    api?: boolean;
    sliceMs?: number;
    claimsFailAfterMs?: number;
    /** Shorter times than a worker usually waits. */
    timings?: Partial<Timings>;
    /** What the worker is waited for. */
    until?: 'workerReady' | 'workerHeld';
  } = {},
): Promise<Posthorn & AsyncDisposable> {
  const { worker = true, api = false, env = {}, sliceMs, claimsFailAfterMs } = options;
  const { until = 'workerReady', timings = {} } = options;
  const events = createEvents();
  const ready = worker ? once(events, until) : Promise.resolve();
  const posthorn = await startPosthorn({
    config: readConfig({
      DATABASE_URL: database.url,
      PORT: '0',
      POSTHORN_HEALTH_PORT: '0',
      POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8,::1',
      ...env,
    }),
    log: createLog(process.env['POSTHORN_TEST_LOG'] === undefined ? 'silent' : 'debug'),
    events,
    worker,
    api,
    timings,
    ...(sliceMs === undefined ? {} : { sliceMs }),
    ...(claimsFailAfterMs === undefined ? {} : { claimsFailAfterMs }),
  });
  await ready;
  return { ...posthorn, [Symbol.asyncDispose]: () => posthorn.stop() };
}

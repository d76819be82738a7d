import type pg from 'pg';
import { Breakers } from '../../src/deliver/breakers.ts';
import { DatabaseClock } from '../../src/deliver/database-clock.ts';
import { GoneEndpoints } from '../../src/deliver/gone-endpoints.ts';
import { DeliveryLoop } from '../../src/deliver/loop.ts';
import { Recorder } from '../../src/deliver/recorder.ts';
import { Sender } from '../../src/deliver/sender.ts';
import { Tracing } from '../../src/deliver/tracing.ts';
import { createAddressPolicy } from '../../src/domain/address-policy.ts';
import { createEvents, type Events } from '../../src/events.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import { createLog } from '../../src/log.ts';
import { usualTimings } from '../../src/worker/timings.ts';

/** A delivery loop that delivers to loopback, with all that it needs and without a worker around it. */
export interface TestLoop extends AsyncDisposable {
  readonly loop: DeliveryLoop;
  readonly sender: Sender;
  readonly recorder: Recorder;
  readonly events: Events;
  /** The workers for which leases that nobody knows of were to be freed. */
  readonly released: readonly number[];
  /** Runs it as worker 1 until it is stopped; resolves when it has ended. */
  run(): Promise<void>;
}

export function createTestLoop(
  pool: pg.Pool,
  { maxInFlight = 512 }: { maxInFlight?: number } = {},
): TestLoop {
  const [events, log] = [createEvents(), createLog('silent')];
  const http = createHttpClient({
    connectTimeoutMs: 10_000,
    timeoutMs: 30_000,
    connections: maxInFlight,
    allows: createAddressPolicy({ allow: ['127.0.0.0/8'] }),
  });
  const clock = new DatabaseClock(log);
  const breakers = new Breakers({ pool, events, log });
  const endpoints = new GoneEndpoints({ pool, events, log });
  const recorder = new Recorder({ pool, breakers, endpoints, events, log });
  const sender = new Sender({
    pool,
    http,
    recorder,
    breakers,
    clock,
    tracing: new Tracing('0'),
    events,
    log,
    keyRing: undefined,
    version: '0',
    retryScheduleMs: [3_600_000],
  });
  const released: number[] = [];
  const loop = new DeliveryLoop({
    pool,
    book: new LaneBook({ most: maxInFlight }),
    sender,
    breakers,
    clock,
    cache: undefined,
    events,
    log,
    maxInFlight,
    leaseS: 90,
    scanEveryMs: usualTimings.scanEveryMs,
    releaseUnknown: async (number) => {
      released.push(number);
    },
  });
  return {
    loop,
    sender,
    recorder,
    events,
    released,
    run: () =>
      loop.runSlice({
        workerNumber: 1,
        durationMs: 600_000,
        signal: new AbortController().signal,
      }),
    async [Symbol.asyncDispose]() {
      loop.stop();
      await http.destroy();
      await sender.whenIdle();
      await recorder.drain();
    },
  };
}

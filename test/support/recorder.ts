import type pg from 'pg';
import type { AttemptRecord } from '../../src/deliver/attempt-record.ts';
import { Breakers } from '../../src/deliver/breakers.ts';
import { GoneEndpoints } from '../../src/deliver/gone-endpoints.ts';
import { Recorder } from '../../src/deliver/recorder.ts';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import { createEvents, type Events } from '../../src/events.ts';
import { createLog, type Log } from '../../src/log.ts';

/** A recorder of its own, without an engine. */
export function createRecorder(
  pool: pg.Pool,
  options: { patienceMs?: number; events?: Events; log?: Log } = {},
): Recorder {
  const { events = createEvents(), log = createLog('silent'), ...others } = options;
  const breakers = new Breakers({ pool, events, log });
  const endpoints = new GoneEndpoints({ pool, events, log });
  return new Recorder({ pool, breakers, endpoints, events, log, ...others });
}

/** The result of an attempt that worker 1 has made: a retry, if not said otherwise. */
export function failure(
  webhookId: string,
  { number, statusCode }: { number: number; statusCode: number },
): AttemptRecord {
  return {
    webhook: {
      ...{ webhookId, outboxId: webhookId, number, leasedBy: 1 },
      ...{ lane: '1', url: 'http://receiver.example/', priority: 1, isProbe: false },
      groups: { tenant: null, origin: '2' },
      ...{ tenant: '', eventType: null },
      ...{ endpointId: null, goneAnswers: 0, uncounted: 0, pastAttempts: 0 },
    },
    result: answered(statusCode, 'no'),
    verdict: {
      kind: 'retry',
      reason: `http_${statusCode}`,
      notBeforeMs: undefined,
      pressure: 'neutral',
    },
    decision: { became: 'retry', inMs: 60_000, counts: true },
    endedAtMs: performance.now(),
  };
}

/** What a receiver said. */
export function answered(statusCode: number, body = ''): AttemptResult {
  return {
    ...{ kind: 'response', statusCode, body: Buffer.from(body), truncated: false },
    ...{ retryAfter: undefined, location: undefined, contentEncoding: undefined },
    ...{ durationMs: 1, retriedConnection: false },
  };
}

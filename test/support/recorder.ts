import type pg from 'pg';
import type { AttemptRecord } from '../../src/deliver/attempt-record.ts';
import { Breakers } from '../../src/deliver/breakers.ts';
import { GoneEndpoints } from '../../src/deliver/gone-endpoints.ts';
import { Recorder } from '../../src/deliver/recorder.ts';
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
    webhookId,
    number,
    statusCode,
    mayHaveOpenAttempts: false,
    leasedBy: 1,
    became: 'retry',
    error: `http_${statusCode}`,
    errorMessage: null,
    responseBody: 'no',
    responseTruncated: false,
    durationMs: 1,
    endedAtMs: performance.now(),
    retryInMs: 60_000,
    reason: null,
    counts: true,
    laneResult: {
      lane: '1',
      url: 'http://receiver.example/',
      verdict: {
        kind: 'retry',
        reason: `http_${statusCode}`,
        notBeforeMs: undefined,
        pressure: 'neutral',
      },
      probe: undefined,
    },
    endpointId: null,
    goneAnswers: 0,
  };
}

import { EventEmitter } from 'node:events';
import type { ToldAlert } from './domain/alert-message.ts';
import type { EndedAttempt } from './domain/attempt.ts';
import type { Hold } from './domain/hold.ts';

/** A request that ended. It has no body, header or secret. */
export interface Attempted extends EndedAttempt {
  /** From the due time to the start. */
  readonly waitMs: number;
  /** Unix time, by the clock of Postgres. */
  readonly endedAtMs: number;
  /** The header as sent. */
  readonly traceparent: string | null;
}

/** All events in a process that logs, metrics and tests may need. */
export interface PosthornEvents {
  /** A claim returned. */
  claimed: [{ webhooks: number; lanesSeen: number; durationMs: number }];
  /** A claim, or a step before it, failed. */
  claimFailed: [{ reason: string }];
  /** A webhook whose rows cannot be handled was ended without the usual statements, or set aside. */
  poisoned: [{ webhookId: string; became: 'delivered' | 'failed' | 'set_aside' }];
  /** A notification had a payload that Posthorn does not send. */
  callIgnored: [];
  /** All lanes were scanned. */
  scanned: [{ lanes: number; durationMs: number }];
  /** A request ended; its result is not recorded yet. */
  attempted: [Attempted];
  /** Results were written to Postgres. `ours` of `results` still had our lease. */
  recorded: [{ results: number; ours: number; durationMs: number }];
  /** Results could not be written and were given up: their leases will expire and the webhooks are sent again. */
  recordLost: [{ results: number; error: string }];
  /** These ordered lanes wait until their first webhook is tried again. Emitted before its record is settled. */
  lanesDelayed: [{ lanes: readonly string[] }];
  /** Breakers opened: these lanes and origins get nothing but a probe now and then. */
  breakersOpened: [{ lanes: readonly string[]; origins: readonly string[] }];
  /** Breakers closed after a success of the lane, or any answer of the origin. */
  breakersClosed: [{ lanes: readonly string[]; origins: readonly string[] }];
  /** Endpoints were disabled because they failed for days or answered 410 Gone twice; their webhooks are held. */
  endpointsDisabled: [{ ids: readonly string[]; reason: 'failing' | 'gone' }];
  /** Most receivers fail with network errors, which points to an outage on our side; or that has ended. */
  egress: [{ isDown: boolean }];
  /** The worker has its number, is ready and claims. */
  workerReady: [{ number: number }];
  /** The database is held, so that the worker sends nothing until the hold is over. */
  workerHeld: [Hold];
  /** The worker lost its session; it claims nothing until it has a new one. */
  workerLost: [{ number: number; reason: string }];
  /** Leases and jobs of a dead worker were freed. */
  rescued: [{ number: number; webhooks: number }];
  /** A slice of the deliver job began or ended. */
  sliceStarted: [{ number: number }];
  sliceEnded: [{ number: number }];
  /** Graphile Worker's runner stopped unexpectedly and is started again. */
  runnerRestarted: [{ reason: string }];
  /** A Graphile Worker job ended: it succeeded, will be tried again, or failed finally. */
  jobEnded: [{ task: string; result: 'success' | 'error' | 'failed' }];
  /** An alert fired, was repeated, or was resolved. Emitted in the process that evaluated the rules. */
  alertFired: [ToldAlert];
  alertReminded: [ToldAlert];
  alertResolved: [ToldAlert];
  /** A replay advanced or ended: how many webhooks were put back or taken back in this transaction. */
  replayed: [{ id: string; webhooks: number; status: string }];
  /** A maintenance task ran. */
  maintained: [{ task: string; detail: Record<string, unknown> }];
}

export type Events = EventEmitter<PosthornEvents>;

/** Makes the emitter, one per process: the engine only emits, and logs, metrics and tests subscribe. */
export function createEvents(): Events {
  return new EventEmitter<PosthornEvents>();
}

import { EventEmitter } from 'node:events';
import type { ToldAlert } from './domain/alert-message.ts';
import type { EndedAttempt } from './domain/attempt.ts';
import type { Hold } from './domain/hold.ts';

/** A request that ended. Neither body, headers nor secret of the webhook are in it. */
export interface Attempted extends EndedAttempt {
  /** From when it was due to its start. */
  readonly waitMs: number;
  /** Unix time, by the clock of Postgres. */
  readonly endedAtMs: number;
  /** The header that was sent. */
  readonly traceparent: string | null;
}

/** Everything that happens in a process and that logs, metrics and tests may want to know. */
export interface PosthornEvents {
  /** A claim came back. */
  claimed: [{ webhooks: number; lanesSeen: number; durationMs: number }];
  /** A claim, or what goes before it, failed. */
  claimFailed: [{ reason: string }];
  /** A webhook whose rows cannot be handled was ended without the usual statements, or set aside. */
  poisoned: [{ webhookId: string; became: 'delivered' | 'failed' | 'set_aside' }];
  /** A notification said what Posthorn never says. */
  callIgnored: [];
  /** All lanes were looked at. */
  scanned: [{ lanes: number; durationMs: number }];
  /** A request ended; its record is on its way. */
  attempted: [Attempted];
  /** Results are in Postgres. `ours` of `results` still had our lease. */
  recorded: [{ results: number; ours: number; durationMs: number }];
  /** Results could not be written and were given up: their leases will run out and they are sent again. */
  recordLost: [{ results: number; error: string }];
  /** These ordered lanes wait until their first webhook is tried again. Emitted before its record is settled. */
  lanesDelayed: [{ lanes: readonly string[] }];
  /** Breakers opened: nothing more is sent to these lanes but a probe now and then. */
  breakersOpened: [{ lanes: readonly string[] }];
  /** Breakers closed after a success. */
  breakersClosed: [{ lanes: readonly string[] }];
  /** Endpoints were disabled, as they failed for days or answered 410 Gone twice; their webhooks are held. */
  endpointsDisabled: [{ ids: readonly string[]; reason: 'failing' | 'gone' }];
  /** Most lanes fail for reasons of the network, so the trouble is taken for ours; or that is over. */
  egress: [{ isDown: boolean }];
  /** The worker has its number, is warm and claims. */
  workerReady: [{ number: number }];
  /** The database is held, so that the worker sends nothing until the hold is over. */
  workerHeld: [Hold];
  /** The worker lost its session; it claims nothing until it has another. */
  workerLost: [{ number: number; reason: string }];
  /** Leases and jobs of a dead worker were freed. */
  rescued: [{ number: number; webhooks: number }];
  /** A slice of the deliver job began or ended. */
  sliceStarted: [{ number: number }];
  sliceEnded: [{ number: number }];
  /** Graphile Worker's runner ended without being asked and is started again. */
  runnerRestarted: [{ reason: string }];
  /** A Graphile job ended: well, to be tried again, or for good without success. */
  jobEnded: [{ task: string; result: 'success' | 'error' | 'failed' }];
  /** An alert fired, was told of again, or is over. In the process that evaluated the rules. */
  alertFired: [ToldAlert];
  alertReminded: [ToldAlert];
  alertResolved: [ToldAlert];
  /** A replay went on, or ended: how many were put back or taken back in this transaction. */
  replayed: [{ id: string; webhooks: number; status: string }];
  /** A maintenance task ran. */
  maintained: [{ task: string; detail: Record<string, unknown> }];
}

export type Events = EventEmitter<PosthornEvents>;

/** One emitter per process; logs, metrics and tests subscribe, the engine only emits. */
export function createEvents(): Events {
  return new EventEmitter<PosthornEvents>();
}

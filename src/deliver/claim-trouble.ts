import { codeOf } from '../db/sqlstate.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';

/** Claims that fail, and since when none came back. */
export interface ClaimsFailing {
  readonly forMs: number;
  /** What Postgres says, for people. */
  readonly reason: string;
}

/** The same reason is logged again after so long: Postgres may be away for hours. */
const sayAgainMs = 30_000;
const mostReasonLength = 300;

/** Keeps whether claims fail, so that readiness, metrics and alerts can tell, and logs why. */
export class ClaimTrouble {
  readonly #events: Events;
  readonly #log: Log;
  #sinceMs: number | undefined;
  #reason = '';
  #failures = 0;
  #said = { reason: '', atMs: Number.NEGATIVE_INFINITY };

  constructor({ events, log }: { readonly events: Events; readonly log: Log }) {
    this.#events = events;
    this.#log = log;
  }

  /** Undefined as long as the last claim came back. */
  get failing(): ClaimsFailing | undefined {
    if (this.#sinceMs === undefined) return undefined;
    return { forMs: performance.now() - this.#sinceMs, reason: this.#reason };
  }

  /** A claim, or what goes before it, has failed. */
  failed(error: unknown): void {
    const nowMs = performance.now();
    this.#sinceMs ??= nowMs;
    this.#reason = reasonOf(error);
    this.#failures += 1;
    this.#events.emit('claimFailed', { reason: this.#reason });
    if (this.#said.reason === this.#reason && nowMs - this.#said.atMs < sayAgainMs) return;
    this.#said = { reason: this.#reason, atMs: nowMs };
    this.#log.warn({ error: this.#reason, failures: this.#failures }, 'Cannot claim webhooks');
  }

  /** A claim came back. */
  succeeded(): void {
    this.#sinceMs = undefined;
    this.#failures = 0;
  }
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  const reason = code === undefined || message.includes(code) ? message : `${message} (${code})`;
  return reason.slice(0, mostReasonLength);
}

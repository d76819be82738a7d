// Pure: no I/O, no clock, no randomness.

import type { CancelResult, RetryResult } from '../queries/put-back.ts';
import { notFound, type Problem } from './problem.ts';

/**
 * Why a webhook was not retried, or undefined if it was.
 *
 * @param options.force what a caller gives to send a delivered webhook again
 */
export function retryRefusal(
  became: RetryResult,
  { id, force }: { readonly id: string; readonly force: string },
): Problem | undefined {
  switch (became) {
    case 'queued':
    case 'brought_forward':
    case 'already_due':
      return undefined;
    case 'delivered':
      return conflict(
        'webhook_delivered',
        `Cannot retry the webhook because it was delivered; ${force} sends it again`,
      );
    case 'endpoint_deleted':
      return conflict(
        'endpoint_deleted',
        'Cannot retry the webhook because its endpoint was deleted',
      );
    case 'worn_out':
      return conflict(
        'webhook_worn_out',
        'Cannot retry the webhook because it has been tried 30000 times',
      );
    default:
      return refusalOf(became, { id, verb: 'retry' });
  }
}

/** Why a webhook was not cancelled, or undefined if it is cancelled. */
export function cancelRefusal(
  became: CancelResult,
  { id }: { readonly id: string },
): Problem | undefined {
  switch (became) {
    case 'cancelled':
      return undefined;
    case 'delivered':
      return conflict(
        'webhook_delivered',
        'Cannot cancel the webhook because it was delivered; only a webhook that waits can be cancelled',
      );
    case 'failed':
      return conflict(
        'webhook_failed',
        'Cannot cancel the webhook because it has failed; only a webhook that waits can be cancelled',
      );
    default:
      return refusalOf(became, { id, verb: 'cancel' });
  }
}

function refusalOf(
  became: 'delivering' | 'payload_gone' | 'unknown',
  { id, verb }: { readonly id: string; readonly verb: 'retry' | 'cancel' },
): Problem {
  switch (became) {
    case 'delivering':
      return conflict(
        'webhook_delivering',
        `Cannot ${verb} the webhook because it is being sent now`,
      );
    case 'payload_gone':
      return {
        kind: 'payload_gone',
        detail: `Cannot ${verb} the webhook because its payload is gone: history as old as ${id} has been dropped (POSTHORN_RETENTION)`,
      };
    case 'unknown':
      return notFound('webhook', id);
    default:
      return became satisfies never;
  }
}

function conflict(code: string, detail: string): Problem {
  return { kind: 'webhook_state_conflict', code, detail };
}

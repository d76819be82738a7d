import { isLane } from '../domain/lane.ts';
import { closedPayload, originPayload, rulesPayload, scanPayload } from './names.ts';

/** What a notification asks a worker to do. */
export type WakeCall =
  /** Look for new webhooks. */
  | { readonly kind: 'wake' }
  /** Look at all lanes. */
  | { readonly kind: 'scan' }
  /** The lane may be sent to again. */
  | { readonly kind: 'closed'; readonly key: string }
  /** The lanes of the origin may be sent to again. */
  | { readonly kind: 'origin'; readonly key: string }
  /** The rules of the lane have changed. */
  | { readonly kind: 'rules'; readonly key: string };

/**
 * Reads the payload of a notification; undefined: Posthorn does not send such a payload. Every role that may connect to
 * the database may notify, so a payload is untrusted input.
 */
export function parseWakeCall(payload: string): WakeCall | undefined {
  if (payload === '') return { kind: 'wake' };
  if (payload === scanPayload) return { kind: 'scan' };
  for (const [start, kind] of [
    [closedPayload, 'closed'],
    [originPayload, 'origin'],
    [rulesPayload, 'rules'],
  ] as const) {
    if (!payload.startsWith(start)) continue;
    const key = payload.slice(start.length);
    return isLane(key) ? { kind, key } : undefined;
  }
  return undefined;
}

import type { DatabasePool } from 'slonik';
import type { CheckMode } from '../domain/check-mode.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import type { Log } from '../log.ts';

/** What the routes work with. */
export interface RouteOptions {
  readonly pool: DatabasePool;
  readonly log: Log;
  /** The largest body of a webhook, in bytes of UTF-8: at most 1 MiB, which is a CHECK in Postgres. */
  readonly bodyLimitBytes?: number;
  /** Signs cursors. All processes behind a load balancer must have the same key. */
  readonly cursorKey: Uint8Array;
  /** Seals the secrets of endpoints. Without it they are kept as plain text. */
  readonly keyRing?: KeyRing | undefined;
  /** How strictly events are compared with the catalogue; off if not given. */
  readonly checkEvents?: CheckMode | undefined;
  /** Called after a webhook was enqueued. */
  readonly onSent?: (() => void) | undefined;
}

export const defaultBodyLimitBytes = 256 * 1024;

/**
 * The largest request for a webhook's body. A byte of the body takes at most 6 bytes in the request (\u0001), and the other
 * fields need less than 64 KiB.
 */
export function requestLimit(bodyLimitBytes: number): number {
  return bodyLimitBytes * 6 + 65_536;
}

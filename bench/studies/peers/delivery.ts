import type { PeerSite } from './peers.ts';
import { openRows } from './rows.ts';
import { createSender } from './sender.ts';

/** What a job of any peer does. */
export interface Delivery {
  /** The attempt is inserted, the request sent, the end recorded. @throws when one of them fails, so that the job fails. */
  deliver(id: string): Promise<void>;
  /** Notes what must not happen in a run whose receiver always answers 200. */
  trouble(error: unknown): void;
  /** All that was noted; the first few with their words. */
  readonly troubles: readonly string[];
  close(): Promise<void>;
}

const wordsFor = 5;

export function createDelivery({ databaseUrl, rows: by }: PeerSite): Delivery {
  const rows = openRows({ databaseUrl, by });
  const sender = createSender();
  const noted: string[] = [];
  return {
    async deliver(id) {
      const webhook = await rows.begin(id);
      const startedMs = performance.now();
      const { status, body } = await sender.post(webhook);
      if (status < 200 || status > 299) throw new Error(`The receiver answered ${status}`);
      await rows.end({
        id,
        attempt: webhook.attempt,
        status,
        responseBody: body,
        durationMs: performance.now() - startedMs,
      });
    },
    trouble(error) {
      noted.push(error instanceof Error ? error.message : String(error));
    },
    get troubles() {
      const more = noted.length - wordsFor;
      return more > 0 ? [...noted.slice(0, wordsFor), `and ${more} more`] : noted;
    },
    async close() {
      await sender.close();
      await rows.close();
    },
  };
}

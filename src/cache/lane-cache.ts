import { randomBytes } from 'node:crypto';
import type { Log } from '../log.ts';
import { type LaneHint, memberOf, parseHint, scoreOf } from './lane-hint.ts';
import { RedisLink } from './redis-link.ts';
import { WakeLine } from './wake-line.ts';

/*
 * The optional cache in Redis: which lanes have due work, found by one worker's scan for all of them, and a wake-up call
 * for workers that NOTIFY does not reach at once.
 *
 * Postgres stays the truth, and Redis only gives hints: a wrong one costs an index lookup, a missing one the time until
 * the worker's own scan. Nothing here throws, and nothing waits longer than a command's deadline (I11).
 */

interface LaneCacheOptions {
  readonly url: string;
  readonly log: Log;
  /** Tells two databases on one Redis apart. */
  readonly namespace: string;
  /** Certificate authorities to trust instead of Node's, PEM. */
  readonly ca?: string | undefined;
}

/** The worker that gets the lock has this long to scan and to say when the next scan is due. */
const scanLockMs = 4_500;
/** A lock that is set for longer than this is not ours. */
const maxLockMs = 60_000;
/** Each worker scans by itself at least this often, whatever Redis says, or as often as it would without Redis. */
const ownScanMs = 30_000;
const maxShared = 50_000;
const sharedPerCommand = 1_000;
/** Hints are useless once the next scan is long over. */
const keptMs = 10_000;

export class LaneCache {
  readonly #link: RedisLink;
  readonly #wakeLine: WakeLine;
  readonly #lockKey: string;
  readonly #lanesKey: string;
  #ownScanDueMs = 0;

  constructor({ url, log, namespace, ca }: LaneCacheOptions) {
    // The braces keep the keys together in a Redis cluster.
    const prefix = `posthorn:{${namespace}}:`;
    this.#lockKey = `${prefix}scan`;
    this.#lanesKey = `${prefix}lanes`;
    this.#link = new RedisLink({ url, log, ca });
    this.#wakeLine = new WakeLine({ link: this.#link, key: `${prefix}wake`, url, log, ca });
  }

  /** Whether Redis answered when it was last asked. */
  get isUsable(): boolean {
    return this.#link.isUp;
  }

  /** Whether this worker should scan the lanes itself. True at once when Redis does not answer. */
  async mayScan(): Promise<boolean> {
    if (!this.#link.isUp) {
      this.#link.probe();
      return true;
    }
    if (performance.now() > this.#ownScanDueMs) return true;
    const answer = await this.#link.ask(async (client) => {
      const [won, leftMs] = await Promise.all([
        client.set(this.#lockKey, '1', {
          condition: 'NX',
          expiration: { type: 'PX', value: scanLockMs },
        }),
        client.pTTL(this.#lockKey),
      ]);
      if (won === 'OK') return true;
      if (leftMs > 0 && leftMs <= maxLockMs) return false;
      // Posthorn did not write this lock, and it would keep all workers from scanning for ever.
      await client.unlink(this.#lockKey);
      return true;
    });
    return answer ?? true;
  }

  /**
   * Shares the lanes that a scan found, or the best of them if there are very many. No worker scans before the next
   * scan is due.
   */
  async share(
    lanes: readonly LaneHint[],
    { nextInMs }: { readonly nextInMs: number },
  ): Promise<void> {
    this.#ownScanDueMs = performance.now() + Math.max(ownScanMs, nextInMs);
    if (!this.#link.isUp) return;
    const lockMs = Math.min(Math.max(Math.floor(nextInMs * 0.9), 1), maxLockMs);
    const sharedForMs = lockMs + keptMs;
    const best = lanes.length <= maxShared ? lanes : bestOf(lanes);
    const key = `${this.#lanesKey}:${randomBytes(8).toString('hex')}`;
    for (let from = 0; from < best.length; from += sharedPerCommand) {
      const members = best
        .slice(from, from + sharedPerCommand)
        .map((hint) => ({ value: memberOf(hint), score: scoreOf(hint) }));
      const added = await this.#link.ask((client) =>
        Promise.all([client.zAdd(key, members), client.pExpire(key, sharedForMs)]),
      );
      if (added === undefined) return;
    }
    await this.#link.ask((client) =>
      client.set(this.#lockKey, '1', { expiration: { type: 'PX', value: lockMs } }),
    );
    // One transaction, so that no worker reads half of it. It also deletes what an earlier scan found.
    await this.#link.ask<unknown>((client) =>
      best.length > 0 ? client.rename(key, this.#lanesKey) : client.unlink(this.#lanesKey),
    );
  }

  /**
   * Takes the best lanes out, by priority and then by age. They are taken out so that two workers get different ones;
   * if a worker dies with its lanes, the next scan finds them.
   */
  async hints(limit: number): Promise<readonly LaneHint[]> {
    if (!this.#link.isUp) return [];
    const found = await this.#link.ask(
      (client) => client.zPopMinCount(this.#lanesKey, limit),
      [this.#lanesKey],
    );
    return (found ?? []).flatMap((entry) => parseHint(entry) ?? []);
  }

  /** Waits for calls from now on. */
  listen(onWake: () => void): void {
    this.#wakeLine.listen(onWake);
  }

  /** Wakes a worker. The caller does not wait, and many calls at once become one. */
  wake(): void {
    this.#wakeLine.call();
  }

  close(): void {
    this.#wakeLine.close();
    this.#link.close();
  }
}

function bestOf(lanes: readonly LaneHint[]): LaneHint[] {
  return lanes.toSorted((a, b) => scoreOf(a) - scoreOf(b)).slice(0, maxShared);
}

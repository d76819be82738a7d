import { setTimeout as delay } from 'node:timers/promises';
import {
  createRedisClient,
  isWrongType,
  keepConnected,
  type RedisLink,
  type RedisLinkOptions,
} from './redis-link.ts';

/*
 * Wake-up calls through Redis: a list from which one waiting worker at a time takes a call (BLPOP). It serves webhooks
 * that NOTIFY does not announce: at most one open transaction notifies, and the others would be found by the poll.
 */

interface WakeLineOptions extends RedisLinkOptions {
  readonly link: RedisLink;
  readonly key: string;
}

const gatherMs = 5;
/** More calls than this wake no more workers. */
const maxCalls = 16;
const keptMs = 5_000;
const waitS = 5;
const pauseMs = 500;

export class WakeLine {
  readonly #options: WakeLineOptions;
  readonly #over = new AbortController();
  #disconnect = () => {};
  #isCalling = false;

  constructor(options: WakeLineOptions) {
    this.#options = options;
  }

  /** Waits for calls until {@link close}. */
  listen(onWake: () => void): void {
    void this.#listen(onWake);
  }

  call(): void {
    if (this.#isCalling || this.#over.signal.aborted) return;
    this.#isCalling = true;
    const { link, key } = this.#options;
    setTimeout(() => {
      this.#isCalling = false;
      void link.ask(
        (client) =>
          Promise.all([
            client.lPush(key, '1'),
            client.lTrim(key, 0, maxCalls - 1),
            client.pExpire(key, keptMs),
          ]),
        [key],
      );
    }, gatherMs);
  }

  close(): void {
    this.#over.abort();
    this.#disconnect();
  }

  /** Waits on a separate connection, because a waiting connection answers nothing else. */
  async #listen(onWake: () => void): Promise<void> {
    const { signal } = this.#over;
    const client = createRedisClient(this.#options);
    // The link reports what is wrong with Redis.
    client.on('error', () => {});
    this.#disconnect = keepConnected(client);
    while (!signal.aborted) {
      try {
        const call = await client.blPop(this.#options.key, waitS);
        if (call !== null && !signal.aborted) onWake();
      } catch (error) {
        if (isWrongType(error)) await client.unlink(this.#options.key).catch(() => {});
        await delay(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  }
}

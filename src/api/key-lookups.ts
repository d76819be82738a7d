import type { DatabasePool } from 'slonik';
import { type UsableKey, useApiKeys } from '../queries/api-keys.ts';

const mostAtOnce = 2;
const mostTogether = 500;

interface Lookup {
  readonly hash: Buffer;
  readonly answer: PromiseWithResolvers<UsableKey | undefined>;
}

/**
 * Looks up keys in Postgres with at most two statements at a time; the next one asks for all keys that came meanwhile. So a key that
 * exists is always found, and a flood of wrong keys takes no more than two connections.
 */
export class KeyLookups {
  readonly #find: (hashes: readonly Buffer[]) => Promise<ReadonlyMap<string, UsableKey>>;
  readonly #waiting: Lookup[] = [];
  #running = 0;

  /** @param find see {@link useApiKeys} */
  constructor(find: (hashes: readonly Buffer[]) => Promise<ReadonlyMap<string, UsableKey>>) {
    this.#find = find;
  }

  static of(pool: DatabasePool): KeyLookups {
    return new KeyLookups((hashes) => useApiKeys(pool, hashes));
  }

  /** Finds the key with this hash, if it can be used. */
  async find(hash: Buffer): Promise<UsableKey | undefined> {
    const answer = Promise.withResolvers<UsableKey | undefined>();
    this.#waiting.push({ hash, answer });
    if (this.#running < mostAtOnce) void this.#run();
    return await answer.promise;
  }

  async #run(): Promise<void> {
    this.#running += 1;
    for (;;) {
      const together = this.#waiting.splice(0, mostTogether);
      if (together.length === 0) break;
      try {
        const found = await this.#find(together.map(({ hash }) => hash));
        for (const { hash, answer } of together) answer.resolve(found.get(hash.toString('base64')));
      } catch (error) {
        for (const { answer } of together) answer.reject(error);
      }
    }
    this.#running -= 1;
  }
}

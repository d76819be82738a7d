/** The transaction that holds the lock may have ended by then. */
const againMs = 100;

/**
 * Keeps items that cannot be written now, because another session has locked a row that they need, and tries them again every
 * 100 ms. They are kept apart, so that a person who changes one endpoint and does not commit holds up no other endpoint.
 *
 * `again` must `delete` the items that it tries or has written.
 */
export class PutOff<Key, Item> {
  readonly #items = new Map<Key, Item>();
  readonly #again: (items: ReadonlyMap<Key, Item>) => Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor(again: (items: ReadonlyMap<Key, Item>) => Promise<void>) {
    this.#again = again;
  }

  get size(): number {
    return this.#items.size;
  }

  get items(): readonly Item[] {
    return [...this.#items.values()];
  }

  get(key: Key): Item | undefined {
    return this.#items.get(key);
  }

  set(key: Key, item: Item): void {
    this.#items.set(key, item);
    this.#wait();
  }

  delete(key: Key): void {
    this.#items.delete(key);
  }

  #wait(): void {
    this.#timer ??= setTimeout(() => void this.#run(), againMs).unref();
  }

  async #run(): Promise<void> {
    // The timer stands for the run until it ends, so that there is one at a time.
    await this.#again(new Map(this.#items)).catch(() => {});
    this.#timer = undefined;
    if (this.#items.size > 0) this.#wait();
  }
}

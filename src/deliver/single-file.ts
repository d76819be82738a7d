/** Characters from which on a body waits for its turn: signing and writing a MiB takes 8 ms, and 16 at once kept all else waiting for 130 ms. */
export const largeBody = 65_536;

/** Lets work through one at a time, each in a turn of the event loop of its own. */
export class SingleFile {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn. What it does before it waits again delays the others by no more than that. */
  turn(): Promise<void> {
    this.#last = this.#last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#last;
  }
}

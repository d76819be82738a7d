/** Spreads work that holds up the event loop for some ms: one piece after the other, and after each the loop is free for as long as it took. */
export class LongWork {
  #isBusy = false;
  readonly #waiting: (() => void)[] = [];

  /** Resolves when the caller may do its piece, which it must do at once. */
  async turn(): Promise<void> {
    if (this.#isBusy) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isBusy = true;
    const beganMs = performance.now();
    setImmediate(() => setTimeout(() => this.#next(), performance.now() - beganMs));
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isBusy = false;
    else next();
  }
}

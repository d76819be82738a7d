/** Work that holds up the event loop for ms at a time: one piece after the other, and between two the loop is free for as long as the first took. */
export class LongWork {
  #isBusy = false;
  readonly #waiting: (() => void)[] = [];

  /** Resolves when it may begin; what follows at once is the piece. */
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

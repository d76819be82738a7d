/** A wake-up call that is not lost: one that comes while nobody waits is answered by the next wait at once. */
export class Wake {
  #called = false;
  #answer: (() => void) | undefined;

  call(): void {
    if (this.#answer === undefined) this.#called = true;
    else this.#answer();
  }

  /** Waits for a call, at most this many ms. */
  async wait(atMostMs: number): Promise<void> {
    if (!this.#called) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, atMostMs);
        this.#answer = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#answer = undefined;
    this.#called = false;
  }
}

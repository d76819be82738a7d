/** A wake-up call that is not lost: after a call while nothing waits, the next wait ends at once. */
export class Wake {
  #called = false;
  #answer: (() => void) | undefined;

  call(): void {
    if (this.#answer === undefined) this.#called = true;
    else this.#answer();
  }

  /** Waits for a call, at most this many ms; whether there was one. */
  async wait(atMostMs: number): Promise<boolean> {
    let wasCalled = this.#called;
    if (!wasCalled) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, atMostMs);
        this.#answer = () => {
          wasCalled = true;
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#answer = undefined;
    this.#called = false;
    return wasCalled;
  }
}

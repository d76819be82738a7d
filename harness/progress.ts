/** Tells on stderr how far the run is: one line that changes on a terminal, a line per step elsewhere. */
export class Progress {
  readonly #isTerminal = process.stderr.isTTY === true;
  #isOpen = false;

  /** Something begins or goes on; elsewhere than on a terminal nothing is printed. */
  now(text: string): void {
    if (!this.#isTerminal) return;
    process.stderr.write(`\r\x1b[2K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    this.#isOpen = true;
  }

  /** Something is done. */
  done(text: string): void {
    process.stderr.write(`${this.#isOpen ? '\r\x1b[2K' : ''}${text}\n`);
    this.#isOpen = false;
  }

  /** Calls `text` four times a second for as long as the work takes. */
  async during<T>(work: Promise<T>, text: () => Promise<string>): Promise<T> {
    if (!this.#isTerminal) return work;
    const timer = setInterval(() => {
      text().then(
        (line) => this.now(line),
        () => {},
      );
    }, 250);
    try {
      return await work;
    } finally {
      clearInterval(timer);
    }
  }
}

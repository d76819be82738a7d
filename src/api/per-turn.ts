/** Runs at most so many functions in a turn of the event loop, and the rest in the next turns, in the order in which they came. */
export class PerTurn {
  readonly #most: number;
  #run = 0;
  #late: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  run(act: () => void): void {
    if (this.#run >= this.#most) {
      this.#late.push(act);
      return;
    }
    if (this.#run === 0) setImmediate(() => this.#nextTurn());
    this.#run += 1;
    act();
  }

  #nextTurn(): void {
    this.#run = 0;
    for (const act of this.#late.splice(0, this.#most)) this.run(act);
  }
}

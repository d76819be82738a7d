interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes one statement of many calls: what comes while the statements before are under way goes together in the next.
 * Nothing waits for a timer, so one alone costs no more than by itself.
 */
export class RowLoader<Item, Answer> {
  readonly #run: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #statements: number;
  readonly #most: number;
  #waiting: Waiting<Item, Answer>[] = [];
  #underWay = 0;

  /** `run` answers in the order of its items. At most so many statements at once, of at most so many items each. */
  constructor(
    run: (items: readonly Item[]) => Promise<readonly Answer[]>,
    { statements, most }: { readonly statements: number; readonly most: number },
  ) {
    this.#run = run;
    this.#statements = statements;
    this.#most = most;
  }

  load(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      // What is asked for in the same turn goes together.
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    while (this.#underWay < this.#statements && this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, this.#most);
      this.#waiting = this.#waiting.slice(this.#most);
      this.#underWay += 1;
      void this.#answer(batch).finally(() => {
        this.#underWay -= 1;
        this.#flush();
      });
    }
  }

  async #answer(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#run(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const answer = answers[index];
        if (answer === undefined) reject(new Error('No answer for one of a batch'));
        else resolve(answer);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

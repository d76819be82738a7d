/** A lane's part of one priority. */
interface Named {
  readonly lane: string;
  readonly priority: number;
}

/** What a claimed webhook says about its place in the queue. */
export interface Claimed extends Named {
  readonly dueMs: number;
}

interface Given {
  readonly count: number;
  readonly firstDueMs: number;
  readonly lastDueMs: number;
}

/** What a claim gave, lane by lane. */
export class ClaimYield {
  readonly #given = new Map<string, Given>();

  add(webhook: Claimed): void {
    const name = nameOf(webhook);
    const known = this.#given.get(name);
    this.#given.set(name, {
      count: (known?.count ?? 0) + 1,
      firstDueMs: Math.min(known?.firstDueMs ?? webhook.dueMs, webhook.dueMs),
      lastDueMs: Math.max(known?.lastDueMs ?? 0, webhook.dueMs),
    });
  }

  /** How many webhooks it gave, and when the first and the last of them were due; 0 if it gave none. */
  of(place: Named): Given {
    return this.#given.get(nameOf(place)) ?? nothing;
  }
}

const nothing: Given = { count: 0, firstDueMs: 0, lastDueMs: 0 };

function nameOf({ lane, priority }: Named): string {
  return `${lane}:${priority}`;
}

/** A lane's part of one priority. */
interface Named {
  readonly lane: string;
  readonly priority: number;
}

/** What a claim gave, lane by lane. */
export class ClaimYield {
  readonly #given = new Map<string, { count: number; lastDueMs: number }>();

  add(webhook: Named & { readonly dueMs: number }): void {
    const name = nameOf(webhook);
    const known = this.#given.get(name);
    this.#given.set(name, {
      count: (known?.count ?? 0) + 1,
      lastDueMs: Math.max(known?.lastDueMs ?? 0, webhook.dueMs),
    });
  }

  /** How many webhooks it gave, and when the last of them was due; 0 if it gave none. */
  of(place: Named): { readonly count: number; readonly lastDueMs: number } {
    return this.#given.get(nameOf(place)) ?? nothing;
  }
}

const nothing = { count: 0, lastDueMs: 0 };

function nameOf({ lane, priority }: Named): string {
  return `${lane}:${priority}`;
}

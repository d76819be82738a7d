/** Something that waits for a time; 0: for none. */
export interface Timed {
  readyAtMs: number;
}

interface Entry<Item> {
  readonly atMs: number;
  readonly item: Item;
}

/**
 * Gives the items whose time has come, earliest first. A binary heap, because thousands of lanes can rest at the same time, and each
 * choice asks. A time that was changed or cleared leaves its old entry in the heap until that comes to the top.
 */
export class ReadyTimes<Item extends Timed> {
  #heap: Entry<Item>[] = [];
  #count = 0;

  /** The earliest time; infinite if nothing waits for a time. */
  get nextMs(): number {
    return this.#first()?.atMs ?? Number.POSITIVE_INFINITY;
  }

  set(item: Item, atMs: number): void {
    if (item.readyAtMs === atMs) return;
    this.clear(item);
    item.readyAtMs = atMs;
    this.#count += 1;
    this.#push({ atMs, item });
    if (this.#heap.length > this.#count * 2 + 64) this.#rebuild();
  }

  clear(item: Item): void {
    if (item.readyAtMs === 0) return;
    item.readyAtMs = 0;
    this.#count -= 1;
  }

  /** The next item whose time has come; its time is cleared. */
  takeReady(nowMs: number): Item | undefined {
    const first = this.#first();
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.#pop();
    this.clear(first.item);
    return first.item;
  }

  /** The earliest entry that is still true. */
  #first(): Entry<Item> | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.item.readyAtMs === first.atMs) return first;
      this.#pop();
    }
  }

  /** Drops the entries that are not true any more, and doubles. */
  #rebuild(): void {
    const known = new Set<Item>();
    const entries = this.#heap;
    this.#heap = [];
    for (const entry of entries) {
      if (entry.item.readyAtMs !== entry.atMs || known.has(entry.item)) continue;
      known.add(entry.item);
      this.#push(entry);
    }
  }

  #push(entry: Entry<Item>): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || parent.atMs <= entry.atMs) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const down = earlierOf(heap, at * 2 + 1);
      const child = heap[down];
      if (child === undefined || child.atMs >= last.atMs) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
  }
}

/** Of two neighbours in a heap. */
function earlierOf(heap: readonly { readonly atMs: number }[], left: number): number {
  const [a, b] = [heap[left], heap[left + 1]];
  return a !== undefined && b !== undefined && b.atMs < a.atMs ? left + 1 : left;
}

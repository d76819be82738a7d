/** What stands in a ring. The links are the ring's; without a next one it stands in none. */
export interface Linked<Item> {
  next: Item | undefined;
  previous: Item | undefined;
}

/**
 * Gives its items in turn. The links are in the items, so that a ring of one costs nothing more: with 100,000 lanes there are as many
 * rings.
 */
export class Ring<Item extends Linked<Item>> {
  #turn: Item | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Who has the next turn; nobody loses it by being looked at. */
  get first(): Item | undefined {
    return this.#turn;
  }

  /** Puts an item behind all others. */
  add(item: Item): void {
    const first = this.#turn ?? item;
    const last = first.previous ?? first;
    item.next = first;
    item.previous = last;
    last.next = item;
    first.previous = item;
    this.#turn = first;
    this.#size += 1;
  }

  /** The item must stand in this ring. */
  delete(item: Item): void {
    const { next, previous } = item;
    if (next === undefined || previous === undefined) return;
    previous.next = next;
    next.previous = previous;
    item.next = undefined;
    item.previous = undefined;
    this.#size -= 1;
    if (this.#size === 0) this.#turn = undefined;
    else if (this.#turn === item) this.#turn = next;
  }

  /** The next item in turn; undefined if there is none. */
  next(): Item | undefined {
    const item = this.#turn;
    this.#turn = item?.next;
    return item;
  }
}

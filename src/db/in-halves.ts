import { isFaultOfRow } from './sqlstate.ts';

/**
 * Does work with many items at once. If a row makes it fail, it works on halves of the items, until the faulty item is
 * alone: onFault gets that one, and the others are done. Other errors are thrown.
 */
export async function inHalves<Item>(
  items: readonly Item[],
  work: (items: readonly Item[]) => Promise<void>,
  onFault: (item: Item, error: unknown) => void,
): Promise<void> {
  const [only, ...others] = items;
  if (only === undefined) return;
  try {
    await work(items);
  } catch (error) {
    if (!isFaultOfRow(error)) throw error;
    if (others.length === 0) return onFault(only, error);
    const half = Math.ceil(items.length / 2);
    await inHalves(items.slice(0, half), work, onFault);
    await inHalves(items.slice(half), work, onFault);
  }
}

import { type HeldBackRow, listHeldBack } from '../queries/held-back.ts';
import { type Given, hasOption, numberOption } from './command.ts';
import { withDatabase } from './database.ts';
import { type Cell, table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

/** `posthorn held-back`: what is held back now, and why. */
export async function heldBackCommand(given: Given): Promise<void> {
  const limit = numberOption(given, 'limit', { min: 1, max: 1_000, fallback: 100 });
  const found = await withDatabase((pool) => listHeldBack(pool, { limit }));
  if (hasOption(given, 'json')) return print(found);
  if (found.held_back.length === 0) return print('Nothing is held back.');
  const head = ['LEVEL', 'REASON', 'SINCE', 'UNTIL', 'IN FLIGHT', 'LAST ERROR', 'NAME'];
  print(table(head, found.held_back.map(cellsOf), terminalOf(process.stdout)));
  if (found.more) print(`There is more: --limit ${limit} lists the first ones.`);
}

function cellsOf(row: HeldBackRow): Cell[] {
  const { level, reason, since, until, in_flight, slots, last_error, worker, name } = row;
  // A tenant that is at its own limits has slots left, which would mislead.
  const of = reason === 'limit' ? '' : ` of ${slots}`;
  const load = worker === null ? '' : `${in_flight}${of} on worker ${worker}`;
  return [level, reason, timeText(since), timeText(until), load, last_error ?? '', name ?? ''];
}

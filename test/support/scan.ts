import { type ScannedRow, scanPages } from '../../src/lanes/scan-pages.ts';
import type { TestDatabase } from './database.ts';

/** All lanes with work, as a worker's scan finds them; in pages of few, so that there are some. */
export async function scanAll(
  { pool }: Pick<TestDatabase, 'pool'>,
  workerNumber: number,
  { maxHeads = 3 } = {},
): Promise<ScannedRow[]> {
  const found: ScannedRow[] = [];
  for await (const rows of scanPages(pool, { workerNumber, maxHeads })) found.push(...rows);
  return found;
}

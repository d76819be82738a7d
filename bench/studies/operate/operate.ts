import type { Bench } from '../../bench.ts';
import { readSize } from '../../counters.ts';
import { figure, type Result } from '../../report.ts';
import { days, openLoaded } from './loaded.ts';
import { measurePruning, pruningSections } from './pruning.ts';
import { measureReading, readingTable, readingViolations, requirePsql } from './reading.ts';
import { measureScraping, scrapingFigures } from './scraping.ts';

/*
 * What does an operator's day cost with millions of webhooks in the history? The reports and views, the scrapes of
 * Prometheus, and the pruning, in this order, as the last one drops a quarter of it.
 */

export async function runOperate(bench: Bench): Promise<Result> {
  await requirePsql(bench);
  await using loaded = await openLoaded(bench);
  const bytes = await readSize(loaded.database.client);
  const reading = await measureReading(bench, loaded);
  const scraping = await measureScraping(bench, loaded);
  const pruning = await measurePruning(bench, loaded);
  const { webhooks, loadS } = loaded;
  return {
    title: `${webhooks.toLocaleString('en')} finished webhooks over ${days} days`,
    sections: [
      readingTable(reading),
      { title: 'Metrics', figures: scrapingFigures(scraping) },
      ...pruningSections(pruning),
      {
        title: 'The history',
        figures: [
          figure('made or completed in', { unit: 's', runs: [loadS], of: (it) => it }),
          figure('on disk', { unit: 'MB', runs: [bytes / 1e6], of: (it) => it }),
        ],
      },
    ],
    violations: [...readingViolations(reading), ...pruning.violations],
    runs: { reading, scraping, pruning },
  };
}

import { createServer } from 'node:net';
import { cpuMsOf, familyCpuMs } from '../../../harness/machine.ts';
import type { Bench } from '../../bench.ts';
import { Fleet } from '../../fleet.ts';
import { type Figure, figure } from '../../report.ts';
import type { Loaded } from './loaded.ts';

/** What the metrics cost: counting in the database, and a GET /metrics of a worker. */
export interface Scraping {
  readonly counts: readonly Cost[];
  /** The first, which counts, and one after the other, which mostly read what is known. */
  readonly firstScrape: Cost;
  readonly scrapes: readonly Cost[];
  readonly bytes: number;
}

interface Cost {
  readonly ms: number;
  /** CPU times; undefined where they cannot be seen. Ticks of 10 ms: only sums of many mean something. */
  readonly processMs: number | undefined;
  readonly postgresMs: number | undefined;
}

const counts = 100;
const scrapes = 200;

export async function measureScraping(bench: Bench, { database }: Loaded): Promise<Scraping> {
  const { options, progress, server, signal } = bench;
  progress.now('scraping');
  const port = await freePort();
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: 1,
    profile: options.profile,
    env: { POSTHORN_HEALTH_PORT: String(port), POSTHORN_RETENTION: '3650d' },
  });
  await fleet.ready(database, signal);
  const [pid = 0] = fleet.pids;
  const cpu = () => ({
    process: cpuMsOf([pid]) ?? Number.NaN,
    postgres:
      (server.postmasterPid === undefined ? undefined : familyCpuMs(server.postmasterPid)) ??
      Number.NaN,
  });
  const costOf = async (work: () => Promise<unknown>): Promise<Cost> => {
    const before = cpu();
    const startedMs = performance.now();
    await work();
    const ms = performance.now() - startedMs;
    const after = cpu();
    return {
      ms,
      processMs: after.process - before.process,
      postgresMs: after.postgres - before.postgres,
    };
  };
  let bytes = 0;
  const scrape = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal });
    const text = await response.text();
    if (!response.ok || !/^posthorn_database_up 1$/m.test(text)) {
      throw new Error(`Cannot read the metrics: ${response.status} ${text.slice(0, 200)}`);
    }
    bytes = text.length;
  };
  const count = () => database.client.query(`select posthorn.take_stats('0 seconds')`);
  await database.client.query(`update posthorn.stats set taken_at = '-infinity'`);
  const firstScrape = await costOf(scrape);
  const repeat = async (times: number, work: () => Promise<unknown>) => {
    const costs: Cost[] = [];
    for (let done = 0; done < times; done += 1) costs.push(await costOf(work));
    return costs;
  };
  const scraped = await repeat(scrapes, scrape);
  const counted: Cost[] = [];
  for (let done = 0; done < counts; done += 1) {
    // A count is not repeated sooner than after 20 times as long as it took.
    await database.client.query(`update posthorn.stats set taken_at = '-infinity'`);
    counted.push(await costOf(count));
  }
  await fleet.stop();
  return { counts: counted, firstScrape, scrapes: scraped, bytes };
}

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = createServer().listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export function scrapingFigures({ counts, firstScrape, scrapes, bytes }: Scraping): Figure[] {
  const ms = (name: string, costs: readonly Cost[], of: (cost: Cost) => number | undefined) =>
    figure(name, { unit: 'ms', digits: 1, runs: costs, of });
  const mean = (name: string, costs: readonly Cost[], of: (cost: Cost) => number | undefined) => {
    const sum = costs.reduce((all, cost) => all + (of(cost) ?? Number.NaN), 0);
    return figure(name, { unit: 'ms', digits: 2, runs: [sum / costs.length], of: (it) => it });
  };
  return [
    ms('posthorn.take_stats(), counting', counts, (cost) => cost.ms),
    mean('  CPU of Postgres, mean', counts, (cost) => cost.postgresMs),
    ms('GET /metrics, first', [firstScrape], (cost) => cost.ms),
    ms('GET /metrics, again', scrapes, (cost) => cost.ms),
    mean('  CPU of the worker, mean', scrapes, (cost) => cost.processMs),
    mean('  CPU of Postgres, mean', scrapes, (cost) => cost.postgresMs),
    figure('size of the answer', { unit: 'KB', digits: 1, runs: [bytes / 1_000], of: (it) => it }),
  ];
}

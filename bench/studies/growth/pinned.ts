import pg from 'pg';
import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import { figure } from '../../report.ts';
import type { Steady } from '../../steady.ts';
import type { Grown } from './grown.ts';
import { runLoad } from './load.ts';

/*
 * A transaction that stays open, as of a report that runs long or a session that somebody forgot: no row that was deleted
 * since can be vacuumed, and dead entries of the indexes stay. It has written, too, so that for all anybody knows
 * webhooks of five minutes ago may still appear. That is seen in all databases of a server, so that it is opened anew for
 * each round, after the empty database has been measured.
 */

const perSecond = 200;

export async function* growPinned(bench: Bench): AsyncGenerator<Grown, void, void> {
  const { options, server, progress } = bench;
  const loads: Steady[] = [];
  yield {
    title: `a transaction open for ${options.pinnedS} s, while ${perSecond}/s were delivered`,
    size: options.pinnedS,
    endpoints: options.endpoints,
    async open() {
      await using stack = new AsyncDisposableStack();
      const database = stack.use(await server.createDatabase());
      const pin = await openPin(database);
      stack.defer(() => pin.end());
      progress.now(`pinned: ${perSecond}/s for ${options.pinnedS} s beside an open transaction`);
      loads.push(...(await runLoad(bench, { database, perSecond, seconds: [options.pinnedS] })));
      const opened = stack.move();
      return { database, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    },
    facts: () => [
      figure('commit to arrival meanwhile, p50', {
        unit: 'ms',
        digits: 1,
        runs: loads,
        of: ({ p50Ms }) => p50Ms,
      }),
      figure('commit to arrival meanwhile, p99', {
        unit: 'ms',
        digits: 1,
        runs: loads,
        of: ({ p99Ms }) => p99Ms,
      }),
    ],
  };
}

async function openPin({ url }: RoundDatabase): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'posthorn bench pin' });
  client.on('error', () => {});
  await client.connect();
  await client.query('begin isolation level repeatable read');
  await client.query('select pg_current_xact_id(), count(*) from posthorn.queue');
  return client;
}

import { urlOf } from '../../backlog.ts';
import type { Bench } from '../../bench.ts';
import { type Grown, kept } from './grown.ts';
import { diskFact, fact } from './sizes.ts';

/*
 * Webhooks whose time has not come, for a thousand endpoints; the traffic that is measured goes to the first hundred of
 * them, so that each of its lanes has some. (Those that wait for an endpoint that is down are the scenario dead of
 * --isolation.)
 */

const endpoints = 1_000;
const insertAtOnce = 100_000;

export async function* growWaiting({
  options,
  server,
  receiver,
  progress,
}: Bench): AsyncGenerator<Grown, void, void> {
  await using database = await server.createDatabase();
  const { client } = database;
  await client.query('set statement_timeout = 0');
  const startedMs = performance.now();
  for (let done = 0; done < options.backlog; done += insertAtOnce) {
    progress.now(`waiting: inserting, ${done} of ${options.backlog}`);
    // Due from tomorrow on, for 30 days.
    await client.query(
      `insert into posthorn.outbox (url, body, send_at)
       select
         $1::text || n % $2::integer,
         '{}',
         now() + interval '1 day' + n * (interval '30 days' / $3::float8)
       from generate_series($4::integer, $5::integer - 1) as n`,
      [
        urlOf(receiver.port, ''),
        endpoints,
        options.backlog,
        done,
        Math.min(done + insertAtOnce, options.backlog),
      ],
    );
  }
  await client.query('vacuum (analyze)');
  await client.query('checkpoint');
  const facts = [
    fact('made in', (performance.now() - startedMs) / 1_000, 's'),
    await diskFact(client),
  ];
  yield {
    title: `${options.backlog.toLocaleString('en')} webhooks that are due later, for ${endpoints.toLocaleString('en')} endpoints`,
    size: options.backlog,
    endpoints: options.endpoints,
    open: kept(database),
    facts: () => facts,
  };
}

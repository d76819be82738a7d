import { readFileSync } from 'node:fs';
import { openServer } from '../../../harness/postgres.ts';
import { readWal } from '../../counters.ts';

/*
 * `node bench/studies/producers/ways.ts [rounds]`: what 1,000 webhooks cost in one transaction, by each way to insert them:
 * CPU time of the Postgres process, which other programs on the machine change little, time, and bytes of WAL. Linux only.
 * docs/sending.md quotes it.
 */

const rows = 1_000;
const url = `'https://example.com/hook'`;
const body = `repeat('x', 200)`;
const series = `from generate_series(1, ${rows}) as n`;
const loop = (statement: string) =>
  `do $$ begin for n in 1..${rows} loop ${statement}; end loop; end $$`;

/** Loops run in the server, so that no round trip is measured. */
const ways = {
  'outbox, one statement': `insert into posthorn.outbox (url, body) select ${url}, ${body} ${series}`,
  'outbox, a statement per row': loop(
    `insert into posthorn.outbox (url, body) values (${url}, ${body})`,
  ),
  'enqueue(), one statement': `select posthorn.enqueue(url => ${url}, body => ${body}) ${series}`,
  'enqueue(body jsonb), one statement': `select posthorn.enqueue(url => ${url}, body => to_jsonb(${body})) ${series}`,
  'new_webhooks, one statement': `insert into posthorn.new_webhooks (url, body) select ${url}, ${body} ${series}`,
  'new_webhooks with ids, one statement': `insert into posthorn.new_webhooks (id, url, body) select posthorn.uuid_v7(), ${url}, ${body} ${series}`,
  'new_webhooks, a statement per row': loop(
    `insert into posthorn.new_webhooks (url, body) values (${url}, ${body})`,
  ),
  'enqueue() with keys': `select posthorn.enqueue(url => ${url}, body => ${body}, idempotency_key => gen_random_uuid()::text) ${series}`,
  'new_webhooks with keys': `insert into posthorn.new_webhooks (url, body, idempotency_key) select ${url}, ${body}, gen_random_uuid()::text ${series}`,
} as const satisfies Readonly<Record<string, string>>;

type Way = keyof typeof ways;

const rounds = Number(process.argv[2] ?? 15);
await using server = await openServer(process.env['DATABASE_URL'], { autovacuum: 'off' });
await using database = await server.createDatabase();
const { client } = database;
const { rows: pids } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
const times = new Map<Way, number[]>();
const cpu = new Map<Way, number[]>();
const wal = new Map<Way, number[]>();

// The first round plans; it is not counted. No round finds the rows of another in the queue's pages.
for (let round = 0; round <= rounds; round += 1) {
  for (const [way, statement] of Object.entries(ways) as [Way, string][]) {
    await client.query(
      'truncate posthorn.outbox, posthorn.queue, posthorn.idempotency_keys; checkpoint',
    );
    await client.query('insert into posthorn.outbox (url, body) values ($1, $2)', [
      'https://example.com/',
      '{}',
    ]);
    const bytes = await readWal(client);
    const [began, beganCpu] = [performance.now(), cpuMs()];
    await client.query(statement);
    const [took, tookCpu] = [performance.now() - began, cpuMs() - beganCpu];
    if (round === 0) continue;
    cpu.set(way, [...(cpu.get(way) ?? []), tookCpu]);
    times.set(way, [...(times.get(way) ?? []), took]);
    wal.set(way, [...(wal.get(way) ?? []), (await readWal(client)) - bytes]);
  }
}

for (const way of Object.keys(ways) as Way[]) {
  const kb = Math.round(at(wal.get(way), 0.5) / 1_000);
  console.log(
    `${way.padEnd(38)} CPU ${rangeOf(cpu.get(way))}  time ${rangeOf(times.get(way))}  ${kb} kB of WAL`,
  );
}

/** On the CPU so far, of the process that serves the connection. */
function cpuMs(): number {
  return Number(readFileSync(`/proc/${pids[0]?.pid}/schedstat`, 'utf8').split(' ')[0]) / 1_000_000;
}

/** Median, least and most. */
function rangeOf(values: readonly number[] | undefined): string {
  const [median, least, most] = [0.5, 0, 1].map((share) => at(values, share).toFixed(0));
  return `${median?.padStart(4)} ms (${least} to ${most})`;
}

function at(values: readonly number[] = [], share = 0.5): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
}

import type { Bench } from '../../bench.ts';
import type { Table } from '../../report.ts';
import { spreadOf } from '../../statistics.ts';

/* What a filter costs: reading the body as JSON, once for all filters of an event, and the worst filter that is accepted. */

const worst = Array.from({ length: 10 }, (_, index) => `$.list[*] == ${index + 2}`).join(' || ');

const filters: readonly (readonly [name: string, filter: string])[] = [
  ['$.total >= 1000', '$.total >= 1000'],
  ['$.items[*].sku == "x"', '$.items[*].sku == "x"'],
  ['the worst that is accepted', worst],
];

/** Bodies of about this many bytes: a list of zeros, which is the most that a filter can be made to read. */
const sizes = [1_024, 102_400, 1_048_576] as const;

export async function measureFilters({ server, progress, signal }: Bench): Promise<Table> {
  await using database = await server.createDatabase();
  const { client } = database;
  const rows = [];
  for (const size of sizes) {
    signal.throwIfAborted();
    progress.now(`filters on ${size} bytes`);
    await client.query('create temporary table if not exists body (text text, json jsonb)');
    await client.query('truncate body');
    const list = Array.from({ length: Math.floor((size - 40) / 2) }, () => 0);
    await client.query('insert into body (text) values ($1)', [
      JSON.stringify({ total: 1_500, items: [{ sku: 'a' }], list }),
    ]);
    const times = size > 200_000 ? 20 : 200;
    const cast = await msOf('perform posthorn.json_of(body)', times);
    const each = [];
    for (const [, filter] of filters) each.push(await msOf(`perform json @@ '${filter}'`, times));
    rows.push({
      name: `body of ${size.toLocaleString('en')} bytes`,
      unit: 'ms',
      digits: 3,
      cells: [cast, ...each],
    });
  }
  progress.done('filters');
  return {
    title: 'Reading a body as JSON, and a filter on it: median',
    columns: ['as JSON', ...filters.map(([name]) => name.slice(0, 14))],
    rows,
  };

  /** Without what a client and a plan cost. The body is in memory, as it is for a trigger. */
  async function msOf(statement: string, times: number) {
    const values: number[] = [];
    await client.query(`
      create or replace function pg_temp.measure(times integer) returns float8[] language plpgsql as $$
      declare
        body text := (select text from body);
        json jsonb := posthorn.json_of(body);
        took float8[] := '{}';
        started timestamptz;
      begin
        for turn in 1 .. times loop
          started := clock_timestamp();
          ${statement};
          took := took || (extract(epoch from clock_timestamp() - started) * 1000)::float8;
        end loop;
        return took;
      end $$`);
    const { rows } = await client.query<{ took: number[] }>('select pg_temp.measure($1) as took', [
      times,
    ]);
    values.push(...(rows[0]?.took ?? []));
    return spreadOf(values);
  }
}

import type pg from 'pg';
import { readSizes } from '../../counters.ts';
import { type Figure, figure } from '../../report.ts';

/** One value as a line of the report. */
export function fact(name: string, value: number, unit: string): Figure {
  return figure(name, { unit, digits: 1, runs: [value], of: (it) => it });
}

/** What the tables take on disk. */
export async function diskFact(client: pg.Client): Promise<Figure> {
  const bytes = Object.values(await readSizes(client)).reduce((sum, one) => sum + one, 0);
  return fact('on disk', bytes / 1e6, 'MB');
}

/** The queue and its indexes on disk: what updates and deletes leave behind. */
export async function queueFacts(client: pg.Client, when: string): Promise<Figure[]> {
  const { rows } = await client.query<{ name: string; bytes: string }>(
    `select c.relname as name, pg_relation_size(c.oid) as bytes
     from pg_class as c
     where c.oid = 'posthorn.queue'::regclass
       or c.oid in (select indexrelid from pg_index where indrelid = 'posthorn.queue'::regclass)
     order by c.relkind desc, c.relname`,
  );
  return rows.map(({ name, bytes }) => fact(`${name}, ${when}`, Number(bytes) / 1e6, 'MB'));
}

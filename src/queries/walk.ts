import { type FragmentSqlToken, type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';

/** An id above all others, where the first page of a list begins. */
export const highestId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Rows that one page may read to fill itself. */
export const maximumWalk = 100_000;
/** The same, if each row must be looked up in the outbox. */
export const lookupWalk = 10_000;

const walked = z.object({ ids: z.array(z.string()), walked_to: z.string().nullable() });

export type Walked = z.infer<typeof walked>;

/**
 * Reads the ids of a page and one more. If there are fewer, also where the walk stopped, unless it reached the end. A
 * CTE is read only as far as its rows are needed, and returns them in its own order: a full page costs as many rows as
 * it takes. An outer ORDER BY would sort, and so read, all of them (before Postgres 17).
 *
 * @param source rows with an id and is_match, in order
 */
export function walkStatement(
  source: FragmentSqlToken,
  { limit, walk }: { readonly limit: number; readonly walk: number },
): QuerySqlToken<typeof walked> {
  return sql.type(walked)`
    with walk as materialized (
      ${source}
      limit ${walk}
    ),
    page as materialized (
      select array(select id from walk where is_match limit ${limit + 1}) as ids
    )
    select
      ids,
      case
        when cardinality(ids) <= ${limit} then (select id from walk offset ${walk - 1} limit 1)
      end as walked_to
    from page`;
}

/** The ids of a page, and where the next one begins; null after the last one. */
export function pageOf(
  { ids, walked_to }: Walked,
  limit: number,
): { readonly ids: readonly string[]; readonly before: string | null } {
  const page = ids.slice(0, limit);
  return { ids: page, before: ids.length > limit ? (page.at(-1) ?? null) : walked_to };
}

export function all(conditions: readonly FragmentSqlToken[]): FragmentSqlToken {
  return sql.fragment`(${sql.join([sql.fragment`true`, ...conditions], sql.fragment` and `)})`;
}

/** A LIKE pattern that matches all texts that contain this one. */
export function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

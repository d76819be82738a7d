import type { PoolClient } from 'pg';
import type { KeyRing } from '../domain/key-ring.ts';

/*
 * The progress of sealing: the one row of posthorn.sealing.
 */

/** The result of a run. It names keys by their ids. */
export interface SealingResult extends Record<string, unknown> {
  /** Another process is sealing. */
  readonly skipped?: true;
  readonly sealed: number;
  readonly plain: number;
  readonly missingKeys: readonly string[];
  readonly removableKeys: readonly string[];
}

/** With another key the count starts again; with the same key it goes on. Returns how many secrets are to be sealed. */
export async function noteStart(
  client: PoolClient,
  {
    keyId,
    begin,
    notSealedYet,
  }: { readonly keyId: string; readonly begin: string; readonly notSealedYet: string },
): Promise<number> {
  const { rows } = await client.query<{ pending: number }>(
    `with pending as materialized (
       select count(*)::integer as endpoints from posthorn.endpoints as e where ${notSealedYet}
     ),
     noted as (
       insert into posthorn.sealing as s (key_id, total)
       select $2::text, endpoints from pending
       on conflict (is_only_row) do update
         set
           key_id = excluded.key_id,
           total = case when s.key_id = excluded.key_id then s.done else 0 end + excluded.total,
           done = case when s.key_id = excluded.key_id then s.done else 0 end,
           started_at = case when s.key_id = excluded.key_id then s.started_at else clock_timestamp() end,
           updated_at = clock_timestamp(),
           finished_at = case when s.key_id = excluded.key_id and excluded.total = 0 then s.finished_at end
     )
     select endpoints as pending from pending`,
    [begin, keyId],
  );
  return rows[0]?.pending ?? 0;
}

/** wasNews: the end, or the keys that may be removed, were not known before. */
export async function noteEnd(
  client: PoolClient,
  { ring, result }: { readonly ring: KeyRing | undefined; readonly result: SealingResult },
): Promise<{ readonly wasNews: boolean }> {
  const values = [ring?.currentId ?? null, result.plain, result.missingKeys, result.removableKeys];
  const { rows } = await client.query<{ wasNews: boolean }>(
    `with before as materialized (
       select finished_at, removable_keys from posthorn.sealing
     ),
     noted as (
       insert into posthorn.sealing as s (key_id, plain, missing_keys, removable_keys, finished_at)
       values ($1::text, $2::integer, $3::text[], $4::text[], clock_timestamp())
       on conflict (is_only_row) do update
         set
           key_id = excluded.key_id,
           plain = excluded.plain,
           missing_keys = excluded.missing_keys,
           removable_keys = excluded.removable_keys,
           updated_at = clock_timestamp(),
           finished_at = coalesce(s.finished_at, clock_timestamp())
     )
     select not exists (
       select from before where finished_at is not null and removable_keys = $4::text[]) as "wasNews"`,
    values,
  );
  return { wasNews: rows[0]?.wasNews ?? false };
}

import type { Pool, PoolClient } from 'pg';
import { lockClass, sealingLock } from '../db/names.ts';
import { withSessionLock } from '../db/session-lock.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { openText, type SealedAs } from '../domain/sealed-text.ts';
import type { Log } from '../log.ts';
import { seal } from '../secrets/seal.ts';

/*
 * Brings what is secret about endpoints under the current key: what was inserted as plain text, and what older keys sealed.
 *
 * In: rows of posthorn.endpoints. Out: the same, sealed anew, and how far it is in posthorn.sealing. A crash here costs the batch
 * under way: what is sealed with the current key is not looked at again. A row that somebody changes meanwhile is left to the
 * next run.
 */

/** What a run did. Names keys by their ids. */
export interface SealingResult extends Record<string, unknown> {
  /** Another process is at it. */
  readonly skipped?: true;
  readonly sealed: number;
  readonly plain: number;
  readonly missingKeys: readonly string[];
  readonly removableKeys: readonly string[];
}

interface Options {
  /** Undefined: nothing is sealed; it is only looked at which keys are missing. */
  readonly ring: KeyRing | undefined;
  readonly log: Log;
  /** Endpoints in one transaction. */
  readonly batchSize?: number;
}

interface Row {
  readonly id: string;
  readonly version: string;
  readonly secret: string | null;
  readonly former_secrets: readonly { readonly secret: string }[] | null;
  readonly headers: unknown;
}

const noteEveryMs = 5_000;

/** Forgets former secrets that have expired, and seals all that is not sealed with the current key. */
export async function sealSecrets(pool: Pool, options: Options): Promise<SealingResult> {
  return (
    (await withSessionLock(pool, [lockClass, sealingLock], (client) => run(client, options))) ??
    skipped
  );
}

const skipped: SealingResult = {
  skipped: true,
  sealed: 0,
  plain: 0,
  missingKeys: [],
  removableKeys: [],
};

async function run(client: PoolClient, options: Options): Promise<SealingResult> {
  const { ring, log } = options;
  await forgetExpired(client);
  const { unreadable, sealed } =
    ring === undefined ? nothingDone : await sealAll(client, { ...options, ring });
  const { rows } = await client.query<{ key_id: string | null; endpoints: number }>(
    'select key_id, endpoints from posthorn.secret_keys',
  );
  const inUse = rows.flatMap(({ key_id }) => (key_id === null ? [] : [key_id]));
  const result = {
    sealed,
    plain: rows.find(({ key_id }) => key_id === null)?.endpoints ?? 0,
    missingKeys: inUse.filter((id) => ring?.keys.has(id) !== true || unreadable.has(id)).toSorted(),
    removableKeys: [...(ring?.keys.keys() ?? [])]
      .filter((id) => id !== ring?.currentId && !inUse.includes(id))
      .toSorted(),
  };
  const { wasNews } = await noteEnd(client, { ring, result });
  if (result.missingKeys.length > 0) {
    log.error(
      { keys: result.missingKeys },
      'Encryption keys are missing or wrong: webhooks to endpoints whose secrets they sealed are held',
    );
  }
  if (wasNews && result.removableKeys.length > 0) {
    log.info(
      { keyId: ring?.currentId, sealed, removableKeys: result.removableKeys },
      'All secrets are sealed with the current key: as soon as every process runs with it, the keys named here may be removed from the key ring',
    );
  }
  return result;
}

const nothingDone = { unreadable: new Set<string>(), sealed: 0 };

/** Those whose overlap is over sign nothing any more; here they are forgotten. */
async function forgetExpired(client: PoolClient): Promise<void> {
  await asSealing(client, () =>
    client.query(
      `update posthorn.endpoints as e
       set former_secrets = (
         select jsonb_agg(former order by place)
         from jsonb_array_elements(e.former_secrets) with ordinality as f (former, place)
         where (former ->> 'expires_at')::timestamptz > now())
       where exists (
         select
         from jsonb_array_elements(e.former_secrets) as former
         where (former ->> 'expires_at')::timestamptz <= now())`,
    ),
  );
}

/** $1: how a text of the current key begins. */
const notSealedYet = `(
  not starts_with(secret, $1)
  or (jsonb_typeof(headers) = 'object' and headers <> '{}')
  or (jsonb_typeof(headers) = 'string' and not starts_with(headers #>> '{}', $1))
  or exists (
    select from jsonb_array_elements(former_secrets) as former where not starts_with(former ->> 'secret', $1)))`;

async function sealAll(
  client: PoolClient,
  { ring, log, batchSize = 200 }: Options & { readonly ring: KeyRing },
): Promise<{ readonly unreadable: ReadonlySet<string>; readonly sealed: number }> {
  const begin = `sealed:v1:${ring.currentId}:`;
  const total = await noteStart(client, { keyId: ring.currentId, begin });
  const unreadable = new Set<string>();
  let sealed = 0;
  let notedMs = Number.NEGATIVE_INFINITY;
  for (let after = '00000000-0000-0000-0000-000000000000'; total > 0; ) {
    const { rows } = await client.query<Row>(
      `select id, xmin::text as version, secret, former_secrets, headers
       from posthorn.endpoints
       where id > $2::uuid and ${notSealedYet}
       order by id
       limit $3`,
      [begin, after, batchSize],
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.id;
    sealed += await write(client, { rows: rows.map((row) => sealRow(row, { ring, unreadable })) });
    if (performance.now() - notedMs < noteEveryMs) continue;
    notedMs = performance.now();
    log.info({ keyId: ring.currentId, sealed, total }, 'Sealing the secrets of endpoints');
  }
  return { unreadable, sealed };
}

interface SealedRow {
  readonly id: string;
  readonly version: string;
  readonly secret: string | null;
  readonly former: readonly { readonly secret: string }[] | null;
  readonly headers: string | null;
  readonly isChanged: boolean;
}

/** What does not open stays as it is; its key is noted. */
function sealRow(
  row: Row,
  { ring, unreadable }: { readonly ring: KeyRing; readonly unreadable: Set<string> },
): SealedRow {
  let isChanged = false;
  const again = (text: string, purpose: SealedAs['purpose']): string => {
    const as = { endpointId: row.id, purpose };
    const opened = openText(text, { ring, as });
    if (!opened.ok) {
      unreadable.add(opened.keyId);
      return text;
    }
    isChanged = true;
    return seal(opened.text, { ring, as });
  };
  const headers = typeof row.headers === 'string' ? row.headers : JSON.stringify(row.headers);
  return {
    id: row.id,
    version: row.version,
    secret: row.secret === null ? null : again(row.secret, 'secret'),
    former:
      row.former_secrets?.map((one) => ({ ...one, secret: again(one.secret, 'secret') })) ?? null,
    headers: row.headers === null || headers === '{}' ? null : again(headers, 'headers'),
    isChanged,
  };
}

/** The batch and how far it is are one transaction. No plain text is in the statement, nor in its values. */
async function write(
  client: PoolClient,
  { rows }: { readonly rows: readonly SealedRow[] },
): Promise<number> {
  const changed = rows.filter(({ isChanged }) => isChanged);
  if (changed.length === 0) return 0;
  return await asSealing(client, async () => {
    const { rowCount } = await client.query(
      `update posthorn.endpoints as e
       set secret = n.secret, former_secrets = n.former, headers = to_jsonb(n.headers)
       from jsonb_to_recordset($1::jsonb) as n (id uuid, version text, secret text, former jsonb, headers text)
       where e.id = n.id and e.xmin::text = n.version and e.status <> 'deleted'`,
      [JSON.stringify(changed)],
    );
    await client.query(
      'update posthorn.sealing set done = done + $1, updated_at = clock_timestamp()',
      [rowCount],
    );
    return rowCount ?? 0;
  });
}

/** In a transaction that does not count as a change of the endpoints. */
async function asSealing<Result>(client: PoolClient, work: () => Promise<Result>): Promise<Result> {
  await client.query(`begin; set local posthorn.is_sealing = 'on'`);
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/** Another key begins anew; the same one goes on counting. Returns how many there are to be sealed. */
async function noteStart(
  client: PoolClient,
  { keyId, begin }: { readonly keyId: string; readonly begin: string },
): Promise<number> {
  const { rows } = await client.query<{ pending: number }>(
    `with pending as materialized (
       select count(*)::integer as endpoints from posthorn.endpoints where ${notSealedYet}
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

/** wasNews: that it is done, or which keys may be removed, was not known before. */
async function noteEnd(
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

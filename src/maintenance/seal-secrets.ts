import type { Pool, PoolClient } from 'pg';
import { inHalves } from '../db/in-halves.ts';
import { lockClass, sealingLock } from '../db/names.ts';
import { withSessionLock } from '../db/session-lock.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { openText, type SealedAs } from '../domain/sealed-text.ts';
import type { Log } from '../log.ts';
import { seal } from '../secrets/seal.ts';
import { noteEnd, noteStart, type SealingResult } from './sealing-notes.ts';

/*
 * Seals the secrets and headers of endpoints with the current key: those that were inserted as plain text, and those
 * that older keys sealed.
 *
 * In: rows of posthorn.endpoints. Out: the same rows, sealed, and the progress in posthorn.sealing. A crash here costs
 * the current batch: rows that are sealed with the current key are not read again. A row that changes in the meantime
 * is left to the next run.
 */

interface Options {
  /** Undefined: nothing is sealed, only missing keys are found. */
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

/** Deletes expired former secrets, and seals everything that is not sealed with the current key. */
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
  await forgetExpired(client, log);
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
      'All secrets are sealed with the current key: once every process runs with it, the keys named here may be removed from the key ring',
    );
  }
  return result;
}

const nothingDone = { unreadable: new Set<string>(), sealed: 0 };

/** Deletes former secrets whose overlap is over; they no longer sign. */
async function forgetExpired(client: PoolClient, log: Log): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    `select id
     from posthorn.endpoints as e
     where exists (
       select from ${formerSecrets} as former where posthorn.time_of(former ->> 'expires_at') <= now())`,
  );
  await inHalves(
    rows.map(({ id }) => id),
    async (ids) => {
      await asSealing(client, () =>
        client.query(
          `update posthorn.endpoints as e
           set former_secrets = (
             select jsonb_agg(former order by place)
             from ${formerSecrets} with ordinality as f (former, place)
             where posthorn.time_of(former ->> 'expires_at') > now())
           where id = any ($1::uuid[])`,
          [ids],
        ),
      );
    },
    (endpointId, error) => log.error({ endpointId, error: String(error) }, cannotSeal),
  );
}

/** The former secrets of posthorn.endpoints as e; none, if the column is not a list. */
const formerSecrets = `jsonb_array_elements(
  case jsonb_typeof(e.former_secrets) when 'array' then e.former_secrets else '[]' end)`;

const cannotSeal = 'Cannot seal the secrets of an endpoint: its row stays as it is';

/** $1: the beginning of a text that is sealed with the current key. */
const notSealedYet = `(
  not starts_with(secret, $1)
  or (jsonb_typeof(headers) = 'object' and headers <> '{}')
  or (jsonb_typeof(headers) = 'string' and not starts_with(headers #>> '{}', $1))
  or exists (
    select from ${formerSecrets} as former where not starts_with(former ->> 'secret', $1)))`;

async function sealAll(
  client: PoolClient,
  { ring, log, batchSize = 200 }: Options & { readonly ring: KeyRing },
): Promise<{ readonly unreadable: ReadonlySet<string>; readonly sealed: number }> {
  const begin = `sealed:v1:${ring.currentId}:`;
  const total = await noteStart(client, { keyId: ring.currentId, begin, notSealedYet });
  const unreadable = new Set<string>();
  let sealed = 0;
  let notedMs = Number.NEGATIVE_INFINITY;
  for (let after = '00000000-0000-0000-0000-000000000000'; total > 0; ) {
    const { rows } = await client.query<Row>(
      `select id, xmin::text as version, secret, former_secrets, headers
       from posthorn.endpoints as e
       where id > $2::uuid and ${notSealedYet}
       order by id
       limit $3`,
      [begin, after, batchSize],
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.id;
    const told = (endpointId: string, error: unknown) =>
      log.error({ endpointId, error: String(error) }, cannotSeal);
    const sealedRows = rows.flatMap((row) => {
      try {
        return [sealRow(row, { ring, unreadable })];
      } catch (error) {
        told(row.id, error);
        return [];
      }
    });
    const writeThem = async (some: readonly SealedRow[]) => {
      sealed += await write(client, { rows: some });
    };
    await inHalves(sealedRows, writeThem, ({ id }, error) => told(id, error));
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

/** A text that does not open stays as it is; its key is noted. */
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

/** One transaction writes the batch and the progress. The statement and its values contain no plain text. */
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

/** Runs work in a transaction that does not count as a change of the endpoints. */
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

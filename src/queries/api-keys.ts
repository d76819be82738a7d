import { createHash, randomBytes } from 'node:crypto';
import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { type ApiScope, apiScopes, keyPrefix, shownLength } from '../domain/api-key.ts';

const keyRow = z.object({
  id: z.string(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.enum(apiScopes)),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
  last_used_at: z.string().nullable(),
  is_usable: z.boolean(),
});

/** The parts of a key that people may see. Times are RFC 3339 in UTC. */
export type ApiKeyRow = z.infer<typeof keyRow>;

const columns = sql.fragment`
  id, name, prefix, scopes, created_at, expires_at, revoked_at, last_used_at,
  revoked_at is null and (expires_at is null or expires_at > now()) as is_usable`;

/**
 * Hashes a key with SHA-256: a key has 256 random bits, so a slow hash would add no protection and would slow each
 * request.
 */
export function hashOfKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** Makes a key. It is returned here and never again. */
export async function createApiKey(
  connection: Pick<CommonQueryMethods, 'one'>,
  {
    name,
    scopes,
    expiresAt,
  }: {
    readonly name: string;
    readonly scopes: readonly ApiScope[];
    /** RFC 3339. */
    readonly expiresAt: string | null;
  },
): Promise<{ readonly key: string; readonly row: ApiKeyRow }> {
  const key = keyPrefix + randomBytes(32).toString('base64url');
  const row = await connection.one(sql.type(keyRow)`
    insert into posthorn.api_keys (name, prefix, hash, scopes, expires_at)
    values (
      ${name}, ${key.slice(0, shownLength)}, ${sql.binary(hashOfKey(key))}, ${sql.array([...scopes], 'text')},
      ${expiresAt}::timestamptz)
    returning ${columns}`);
  return { key, row };
}

/** Lists all keys, newest first, including revoked and expired ones. */
export async function listApiKeys(
  connection: Pick<CommonQueryMethods, 'any'>,
): Promise<readonly ApiKeyRow[]> {
  return await connection.any(sql.type(keyRow)`
    select ${columns} from posthorn.api_keys order by id desc limit 1000`);
}

/** Revokes a key by its id and returns it; undefined: there is no such key. Revoking it twice changes nothing. */
export async function revokeApiKey(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  id: string,
): Promise<ApiKeyRow | undefined> {
  const row = await connection.maybeOne(sql.type(keyRow)`
    update posthorn.api_keys
    set revoked_at = coalesce(revoked_at, now())
    where id = ${id}::uuid
    returning ${columns}`);
  return row ?? undefined;
}

/** Whether there has ever been a key. If so, requests need one, even if no key is valid any more. */
export async function hadApiKeys(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
): Promise<boolean> {
  return await connection.oneFirst(sql.type(z.object({ exists: z.boolean() }))`
    select exists (select from posthorn.api_keys)`);
}

/** Whether there is a valid key. */
export async function hasApiKeys(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
): Promise<boolean> {
  return await connection.oneFirst(sql.type(z.object({ exists: z.boolean() }))`
    select exists (
      select
      from posthorn.api_keys
      where revoked_at is null and (expires_at is null or expires_at > now())
    )`);
}

const usableRow = z.object({
  id: z.string(),
  hash: z.string(),
  scopes: z.array(z.enum(apiScopes)),
});

export interface UsableKey {
  readonly id: string;
  readonly scopes: readonly ApiScope[];
}

/**
 * Finds the valid keys among these hashes, by their hash in base64, and notes that they were used. If another session
 * is changing a key, its use is noted another time instead of waiting.
 */
export async function useApiKeys(
  connection: Pick<CommonQueryMethods, 'any' | 'query'>,
  hashes: readonly Buffer[],
): Promise<ReadonlyMap<string, UsableKey>> {
  const hexes = hashes.map((hash) => hash.toString('hex'));
  const rows = await connection.any(sql.type(usableRow)`
    select id, encode(hash, 'base64') as hash, scopes
    from posthorn.api_keys
    where hash = any (select decode(hex, 'hex') from unnest(${sql.array(hexes, 'text')}) as hex)
      and revoked_at is null
      and (expires_at is null or expires_at > now())`);
  if (rows.length > 0) {
    await connection.query(sql.unsafe`
      update posthorn.api_keys
      set last_used_at = now()
      where id in (
        select id
        from posthorn.api_keys
        where id = any (${sql.array(
          rows.map(({ id }) => id),
          'uuid',
        )})
          and (last_used_at is null or last_used_at < now() - interval '1 minute')
        for update skip locked)`);
  }
  return new Map(rows.map(({ hash, id, scopes }) => [hash, { id, scopes }]));
}

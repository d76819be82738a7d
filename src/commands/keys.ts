import { type ApiScope, apiScopes } from '../domain/api-key.ts';
import { parseDurationMs } from '../domain/duration.ts';
import { isCanonicalUuid } from '../domain/uuid.ts';
import { createApiKey, listApiKeys, revokeApiKey } from '../queries/api-keys.ts';
import {
  type Command,
  type Given,
  hasOption,
  jsonOption,
  textOption,
  UsageError,
} from './command.ts';
import { withDatabase } from './database.ts';
import { table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

/** `posthorn keys create`. Prints the key, which nobody can find out again. */
async function create(given: Given): Promise<void> {
  const name = textOption(given, 'name') ?? '';
  if (Buffer.byteLength(name) < 1 || Buffer.byteLength(name) > 100) {
    throw new UsageError('Cannot make a key as --name must be given, with 1 to 100 bytes');
  }
  const scopes = scopesOf(textOption(given, 'scope') ?? apiScopes.join(','));
  const expiresAt = expiryOf(textOption(given, 'expires'));
  const { key, row } = await withDatabase((pool) =>
    createApiKey(pool, { name, scopes, expiresAt }),
  );
  if (hasOption(given, 'json')) return print({ key, ...row });
  print(key);
  console.error(
    `It is not shown again; its id is ${row.id}. From now on, in 2 s at the latest, the API asks everybody for a key.`,
  );
}

function scopesOf(text: string): ApiScope[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const scopes = apiScopes.filter((scope) => names.includes(scope));
  if (scopes.length === names.length) return scopes;
  throw new UsageError(
    `Cannot make a key as --scope must be among ${apiScopes.join(', ')}, separated by commas: current value is ${text}`,
  );
}

function expiryOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const afterMs = parseDurationMs(text);
  const atMs = afterMs === undefined ? Number.NaN : Date.now() + afterMs;
  if (afterMs !== undefined && afterMs > 0 && atMs < Date.parse('9999-01-01')) {
    return new Date(atMs).toISOString();
  }
  throw new UsageError(
    `Cannot make a key as --expires must be a duration with a unit, such as 90d: current value is ${text}`,
  );
}

/** `posthorn keys list`. */
async function list(given: Given): Promise<void> {
  const keys = await withDatabase(listApiKeys);
  if (hasOption(given, 'json')) return print({ keys });
  if (keys.length === 0) return print('No keys: whoever reaches the API may use it.');
  const rows = keys.map((key) => [
    key.id,
    `${key.prefix}…`,
    key.scopes.join(','),
    key.revoked_at === null ? (key.is_usable ? 'in force' : 'expired') : 'revoked',
    timeText(key.expires_at),
    timeText(key.last_used_at),
    key.name,
  ]);
  print(
    table(
      ['ID', 'KEY', 'SCOPES', 'STATUS', 'EXPIRES', 'LAST USED', 'NAME'],
      rows,
      terminalOf(process.stdout),
    ),
  );
}

/** `posthorn keys revoke`. */
async function revoke(given: Given): Promise<void> {
  const [id = ''] = given.arguments;
  if (!isCanonicalUuid(id)) {
    throw new UsageError(
      `Cannot revoke the key as its id must be a UUID in lower case with dashes: current value is ${id}`,
    );
  }
  const row = await withDatabase((pool) => revokeApiKey(pool, id));
  if (row === undefined)
    throw new Error(`Cannot revoke the key as there must be one with this id: ${id}`);
  print(hasOption(given, 'json') ? row : `Revoked ${row.name}; it is refused within 2 s`);
}

/** `posthorn keys …`. */
export const keyCommands: readonly Command[] = [
  {
    name: 'keys create',
    summary: 'make a key for the API; prints it once',
    details:
      'From the first key on the API asks everybody for one.\n\n  posthorn keys create --name shop --scope send --expires 90d',
    options: {
      name: { type: 'string', value: 'NAME', help: 'whose it is, for people' },
      scope: {
        type: 'string',
        value: 'SCOPES',
        help: 'read, send and manage, or some of them; all if not given',
      },
      expires: { type: 'string', value: 'DURATION', help: 'such as 90d; never if not given' },
      ...jsonOption,
    },
    run: create,
  },
  { name: 'keys list', summary: 'list the keys of the API', options: jsonOption, run: list },
  {
    name: 'keys revoke',
    summary: 'revoke a key of the API',
    arguments: [{ name: 'id' }],
    options: jsonOption,
    run: revoke,
  },
];

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

/** `posthorn keys create`. Prints the key, which cannot be shown again. */
async function create(given: Given): Promise<void> {
  const name = textOption(given, 'name') ?? '';
  if (Buffer.byteLength(name) < 1 || Buffer.byteLength(name) > 100) {
    throw new UsageError('--name is required and must have 1 to 100 bytes');
  }
  const scopes = scopesOf(textOption(given, 'scope') ?? apiScopes.join(','));
  const expiresAt = expiryOf(textOption(given, 'expires'));
  const { key, row } = await withDatabase((pool) =>
    createApiKey(pool, { name, scopes, expiresAt }),
  );
  if (hasOption(given, 'json')) return print({ key, ...row });
  print(key);
  console.error(
    `It is not shown again; its id is ${row.id}. Within 2 s the API starts to require a key for every request.`,
  );
}

function scopesOf(text: string): ApiScope[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const scopes = apiScopes.filter((scope) => names.includes(scope));
  if (scopes.length === names.length) return scopes;
  throw new UsageError(
    `--scope must be some of ${apiScopes.join(', ')}, separated by commas: "${text}" is not`,
  );
}

function expiryOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const afterMs = parseDurationMs(text);
  const atMs = afterMs === undefined ? Number.NaN : Date.now() + afterMs;
  if (afterMs !== undefined && afterMs > 0 && atMs < Date.parse('9999-01-01')) {
    return new Date(atMs).toISOString();
  }
  throw new UsageError(`--expires must be a duration with a unit, such as 90d: "${text}" is not`);
}

/** `posthorn keys list`. */
async function list(given: Given): Promise<void> {
  const keys = await withDatabase(listApiKeys);
  if (hasOption(given, 'json')) return print({ keys });
  if (keys.length === 0) return print('No keys: everyone who reaches the API may use it.');
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
      `The id of a key must be a UUID in lower case with dashes: "${id}" is not`,
    );
  }
  const row = await withDatabase((pool) => revokeApiKey(pool, id));
  if (row === undefined) throw new Error(`No key with id ${id}`);
  print(hasOption(given, 'json') ? row : `Revoked ${row.name}; the API refuses it within 2 s`);
}

/** `posthorn keys …`. */
export const keyCommands: readonly Command[] = [
  {
    name: 'keys create',
    summary: 'make a key for the API; prints it once',
    details:
      'Once there is a key, the API requires one for every request.\n\n  posthorn keys create --name shop --scope send --expires 90d',
    options: {
      name: { type: 'string', value: 'NAME', help: 'who uses it, for people' },
      scope: {
        type: 'string',
        value: 'SCOPES',
        help: 'some of read, send and manage; default: all',
      },
      expires: { type: 'string', value: 'DURATION', help: 'such as 90d; default: never' },
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

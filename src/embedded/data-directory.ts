import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ConfigError } from '../config/config-error.ts';

/**
 * Makes the data directory, with those above it, and returns its real path.
 *
 * Directory by directory: Node's recursive mkdir tries for ever, and cannot be interrupted, where one whose parent is there
 * cannot be made, as in /proc.
 *
 * @throws ConfigError when there is no directory, and none can be made.
 */
export async function openDataDirectory(path: string): Promise<string> {
  try {
    await make(resolve(path));
    return await realpath(path);
  } catch (error) {
    throw isOf(error, [...rights, ...ofPlace]) ? unusable(path, error) : error;
  }
}

/** That something below the data directory may not be read or written, as an error of the setting; other errors as they are. */
export function explained(error: unknown, path: string): unknown {
  return isOf(error, rights) ? unusable(path, error) : error;
}

const rights = ['EACCES', 'EPERM', 'EROFS'];
/** What is wrong with the place, and not with the disk or with us. */
const ofPlace = ['EEXIST', 'ELOOP', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR'];

function isOf(error: unknown, codes: readonly string[]): error is Error {
  return (
    error instanceof Error &&
    'code' in error &&
    'path' in error &&
    codes.includes(String(error.code))
  );
}

function unusable(path: string, error: Error): ConfigError {
  return new ConfigError(
    `POSTHORN_DATA_DIR must be a directory that this user may make and write: "${path}" is not (${error.message})`,
  );
}

async function make(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (found?.isDirectory() === true) return;
  const parent = dirname(path);
  if (found === undefined && parent !== path) await make(parent);
  // Others may pass through, as the account must that runs Postgres for root, but not look around.
  await mkdir(path, { mode: 0o711 }).catch(async (error: NodeJS.ErrnoException) => {
    const isThere = error.code === 'EEXIST' && (await stat(path)).isDirectory();
    if (!isThere) throw error;
  });
}

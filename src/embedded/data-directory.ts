import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ConfigError } from '../config/config-error.ts';

/**
 * Makes the data directory with its parents, and returns its real path.
 *
 * It goes directory by directory, because Node's recursive mkdir tries for ever, uninterruptibly, in places such as
 * /proc, where a directory cannot be made although its parent exists.
 *
 * @throws ConfigError when there is no directory and it cannot be made.
 */
export async function openDataDirectory(path: string): Promise<string> {
  try {
    await make(resolve(path));
    return await realpath(path);
  } catch (error) {
    throw isOf(error, [...rights, ...ofPlace]) ? unusable(path, error) : error;
  }
}

/** Turns an error of access below the data directory into one of the setting; returns other errors unchanged. */
export function explained(error: unknown, path: string): unknown {
  return isOf(error, rights) ? unusable(path, error) : error;
}

const rights = ['EACCES', 'EPERM', 'EROFS'];
/** Errors of the path, not of the disk or the process. */
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
    `POSTHORN_DATA_DIR must be a directory that this user may create and write: "${path}" is not (${error.message})`,
  );
}

async function make(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (found?.isDirectory() === true) return;
  const parent = dirname(path);
  if (found === undefined && parent !== path) await make(parent);
  // Others may pass through, because the account that runs Postgres for root must, but they may not list it.
  await mkdir(path, { mode: 0o711 }).catch(async (error: NodeJS.ErrnoException) => {
    const isThere = error.code === 'EEXIST' && (await stat(path)).isDirectory();
    if (!isThere) throw error;
  });
}

import { lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mark, type PlannedFile } from './planned-file.ts';

/** What became, or would become, of a planned file. */
export type Written = 'created' | 'overwritten' | 'kept' | 'not ours';

interface WriteOptions {
  readonly folder: string;
  readonly isForced: boolean;
  readonly isDryRun: boolean;
}

/**
 * Writes a file, unless there is one: a file that is not ours is never touched, and one of ours only if that is forced.
 *
 * @throws when the system refuses it.
 */
export async function writePlanned(
  planned: PlannedFile,
  { folder, isForced, isDryRun }: WriteOptions,
): Promise<Written> {
  const file = join(folder, planned.path);
  const there = await lookAt(file);
  if (there === 'not ours') return there;
  // A new key would make the secrets unreadable that the old one has sealed.
  if (there === 'ours' && (!isForced || planned.isPrivate === true)) return 'kept';
  const written = there === 'ours' ? 'overwritten' : 'created';
  if (isDryRun) return written;
  try {
    await mkdir(dirname(file), { recursive: true });
    if (there === 'ours') await rm(file);
    // wx: what somebody else has made meanwhile stays.
    await writeFile(file, planned.text, {
      flag: 'wx',
      mode: planned.isPrivate === true ? 0o600 : 0o644,
    });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot write ${planned.path}: ${message}`, { cause });
  }
  return written;
}

async function lookAt(file: string): Promise<'nothing' | 'ours' | 'not ours'> {
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined) return 'nothing';
  // A link may lead to a file of somebody else.
  if (!found.isFile()) return 'not ours';
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.includes(mark) ? 'ours' : 'not ours';
}

import { randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KeyRing, parseKeyRing } from '../domain/key-ring.ts';

/*
 * The encryption key if none is configured and the embedded Postgres is used: a file next to its data directory. A copy
 * or a dump of the database alone does not contain the key.
 */

const fileName = 'encryption-keys';

/** Reads the key file in this directory; creates it if there is none. */
export async function openKeyFile(dataDir: string): Promise<KeyRing> {
  return (await readKeyFile(dataDir)) ?? (await makeKeyFile(dataDir));
}

/** Reads the key file in this directory; undefined when there is none. Writes nothing. */
export async function readKeyFile(dataDir: string): Promise<KeyRing | undefined> {
  const path = join(dataDir, fileName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`The key file ${path} cannot be read`, {
      cause: error,
    });
  }
  const parsed = parseKeyRing(text.trim());
  if (parsed.ok) return parsed.ring;
  throw new Error(`The key file ${path} cannot be used: ${parsed.rule}`);
}

/**
 * Writes the file completely or not at all, and only once: if two processes start together, one makes it and both read
 * it.
 */
async function makeKeyFile(dataDir: string): Promise<KeyRing> {
  const path = join(dataDir, fileName);
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const id = `file-${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${id}:${randomBytes(32).toString('base64')}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  });
  try {
    await link(draft, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
  const ring = await readKeyFile(dataDir);
  if (ring === undefined) throw new Error(`The key file ${path} is gone; it must be kept`);
  return ring;
}

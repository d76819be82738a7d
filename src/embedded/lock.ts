import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { identify, isAlive } from './process-identity.ts';

const Holder = z.object({ pid: z.int(), startedAt: z.string() });

/** Longer than an initdb, a crash recovery or a slow stop in another process. */
const patienceMs = 120_000;
const pollMs = 50;

/**
 * Runs `work` while no other process runs its own under the same lock file. A lock whose holder
 * died is broken.
 *
 * The lock separates two processes that start the server; it does not guard the data. Postgres does that itself, so the
 * short moment in which two processes could break the same stale lock costs at most an error.
 *
 * @throws when another live process keeps the lock for two minutes, or `signal` aborts the wait.
 */
export async function withLock<T>(
  lock: { path: string; signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const ticket = `${lock.path}.${randomUUID()}`;
  await writeFile(ticket, JSON.stringify(await identify(process.pid)), { mode: 0o600 });
  try {
    await acquire(ticket, lock);
  } finally {
    await rm(ticket, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(lock.path, { force: true });
  }
}

/** A hard link appears together with its content; a file opened with `wx` is empty for a moment. */
async function acquire(ticket: string, lock: { path: string; signal: AbortSignal }): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await claimed(ticket, lock.path))) {
    const holder = await readFile(lock.path, 'utf8').catch(() => undefined);
    if (holder === undefined) continue;
    if (!(await isHeld(holder))) {
      await breakLock(lock.path, holder);
      continue;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `Cannot start the embedded Postgres because another process has been starting or stopping it ` +
          `for two minutes: ${holder} in ${lock.path}`,
      );
    }
    await sleep(pollMs, undefined, { signal: lock.signal });
  }
}

async function claimed(ticket: string, path: string): Promise<boolean> {
  try {
    await link(ticket, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isHeld(content: string): Promise<boolean> {
  try {
    return await isAlive(Holder.parse(JSON.parse(content)));
  } catch {
    return false;
  }
}

/** Moves the stale lock aside before deleting it, and puts back a fresh one that it moved by mistake. */
async function breakLock(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== stale) await link(aside, path);
  } catch {
    // Another process was faster; the next round checks again.
  } finally {
    await rm(aside, { force: true });
  }
}

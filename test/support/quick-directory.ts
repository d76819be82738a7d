import { statfsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';
const neededBytes = 4 * 2 ** 30;

/**
 * Makes the directory for the servers of one run of tests: in memory if there is plenty. To clone a database is mostly to write some
 * hundred files, which takes ten times as long on a disk. Programs may not be started from there.
 */
export async function makeQuickDirectory(): Promise<string> {
  const parent = isMemoryPlenty() ? memory : tmpdir();
  for (const name of await readdir(parent)) {
    // A server that a killed run has left behind ends when its files are gone.
    if (isLeftBehind(name)) await rm(join(parent, name), { recursive: true, force: true });
  }
  return mkdtemp(join(parent, `posthorn-tests-${process.pid}-`));
}

/** A container often has only 64 MB of it, and other systems have none. What is in it counts as memory of the container. */
function isMemoryPlenty(): boolean {
  try {
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize > neededBytes && process.availableMemory() > neededBytes;
  } catch {
    return false;
  }
}

function isLeftBehind(name: string): boolean {
  const pid = Number(/^posthorn-tests-(\d+)-/.exec(name)?.[1]);
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === 'ESRCH';
  }
}

import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';

/** The state that outlives a process, in postgres.json. Read and written only under the lock. */
const State = z.object({
  /** The port of the last start, which is kept so that URLs in other tools stay valid. */
  port: z.int().min(1).max(65_535),
  /** The user that stops the server. `handle` distinguishes two users within one process. */
  owner: z.object({ pid: z.int(), startedAt: z.string(), handle: z.string() }).nullable(),
});

export type State = Readonly<z.infer<typeof State>>;

/** Above 5432 and its usual neighbours, below the ports that systems hand to outgoing connections. */
const firstState: State = { port: 54_329, owner: null };

/** Reads the state. A missing or damaged file counts as a first start, because nothing in it is essential. */
export async function readState(path: string): Promise<State> {
  try {
    return State.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return firstState;
  }
}

/** Replaces the file in one step. */
export async function writeState(path: string, state: State): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

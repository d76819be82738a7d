import type { TaskList } from 'graphile-worker';
import type { Pool } from 'pg';
import type { Log } from '../log.ts';

/*
 * Long work in small transactions: a Graphile Worker job makes steps for a slice of 2 s and adds itself again, so that it
 * keeps no runner from other work and survives a worker that dies. The work itself is a row, and its progress is saved
 * with each step. A worker adds the job of a row on which nobody has worked for a while.
 */

export interface SliceOptions {
  readonly maintenancePool: Pool;
  readonly log: Log;
  /** Aborts when the worker stops. */
  readonly signal: AbortSignal;
}

interface SlicedWork extends SliceOptions {
  /** What the id belongs to, for the log. */
  readonly subject: string;
  /** Makes a step, in a transaction. `waits`: there is nothing to do for now. */
  step(id: string): Promise<{ readonly isDone: boolean; readonly waits: boolean }>;
  /** Adds the job again. */
  again(id: string): Promise<unknown>;
}

const sliceMs = 2_000;

/** A task whose job has the id of its work as its payload. */
export function slicedTask(
  name: string,
  { subject, step, again, log, signal }: SlicedWork,
): TaskList {
  const run = async (id: string) => {
    const untilMs = performance.now() + sliceMs;
    for (;;) {
      const { isDone, waits } = await step(id);
      if (isDone) return;
      if (waits || signal.aborted || performance.now() > untilMs) break;
    }
    await again(id);
  };
  return {
    [name]: async (payload: unknown) => {
      const id = Reflect.get(Object(payload), 'id');
      if (typeof id !== 'string') return;
      try {
        await run(id);
      } catch (error) {
        // A worker notices that the work stands still, and adds the job again soon.
        log.warn({ [subject]: id, error: String(error) }, `Cannot continue the ${subject} yet`);
      }
    },
  };
}

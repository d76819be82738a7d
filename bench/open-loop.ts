import { setTimeout as sleep } from 'node:timers/promises';
import { clockMs } from './clock.ts';

/**
 * Begins each piece of work at its time, whatever became of those before it, and waits for all. So a slow commit does
 * not hide the wait behind it.
 *
 * @throws what the first that failed threw, when all have been begun.
 */
export async function openLoop(
  { perSecond, count }: { readonly perSecond: number; readonly count: number },
  begin: (sequence: number) => Promise<void>,
): Promise<void> {
  const startedMs = clockMs();
  const running: Promise<void>[] = [];
  while (running.length < count) {
    const dueMs = startedMs + (running.length * 1_000) / perSecond;
    const waitMs = dueMs - clockMs();
    if (waitMs > 0) await sleep(waitMs);
    const work = begin(running.length);
    // Awaited at the end; a failure before that must not end the process.
    work.catch(() => {});
    running.push(work);
  }
  await Promise.all(running);
}

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/*
 * Child processes have an end: each is stopped by its pid, whatever happens to the benchmark.
 */

const running = new Set<ChildProcess>();
const patienceMs = 15_000;

// The last resort, for an exit that ran no `finally`.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Has the child killed if it still runs when the benchmark ends. */
export function endWithUs(child: ChildProcess): void {
  running.add(child);
  const forget = () => running.delete(child);
  child.once('exit', forget);
  child.once('error', forget);
}

/** As a service manager does it: SIGTERM, and SIGKILL after 15 s. True if it ended in time. */
export async function end(child: ChildProcess): Promise<boolean> {
  if (!running.has(child)) return true;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  let inTime = true;
  const timer = setTimeout(() => {
    inTime = false;
    child.kill('SIGKILL');
  }, patienceMs);
  await ended;
  clearTimeout(timer);
  return inTime;
}

import { readdirSync } from 'node:fs';

/** What this process holds at most while something runs. */
export interface Usage {
  readonly seconds: number;
  /** Above what it was at the start, MB. */
  readonly rssMb: number;
  readonly fds: number;
}

const sampleMs = 10;

/** Runs it, and looks every 10 ms. Linux alone tells of file descriptors. */
export async function usageOf(run: () => Promise<void>): Promise<Usage> {
  const startRss = process.memoryUsage.rss();
  const startFds = openFds();
  let rss = startRss;
  let fds = startFds;
  const look = (): void => {
    rss = Math.max(rss, process.memoryUsage.rss());
    fds = Math.max(fds, openFds());
  };
  const timer = setInterval(look, sampleMs);
  const startedAt = performance.now();
  await run();
  const seconds = (performance.now() - startedAt) / 1_000;
  look();
  clearInterval(timer);
  return { seconds, rssMb: (rss - startRss) / 1_048_576, fds: fds - startFds };
}

export function openFds(): number {
  return readdirSync('/proc/self/fd').length;
}

/**
 * Shares the runs of a costly question. A caller gets a run that begins after the call, together with all others who asked
 * before it began. At most one runs at a time, and one begins every so many ms at most.
 */
export function nextRun<Result>(
  run: () => Promise<Result>,
  { everyMs }: { readonly everyMs: number },
): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;
  let beganMs = Number.NEGATIVE_INFINITY;
  const begin = async () => {
    await last;
    const waitMs = beganMs + everyMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    next = undefined;
    beganMs = performance.now();
    const running = run();
    last = running.catch(() => {});
    return await running;
  };
  return () => {
    next ??= begin();
    return next;
  };
}

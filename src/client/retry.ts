const longestMs = 30_000;

/**
 * How long to wait before a retry: twice as long each time, up to 30 s, of which a random half is left out so that clients do not
 * come back together. The wait that the API asks for is kept. Undefined: it asks for more than 30 s, which is for the caller to
 * wait.
 */
export function retryDelayMs({
  retry,
  firstMs,
  retryAfterMs = 0,
  random,
}: {
  /** 1 for the first. */
  readonly retry: number;
  readonly firstMs: number;
  readonly retryAfterMs?: number | undefined;
  /** From 0 to 1. */
  readonly random: number;
}): number | undefined {
  if (retryAfterMs > longestMs) return undefined;
  const mostMs = Math.min(longestMs, firstMs * 2 ** (retry - 1));
  return Math.max(retryAfterMs, mostMs * (1 - random / 2));
}

/** Waits. @throws the reason of the signal as soon as it is aborted. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

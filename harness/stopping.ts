/** Aborted by Ctrl-C and by what else asks this process to end, so that it can clean up. Later signals change nothing. */
export function abortedBySignals(): AbortController {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => stopping.abort(new Error(`Stopped by ${name}`)));
  }
  return stopping;
}

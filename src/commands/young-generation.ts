/*
 * The limit of V8's young generation, where new objects are made.
 *
 * V8 lets it grow to 134 MB on a machine with enough memory, and its pages become resident slowly, so the process grows
 * for hours and seems to leak. V8 reads the limit when it creates its heap, before any of our code runs:
 * v8.setFlagsFromString() is too late. So the process replaces itself once, under the same pid: the only way that works
 * for npm, Docker, systemd and Kubernetes (ADR 23).
 */

const limitMb = 16;
const longRunning = ['start', 'worker', 'api'];

/**
 * Restarts this process in place with the limit, if the command runs for long. It does nothing if the user has chosen a
 * limit, if it was done already, or if it is not possible, as on Windows.
 */
export function boundYoungGeneration(args: readonly string[]): void {
  const command = args.find((arg) => !arg.startsWith('-')) ?? '';
  if (!longRunning.includes(command)) return;
  const { execArgv, execPath, argv, argv0, env } = process;
  const chosen = `${execArgv.join(' ')} ${env['NODE_OPTIONS'] ?? ''}`;
  if (/semi[-_]space/.test(chosen)) return;
  // This would cut the channel to a parent such as "node --watch".
  if (process.send !== undefined || process.execve === undefined) return;
  const flag = `--max-semi-space-size=${limitMb}`;
  try {
    process.execve(execPath, [argv0, flag, ...execArgv, ...argv.slice(1)], env);
  } catch {
    // On Windows, or if Node's permissions forbid it, the process runs without the limit.
  }
}

/*
 * The limit of V8's young generation, where new objects are made.
 *
 * V8 lets it grow to 134 MB on a machine with some memory, and its pages become resident slowly, so the process grows for hours and seems
 * to leak. V8 reads the limit when it makes its heap, before any code of ours runs: v8.setFlagsFromString() is too late. So the
 * process replaces itself once, under the same pid: the only place that holds for npm, Docker, systemd and Kubernetes alike (ADR 23).
 */

const limitMb = 16;
const longRunning = ['start', 'worker', 'api'];

/**
 * Starts this process anew in its place with the limit, if the command is one that runs for long. Does nothing if somebody has
 * chosen a limit, if it has been done, and where it cannot be done, as on Windows.
 */
export function boundYoungGeneration(args: readonly string[]): void {
  const command = args.find((arg) => !arg.startsWith('-')) ?? '';
  if (!longRunning.includes(command)) return;
  const { execArgv, execPath, argv, argv0, env } = process;
  const chosen = `${execArgv.join(' ')} ${env['NODE_OPTIONS'] ?? ''}`;
  if (/semi[-_]space/.test(chosen)) return;
  // The channel to a parent, such as that of "node --watch", would be cut.
  if (process.send !== undefined || process.execve === undefined) return;
  const flag = `--max-semi-space-size=${limitMb}`;
  try {
    process.execve(execPath, [argv0, flag, ...execArgv, ...argv.slice(1)], env);
  } catch {
    // Windows, or a Node whose permissions forbid it: it runs without the limit.
  }
}

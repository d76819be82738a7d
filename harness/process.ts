import { type ChildProcess, type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A `posthorn` of its own process. */
export interface PosthornProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Everything it printed so far. */
  readonly output: string[];
  /** Resolves with the first line that matches; rejects when the process ends first or after 30 s. */
  line(pattern: RegExp): Promise<string>;
  /** Sends a signal and waits for the end; the exit code, or null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

/**
 * Starts `posthorn <command>` with these settings and nothing of the test's own environment but PATH and HOME; that of
 * src/cli.ts unless another program is given.
 */
export function spawnPosthorn(
  command: string,
  env: Record<string, string>,
  program = cli,
): PosthornProcess {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [program, command], {
    env: { PATH, HOME, POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return watchProcess(child);
}

/** Keeps what a process prints; its stdout and stderr must be pipes. */
export function watchProcess(
  child: ChildProcessByStdio<null, Readable, Readable>,
): PosthornProcess {
  const output: string[] = [];
  const watchers = new Set<(line: string) => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line);
      for (const watch of watchers) watch(line);
    });
  }
  const exited = once(child, 'exit');
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await exited;
    return child.exitCode;
  };
  return {
    child,
    output,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const known = output.find((line) => pattern.test(line));
        if (known !== undefined) resolve(known);
        const fail = () => {
          clearTimeout(deadline);
          reject(new Error(`No line like ${pattern}:\n${output.join('\n')}`));
        };
        const deadline = setTimeout(fail, 120_000);
        child.once('exit', fail);
        watchers.add((line) => {
          if (!pattern.test(line)) return;
          clearTimeout(deadline);
          child.off('exit', fail);
          resolve(line);
        });
      }),
    end,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) await end('SIGKILL');
    },
  };
}

/** How a command ended. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `posthorn <args>` to its end, with these settings and nothing of the test's own environment but PATH and HOME. */
export async function runPosthorn(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const { PATH = '', HOME = '' } = process.env;
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, ...args], {
      env: { PATH, HOME, ...env },
    });
    return { exitCode: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { exitCode: code, stdout, stderr };
  }
}

/** A worker process that is ready. */
export async function spawnWorker(
  databaseUrl: string,
  env: Record<string, string> = {},
): Promise<PosthornProcess> {
  const worker = spawnPosthorn('worker', {
    DATABASE_URL: databaseUrl,
    POSTHORN_HEALTH_PORT: '0',
    ...env,
  });
  await worker.line(/Worker ready/);
  return worker;
}

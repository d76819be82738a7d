import type { Ended } from '../../harness/process.ts';
import { main } from '../../src/commands/main.ts';

/**
 * Runs `posthorn <args>` to its end in this process, with these settings and nothing of the test's own environment but
 * PATH and HOME: without the half second that a process of its own takes to start. One at a time.
 */
export async function runHere(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const own = process.env;
  const { PATH = '', HOME = '' } = own;
  const { write } = process.stdout;
  const { log, error } = console;
  const known = process.stdout.listeners('error');
  let stdout = '';
  let stderr = '';
  process.env = { PATH, HOME, ...env };
  process.stdout.write = (chunk: string | Uint8Array) => {
    stdout += String(chunk);
    return true;
  };
  console.log = (text: unknown) => {
    stdout += `${String(text)}\n`;
  };
  console.error = (text: unknown) => {
    stderr += `${String(text)}\n`;
  };
  try {
    const exitCode = await main(args);
    return { exitCode, stdout, stderr };
  } finally {
    process.env = own;
    process.stdout.write = write;
    Object.assign(console, { log, error });
    // The command ends its process when nobody reads it any more.
    for (const listener of process.stdout.listeners('error')) {
      if (!known.includes(listener)) process.stdout.off('error', listener as () => void);
    }
  }
}

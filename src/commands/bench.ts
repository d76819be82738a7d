import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Given } from './command.ts';
import { refuse } from './problem-text.ts';

/** `posthorn bench`: the benchmark of a checkout; it is not part of the package. */
export async function benchCommand(given: Given): Promise<number> {
  const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));
  if (!existsSync(main)) {
    refuse('The benchmark needs a checkout of the repository: it is not in the package');
  }
  const child = spawn(process.execPath, [main, ...given.arguments], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : 1;
}

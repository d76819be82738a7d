import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Progress } from '../../../harness/progress.ts';

const folder = new URL('../../', import.meta.url);

/**
 * Sees to it that the peers are in bench/node_modules in the versions of bench/package.json; `npm ci` there if not.
 *
 * @throws when npm fails; the message says what to run by hand.
 */
export async function installPeers(progress: Progress, signal: AbortSignal): Promise<void> {
  if (await arePeersInstalled()) return;
  progress.done('installing the peers in bench/node_modules (npm ci --prefix bench) …');
  const code = await npmCi(signal);
  signal.throwIfAborted();
  if (code !== 0 || !(await arePeersInstalled())) {
    throw new Error(
      'Cannot measure the peers as they must be installed: run `npm ci --prefix bench` and try again, or leave --peers out',
    );
  }
}

/** In the versions of bench/package.json. */
export async function arePeersInstalled(): Promise<boolean> {
  const { dependencies } = await packageAt('package.json');
  const wanted = Object.entries(dependencies ?? {});
  const are = await Promise.all(
    wanted.map(async ([name, version]) => {
      const found = await packageAt(`node_modules/${name}/package.json`).catch(() => undefined);
      return found?.version === version;
    }),
  );
  return are.every(Boolean);
}

/** Name and version of each, as they are pinned. */
export async function peerVersions(): Promise<readonly string[]> {
  const { dependencies } = await packageAt('package.json');
  return Object.entries(dependencies ?? {}).map(([name, version]) => `${name} ${version}`);
}

interface Package {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

async function packageAt(path: string): Promise<Package> {
  return JSON.parse(await readFile(new URL(path, folder), 'utf8')) as Package;
}

/** With the npm that runs us, if there is one. What it says goes to stderr: stdout is for the report. */
async function npmCi(signal: AbortSignal): Promise<number | null> {
  const npm = process.env['npm_execpath'] ?? '';
  const [command, ...args] = /npm-cli\.c?js$/.test(npm) ? [process.execPath, npm] : ['npm'];
  const child = spawn(command ?? 'npm', [...args, 'ci', '--no-audit', '--no-fund'], {
    cwd: fileURLToPath(folder),
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && args.length === 0,
    signal,
  });
  const [code] = await once(child, 'exit').catch(() => [null]);
  return code;
}

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Example, packagesOf } from './example.ts';

/** How a command ended. */
export interface Ended {
  /** Undefined: it ended well. */
  readonly trouble: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const installMs = 600_000;
const runMs = 180_000;

const npmCi = ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'];
const installed = new Set<string>();

/**
 * Installs what an example needs: its npm packages, once for all that share them, and what its own commands say.
 *
 * @throws with the end of what was printed when a command fails.
 */
export async function install(example: Example): Promise<void> {
  const packages = packagesOf(example);
  if (packages !== undefined && !installed.has(packages)) {
    const building = buildPosthorn();
    if (!isInstalled(packages)) await mustRun(npmCi, example, packages);
    await building;
    await linkPosthorn(packages);
    installed.add(packages);
  }
  for (const command of example.install) await mustRun(command, example, example.folder);
}

/** Runs an example's program to its end. */
export function runProgram(
  example: Example,
  {
    args,
    env,
  }: { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> },
): Promise<Ended> {
  return runToEnd([...example.run, ...args], {
    example,
    env,
    cwd: example.folder,
    withinMs: runMs,
  });
}

/** Starts an example's program, in a process group of its own. Disposing ends the group. */
export function startProgram(
  example: Example,
  env: Readonly<Record<string, string>>,
): AsyncDisposable & { readonly output: () => string; readonly ended: Promise<unknown> } {
  const child = start(example.run, { example, env, cwd: example.folder });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += String(chunk);
    });
  }
  const ended = once(child, 'close').catch((error: unknown) => {
    output += String(error);
  });
  return {
    output: () => output,
    ended,
    [Symbol.asyncDispose]: async () => {
      killGroup(child);
      await ended;
    },
  };
}

/** The end of what was printed, for a message. */
export function lastLines(text: string, count = 12): string {
  return text.trim().split('\n').slice(-count).join('\n');
}

/** Makes `import 'posthorn/producer'` mean this checkout, as after `npm install posthorn`: its build, by a link. */
async function linkPosthorn(packages: string): Promise<void> {
  const link = join(packages, 'node_modules/posthorn');
  await rm(link, { recursive: true, force: true });
  await symlink(relative(dirname(link), checkout), link);
}

/** Builds the package once a run. */
function buildPosthorn(): Promise<unknown> {
  built ??= promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: checkout });
  // Whoever waits for it is told; nobody may wait yet.
  built.catch(() => {});
  return built;
}

const checkout = fileURLToPath(new URL('../..', import.meta.url));
let built: Promise<unknown> | undefined;

/** As npm itself sees it: the list of what is there is newer than the lockfile. */
function isInstalled(folder: string): boolean {
  const list = join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(list)) return false;
  return statSync(list).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
}

/** Whether a package manager says that its registry cannot be reached. */
export function isUnreachable(said: string): boolean {
  return /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT)\b|could not resolve|name resolution|no such host|connection refused|i\/o timeout|unknown host/i.test(
    said,
  );
}

async function mustRun(command: readonly string[], example: Example, cwd: string): Promise<void> {
  const ended = await runToEnd(command, { example, env: {}, cwd, withinMs: installMs });
  if (ended.trouble === undefined) return;
  throw new Error(`Cannot install ${example.name}: "${command.join(' ')}": ${ended.trouble}`);
}

interface Place {
  readonly example: Example;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

async function runToEnd(
  command: readonly string[],
  place: Place & { readonly withinMs: number },
): Promise<Ended> {
  const child = start(command, place);
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      printed[name] += String(chunk);
    });
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killGroup(child);
  }, place.withinMs);
  try {
    const [code] = await once(child, 'close');
    const how = isLate ? `It ran longer than ${place.withinMs / 1_000} s` : `It ended with ${code}`;
    const trouble =
      code === 0 ? undefined : `${how}:\n${lastLines(printed.stdout + printed.stderr)}`;
    return { trouble, ...printed };
  } catch (error) {
    return { trouble: error instanceof Error ? error.message : String(error), ...printed };
  } finally {
    clearTimeout(timer);
  }
}

function start([program = '', ...args]: readonly string[], { example, env, cwd }: Place) {
  const child = spawn(program, args, {
    cwd,
    env: { ...ourEnvironment(example), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // What it starts itself ends with it.
    detached: true,
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

const running = new Set<ChildProcess>();
process.on('exit', endPrograms);

/** Ends all programs that run, and what they have started. */
export function endPrograms(): void {
  for (const child of running) killGroup(child);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

/** What tools need to find their files, and nothing about a database. The commands of npm packages are on the PATH. */
function ourEnvironment(example: Example): Record<string, string | undefined> {
  const { PATH = '', ...others } = process.env;
  const kept = Object.entries(others).filter(
    ([name]) =>
      !/^(?:PG|POSTHORN_|npm_(?!config_(?:cache|registry|userconfig))|[A-Z]+_URL$)/.test(name),
  );
  const packages = packagesOf(example);
  const path = packages === undefined ? [PATH] : [join(packages, 'node_modules/.bin'), PATH];
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { groundOf, pureFolders, testsUnder, typescriptGrounds } from './grounds.ts';
import type { Mutant, Result } from './mutant.ts';
import {
  chosenVariable,
  type FoundMutant,
  nameOf,
  type Order,
  type Told,
} from './stryker/protocol.ts';
import type { Tree } from './tree.ts';

/** All mutants that Stryker makes of these files. */
export async function findTypescriptMutants(
  root: string,
  files: ReadonlyMap<string, string>,
): Promise<Mutant[]> {
  if (files.size === 0) return [];
  const child = start('discover.ts', { cwd: root, env: {} });
  let found: readonly FoundMutant[] = [];
  child.on('message', (told: Told) => {
    if (told.kind === 'found') found = told.mutants;
  });
  child.send({ cwd: root, files: [...files.keys()] });
  await ended(child);
  return found.map((mutant) => ({
    ...mutant,
    source: files.get(mutant.file)?.split('\n')[mutant.line - 1]?.trim() ?? '',
  }));
}

export interface TypescriptRun {
  readonly tree: Tree;
  readonly databaseUrl: string;
  /** Only the tests of the name of a mutated file, or that import it themselves, if there are any. */
  readonly isNear: boolean;
  readonly signal: AbortSignal;
  readonly onResult: (result: Result) => void;
  readonly onPhase: (phase: string) => void;
}

/** Runs the mutants, a folder at a time. What it had no time for has no result. */
export async function runTypescriptMutants(
  mutants: readonly Mutant[],
  options: TypescriptRun,
): Promise<void> {
  for (const ground of typescriptGrounds) {
    const ours = mutants.filter(({ file }) => groundOf(file, typescriptGrounds) === ground);
    if (ours.length === 0) continue;
    const isPure = pureFolders.some((folder) => ground.of.includes(folder));
    const tests = await testsFor(ours, { ...options, isPure, prefixes: ground.tests });
    await runGround(ours, { ...options, tests, isPure });
    if (options.signal.aborted) return;
  }
}

async function testsFor(
  mutants: readonly Mutant[],
  {
    tree,
    isNear,
    isPure,
    prefixes,
  }: { tree: Tree; isNear: boolean; isPure: boolean; prefixes: readonly string[] },
): Promise<string[]> {
  const testFiles = tree.files.filter((file) => file.endsWith('.test.ts'));
  const near: string[] = [];
  // A folder that is pure has pure tests; what else imports it costs a database.
  for (const test of testsUnder(isPure ? prefixes : ['test/'], testFiles)) {
    const text = await tree.read(test);
    if (mutants.some(({ file }) => text.includes(`/${file}'`))) near.push(test);
  }
  // Where a test file bears the name of what is mutated, those that use it for something else are further away.
  const named = near.filter((test) =>
    mutants.some(({ file }) => bareName(file) === bareName(test)),
  );
  if (isNear && named.length > 0) return named;
  if (isNear && near.length > 0) return near;
  return [...new Set([...near, ...testsUnder(prefixes, testFiles)])];
}

function bareName(path: string): string {
  return basename(path).replace(/(?:\.test)?\.ts$/, '');
}

async function runGround(
  mutants: readonly Mutant[],
  options: TypescriptRun & { readonly tests: readonly string[]; readonly isPure: boolean },
): Promise<void> {
  const { tree, tests, isPure, databaseUrl, signal, onResult, onPhase } = options;
  const byName = new Map<string, Mutant>();
  const texts = new Map<string, string>();
  for (const mutant of mutants) {
    const text = texts.get(mutant.file) ?? (await tree.read(mutant.file));
    texts.set(mutant.file, text);
    byName.set(strykerName(mutant, text), mutant);
  }
  const files = [...texts.keys()];
  const chosenFile = join(tree.path, '.chosen-mutants.json');
  await writeFile(chosenFile, JSON.stringify([...byName.keys()]));
  const child = start('run.ts', {
    cwd: tree.path,
    env: { [chosenVariable]: chosenFile, POSTHORN_TEST_DATABASE_URL: databaseUrl },
  });
  // Its own children end with it: Stryker ends them when it is told to stop.
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  let lastAt = Date.now();
  child.on('message', (told: Told) => {
    if (told.kind === 'ready') {
      onPhase(`the tests without a mutant took ${Math.round(told.ms / 1000)} s`);
      lastAt = Date.now();
    }
    if (told.kind !== 'tested') return;
    const mutant = byName.get(told.name);
    if (mutant === undefined) return;
    const now = Date.now();
    onResult({ mutant, status: told.status, detail: told.detail, ms: now - lastAt });
    lastAt = now;
  });
  onPhase(`${files.length} files, ${tests.length} test files: the tests without a mutant`);
  const order: Order = { files, tests, isPure };
  child.send(order);
  try {
    await ended(child);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    // Stryker changed them in place.
    for (const [file, text] of texts) await tree.write(file, text);
  }
}

function strykerName({ file, line, endLine, start, end, after }: Mutant, text: string): string {
  const columnOf = (offset: number) => offset - (text.lastIndexOf('\n', offset - 1) + 1);
  const location = {
    start: { line: line - 1, column: columnOf(start) },
    end: { line: endLine - 1, column: columnOf(end) },
  };
  return nameOf({ fileName: file, location, replacement: after });
}

function start(
  name: string,
  { cwd, env }: { cwd: string; env: Readonly<Record<string, string>> },
): ChildProcess {
  return fork(fileURLToPath(new URL(`stryker/${name}`, import.meta.url)), {
    cwd,
    env: { ...process.env, ...env },
    // Stryker says on stdout which tests fail without a mutant.
    stdio: ['ignore', 2, 'inherit', 'ipc'],
  });
}

async function ended(child: ChildProcess): Promise<void> {
  const [code, signal] = await once(child, 'exit');
  if (code === 0) return;
  throw new Error(
    `Cannot go on because Stryker ended with ${code ?? signal}; it is installed by "npm ci --prefix mutate"`,
  );
}

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Progress } from '../harness/progress.ts';
import { abortedBySignals } from '../harness/stopping.ts';
import { startTemporaryPostgres, testSettings } from '../harness/temporary-postgres.ts';
import { changedLines } from './changed-lines.ts';
import { findSqlMutants } from './find-sql.ts';
import { groundOf, pureFolders, typescriptGrounds } from './grounds.ts';
import { readJudged } from './judged.ts';
import { describeMutant, keyOf, type Mutant, type Result, spread } from './mutant.ts';
import { type MutateOptions, readOptions, usage } from './options.ts';
import { renderReport, scoreOf, unjudged } from './report.ts';
import { SqlRun } from './sql-run.ts';
import { TestRunner } from './test-runner.ts';
import { filesOf, Tree } from './tree.ts';
import { findTypescriptMutants, runTypescriptMutants } from './ts-run.ts';

/*
 * `npm run mutate`: changes the code a little, in a copy, and looks whether a test notices. What no test notices either does not
 * matter, and is written down in judged.json, or is a test that is missing.
 */

const root = fileURLToPath(new URL('..', import.meta.url));

/** Seconds for a mutant, as measured on two cores that other work shared. */
const expectedS = { pure: 1, other: 12 };

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const stopping = abortedBySignals();
  const options = read(args);
  if (options === undefined) return 2;
  try {
    if (options.isHelp) {
      console.log(usage);
      return 0;
    }
    return await mutate(options, stopping.signal);
  } catch (error) {
    console.error(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return 2;
  }
}

function read(args: readonly string[]): MutateOptions | undefined {
  try {
    return readOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return undefined;
  }
}

async function mutate(options: MutateOptions, stopped: AbortSignal): Promise<number> {
  const found = await find(options);
  const chosen = choose(found, options);
  if (options.isList) {
    for (const mutant of chosen)
      console.log(`${describeMutant(mutant)}  [${mutant.kind}, ${keyOf(mutant)}]`);
    console.error(`${chosen.length} of ${found.length} mutants`);
    return 0;
  }
  const progress = new Progress();
  progress.done(`${chosen.length} of ${found.length} mutants (seed ${options.seed})`);
  const results = chosen.length === 0 ? [] : await runAll(chosen, { options, progress, stopped });
  const judged = await readJudged(new URL('judged.json', import.meta.url));
  const left = found.length - results.length;
  console.log(`\n${renderReport(results, { judged })}`);
  if (left > 0) console.log(`\n${left} of ${found.length} mutants were left out`);
  console.log(
    `Written: ${await save(results, { options, found: found.length, score: scoreOf(results, judged) })}`,
  );
  if (stopped.aborted) return 2;
  return options.diff !== undefined && unjudged(results, judged).length > 0 ? 1 : 0;
}

/** All mutants of what is asked for. */
async function find({ paths, language, diff }: MutateOptions): Promise<Mutant[]> {
  const isAsked = (file: string) =>
    paths.length === 0 || paths.some((path) => file.startsWith(path));
  const files = await filesOf(root);
  const lines = diff === undefined ? undefined : await changedLines(root, diff);
  const isChanged = (file: string) => lines === undefined || lines.has(file);
  const typescript = new Map<string, string>();
  const sql = [];
  for (const file of files) {
    // Which definition is the latest is known by all files.
    if (language !== 'ts' && file.endsWith('.sql')) sql.push({ file, text: await textOf(file) });
    const isMutated = file.endsWith('.ts') && groundOf(file, typescriptGrounds) !== undefined;
    if (language !== 'sql' && isMutated && isAsked(file) && isChanged(file)) {
      typescript.set(file, await textOf(file));
    }
  }
  const all = [...(await findTypescriptMutants(root, typescript)), ...findSqlMutants(sql)];
  return all.filter(({ file, line, endLine }) => {
    const changed = lines?.get(file);
    return isAsked(file) && (lines === undefined || overlaps(changed, line, endLine));
  });
}

/** A mutant of many lines, such as the body of a function, belongs to a change only if that is most of it. */
function overlaps(
  changed: ReadonlySet<number> | undefined,
  line: number,
  endLine: number,
): boolean {
  if (changed === undefined) return false;
  let count = 0;
  for (let at = line; at <= endLine; at++) count += changed.has(at) ? 1 : 0;
  return count * 2 > endLine - line + 1;
}

function choose(found: readonly Mutant[], { sample, seed, minutes }: MutateOptions): Mutant[] {
  const expected = found.reduce((sum, mutant) => sum + expectedSeconds(mutant), 0);
  // The first half minute goes by before anything is mutated.
  const share = minutes === undefined ? 1 : Math.min(1, Math.max(0, minutes * 60 - 30) / expected);
  const count = Math.min(sample ?? found.length, Math.ceil(found.length * share));
  // Multiples of the golden ratio: however many seeds are tried, their choices lie far apart.
  return spread(found, { count, offset: (seed * 0.6180339887) % 1 });
}

function expectedSeconds({ file }: Mutant): number {
  return pureFolders.some((folder) => file.startsWith(folder)) ? expectedS.pure : expectedS.other;
}

async function runAll(
  chosen: readonly Mutant[],
  {
    options,
    progress,
    stopped,
  }: { options: MutateOptions; progress: Progress; stopped: AbortSignal },
): Promise<Result[]> {
  const { minutes, isNear } = options;
  const deadlines = minutes === undefined ? [] : [AbortSignal.timeout(minutes * 60_000)];
  const signal = AbortSignal.any([stopped, ...deadlines]);
  const results: Result[] = [];
  const onResult = (result: Result) => {
    results.push(result);
    const spentMs = results.reduce((sum, { ms }) => sum + ms, 0);
    const leftS = (spentMs / 1000 / results.length) * (chosen.length - results.length);
    const line = `${results.length} of ${chosen.length}, about ${forPeople(leftS)} left: ${result.status}  ${describeMutant(result.mutant)}`;
    if (result.status === 'killed') progress.now(line);
    else progress.done(line);
  };
  const onPhase = (phase: string) => progress.done(phase);
  await using tree = await Tree.copy(root);
  // One for all tests. What killed tests left in it is thrown away with it.
  await using server = await startTemporaryPostgres({
    name: 'mutate-postgres',
    settings: testSettings,
  });
  const isSql = ({ file }: Mutant) => file.endsWith('.sql');
  await runTypescriptMutants(
    chosen.filter((mutant) => !isSql(mutant)),
    {
      tree,
      databaseUrl: server.url,
      isNear,
      signal,
      onResult,
      onPhase,
    },
  );
  const sql = chosen.filter(isSql);
  if (sql.length === 0 || signal.aborted) return results;
  const cheapTest = tree.files.find((file) => /^test\/domain\/.*\.test\.ts$/.test(file)) ?? '';
  await using runner = new TestRunner({
    cwd: tree.path,
    databaseUrl: server.url,
    signal,
    cheapTest,
  });
  const run = await SqlRun.open({ tree, runner, serverUrl: server.url, isNear, onPhase });
  try {
    for (const mutant of sql) onResult(await run.run(mutant));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return results;
}

async function save(
  results: readonly Result[],
  about: { options: MutateOptions; found: number; score: number },
): Promise<string> {
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(directory, { recursive: true });
  const at = new Date().toISOString();
  const path = `${directory}${at.replaceAll(':', '').slice(0, 17)}.json`;
  const rows = results.map(({ mutant, ...result }) => ({
    key: keyOf(mutant),
    ...result,
    ...mutant,
  }));
  await writeFile(path, `${JSON.stringify({ at, ...about, results: rows }, null, 2)}\n`);
  return path;
}

function textOf(file: string): Promise<string> {
  return readFile(join(root, file), 'utf8');
}

function forPeople(seconds: number): string {
  return seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`;
}

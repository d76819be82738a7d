import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Progress } from '../harness/progress.ts';
import { abortedBySignals } from '../harness/stopping.ts';
import { chosen, type Example, findExamples, missingTool } from './runner/example.ts';
import type { Verdict, Verdicts } from './runner/judge.ts';
import { endPrograms, install, isUnreachable } from './runner/program.ts';
import { checkReceiver } from './runner/receiver-check.ts';
import { checkSender } from './runner/sender-check.ts';
import { asText, type Row, withRows } from './runner/table.ts';
import { openWorld, type World } from './runner/world.ts';

/*
 * `npm run examples`: runs every example whose tools this machine has, against a real Postgres and a real worker, and checks what
 * arrived.
 */

const usage = `Usage: npm run examples -- [options]

  --only NAME[,NAME]  only these, such as drizzle, or all in a folder, such as python
  --all               also those that take long to build
  --write             write the results into docs/orms.md
  --list              list the examples and run none`;

const page = new URL('../docs/orms.md', import.meta.url);
const progress = new Progress();

/** What came of an example: a row of the table, or one verdict of a receiver. */
type Result =
  | { readonly example: Example; readonly verdicts: Verdicts }
  | { readonly example: Example; readonly verdict: Verdict };

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const { signal } = abortedBySignals();
  signal.addEventListener('abort', endPrograms);
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        all: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    const examples = findExamples();
    const wanted =
      values.only === undefined
        ? examples.filter(({ slow }) => values.all || !slow)
        : chosen(examples, values.only.split(','));
    if (values.list) {
      for (const { name, title } of wanted) console.log(`${name.padEnd(24)}${title}`);
      return 0;
    }
    const results = await runAll(wanted, { mayMiss: !values.all, signal });
    report(results, wanted.length - results.length);
    if (values.write) await writePage(results, examples);
    return results.some(hasFailed) ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    if (error instanceof TypeError) console.error(`\n${usage}`);
    return 1;
  }
}

/** @param mayMiss without a registry's packages an example is skipped, as without a tool; else it has failed. */
async function runAll(
  examples: readonly Example[],
  { mayMiss, signal }: { mayMiss: boolean; signal: AbortSignal },
): Promise<Result[]> {
  await using world = await openWorld(signal);
  const results: Result[] = [];
  for (const example of examples) {
    signal.throwIfAborted();
    const missing = missingTool(example);
    if (missing !== undefined) {
      progress.done(`–  ${example.name}: no ${missing} here`);
      continue;
    }
    progress.now(example.name);
    const startedAt = performance.now();
    const result = await runOne(example, world);
    const unreachable = mayMiss ? whyUnreachable(result) : undefined;
    if (unreachable !== undefined) {
      progress.done(`–  ${example.name}: its packages cannot be had here: ${unreachable}`);
      continue;
    }
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    progress.done(`${hasFailed(result) ? '✘' : '✔'}  ${example.name} (${seconds} s)`);
    results.push(result);
  }
  return results;
}

async function runOne(example: Example, world: World): Promise<Result> {
  try {
    await install(example);
  } catch (error) {
    const verdict = {
      kind: 'bad',
      why: error instanceof Error ? error.message : String(error),
    } as const;
    return example.receiver ? { example, verdict } : { example, verdicts: { commit: verdict } };
  }
  return example.receiver
    ? { example, verdict: await checkReceiver(example, world) }
    : { example, verdicts: await checkSender(example, world) };
}

/** Why an example could not be installed, if its registry could not be reached. */
function whyUnreachable(result: Result): string | undefined {
  const verdict = 'verdict' in result ? result.verdict : result.verdicts.commit;
  const isInstall = verdict?.kind === 'bad' && verdict.why.startsWith('Cannot install');
  return isInstall && isUnreachable(verdict.why) ? verdict.why : undefined;
}

function hasFailed(result: Result): boolean {
  const verdicts = 'verdict' in result ? [result.verdict] : Object.values(result.verdicts);
  return verdicts.some(({ kind }) => kind === 'bad');
}

function report(results: readonly Result[], skipped: number): void {
  const rows = rowsOf(results);
  if (rows.length > 0) console.log(`\n${asText(rows)}`);
  const receivers = results.flatMap((result) => ('verdict' in result ? [result] : []));
  if (receivers.length > 0) console.log('\nReceivers');
  for (const { example, verdict } of receivers) {
    const why = verdict.kind === 'bad' ? `: ${verdict.why}` : '';
    console.log(`${verdict.kind === 'good' ? '✔' : '✘'}  ${example.title}${why}`);
  }
  const failed = results.filter(hasFailed).length;
  console.log(`\n${results.length - failed} passed, ${failed} failed, ${skipped} skipped`);
}

async function writePage(results: readonly Result[], examples: readonly Example[]): Promise<void> {
  const text = await readFile(page, 'utf8');
  const titles = examples
    .filter(({ receiver }) => !receiver)
    .map(({ title }) => title)
    .toSorted(byName);
  await writeFile(page, withRows(text, { rows: rowsOf(results), titles }));
}

/** In the order of their titles, so that those of a language stand together. */
function rowsOf(results: readonly Result[]): Row[] {
  const rows = results.flatMap((result) =>
    'verdicts' in result
      ? [{ title: result.example.title, verdicts: result.verdicts, notes: result.example.notes }]
      : [],
  );
  return rows.toSorted((a, b) => byName(a.title, b.title));
}

function byName(a: string, b: string): number {
  return a.localeCompare(b, 'en');
}

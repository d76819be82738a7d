import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../harness/options.ts';
import { openServer } from '../harness/postgres.ts';
import { Progress } from '../harness/progress.ts';
import { abortedBySignals } from '../harness/stopping.ts';
import { parseKeyRing } from '../src/domain/key-ring.ts';
import { problemKinds } from '../src/input/problems.ts';
import { reportText, summaryOf } from './report.ts';
import { type FuzzResult, fuzz } from './run.ts';
import { createSchemaCheck } from './schema-check.ts';
import { documentedBy, openStage, type Stage } from './stage.ts';

/*
 * `npm run fuzz`: makes requests to every route of the API, most of them wrong in some way, and checks what is answered and what it
 * does to the database; see docs/security.md. Exit code 1 when anything was found. Nothing of it leaves this machine, and it
 * has databases of its own.
 */

const usage = `Usage: npm run fuzz -- [options]

  --requests 100000  how many, about 500 a second
  --seed 1           decides which; printed with every run
  --from 0           the number of the first, to have one of them again
  --only text        the operations whose name has this in it, as in "POST /webhooks"
  --json file        writes all figures to a file
  --url postgres://… a server to make the databases on, in place of an embedded one`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const stopping = abortedBySignals();
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        requests: { type: 'string', default: '100000' },
        seed: { type: 'string' },
        from: { type: 'string', default: '0' },
        only: { type: 'string', default: '' },
        json: { type: 'string' },
        url: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    const seed = wholeNumber(values.seed ?? String(Math.floor(Math.random() * 1_000_000)), {
      option: 'seed',
      min: 0,
    });
    const requests = wholeNumber(values.requests, { option: 'requests', min: 0 });
    const from = wholeNumber(values.from, { option: 'from', min: 0 });
    const { result, keys } = await run({
      ...values,
      seed,
      requests,
      from,
      signal: stopping.signal,
    });
    console.log(`\n${summaryOf(result)}`);
    for (const report of result.reports) console.error(`\n${reportText(report, { seed, keys })}`);
    if (values.json !== undefined) await save(values.json, { seed, from, ...result });
    const isClean = result.reports.length === 0;
    console.log(isClean ? '\nNothing was found.' : `\n${result.reports.length} findings.`);
    return isClean ? 0 : 1;
  } catch (error) {
    console.error(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    if (error instanceof TypeError) console.error(usage);
    return 1;
  }
}

async function run({
  url,
  only,
  seed,
  ...options
}: {
  readonly url?: string | undefined;
  readonly only: string;
  readonly seed: number;
  readonly from: number;
  readonly requests: number;
  readonly signal: AbortSignal;
}): Promise<{ readonly result: FuzzResult; readonly keys: readonly string[] }> {
  const progress = new Progress();
  await using stack = new AsyncDisposableStack();
  progress.done(`${options.requests} requests (seed ${seed})`);
  const settings = { fsync: 'off', synchronous_commit: 'off' };
  const server = stack.use(await openServer(url, settings));
  const stages: Stage[] = [];
  // With secrets as they are, and with sealed ones.
  for (const keyRing of [undefined, ringForRun()]) {
    const database = stack.use(await server.createDatabase());
    stages.push(stack.use(await openStage({ databaseUrl: database.url, keyRing })));
  }
  const operations = await documentedBy(stages[0]);
  const chosen = operations.filter(({ name }) => name.includes(only));
  if (chosen.length === 0) {
    throw new TypeError(
      `Cannot use --only as it must be in one of ${operations.map(({ name }) => name).join(', ')}: current value is ${only}`,
    );
  }
  let told = 0;
  const result = await fuzz({
    ...options,
    stages,
    seed,
    rules: { operations: chosen, problemKinds, check: createSchemaCheck() },
    onProgress: (done, findings) => {
      progress.now(`  ${done} of ${options.requests} · ${findings} findings`);
      if (done - told < 10_000) return;
      told = done;
      progress.done(`  ${done} of ${options.requests} · ${findings} findings`);
    },
  });
  return { result, keys: stages.flatMap(({ known: { keys } }) => [keys.all, ...keys.others]) };
}

function ringForRun() {
  const ring = parseKeyRing(`fuzz:${Buffer.alloc(32, 7).toString('base64')}`);
  return ring.ok ? ring.ring : undefined;
}

async function save(
  path: string,
  { reports, ...rest }: FuzzResult & { readonly seed: number; readonly from: number },
): Promise<void> {
  const at = new Date().toISOString();
  const readable = reports.map(({ request, ...report }) => ({
    ...report,
    requestBase64: request.toString('base64'),
  }));
  await writeFile(path, `${JSON.stringify({ at, ...rest, reports: readable }, null, 2)}\n`);
}

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.ts';
import { openServer, type Server } from './database.ts';
import { runLatency } from './latency.ts';
import { coreCount, cpuModel } from './machine.ts';
import { type BenchOptions, readOptions, usage } from './options.ts';
import { runProduct } from './product-run.ts';
import { Progress } from './progress.ts';
import { ReceiverClient } from './receiver-client.ts';
import { drainSections, type Result, type Round, renderSections } from './report.ts';
import { runYardstick } from './yardstick-run.ts';

/*
 * `npm run bench`: how fast Posthorn drains a backlog, beside its yardstick in the same run; see docs/benchmarks.md.
 *
 * Ends with exit code 1 when a webhook was not delivered exactly once, or a row is not as it must be. Whatever ends
 * it, Ctrl-C included, its processes are stopped and its directory is removed.
 */

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => stopping.abort(new Error(`Stopped by ${name}`)));
  }
  process.on('uncaughtException', (error) => stopping.abort(error));
  // Whoever read the output has gone, as `| head` does: the run goes on, and the file is written.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    const options = readOptions(args);
    if (options === 'help') {
      console.log(usage);
      return 0;
    }
    return await measure(options, stopping.signal);
  } catch (error) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof TypeError) console.error(usage);
    return 1;
  }
}

async function measure(options: BenchOptions, signal: AbortSignal): Promise<number> {
  const progress = new Progress();
  progress.now('starting Postgres and the receiver');
  await using server = await openServer(process.env['BENCH_DATABASE_URL']);
  await using receiver = await ReceiverClient.start(signal);
  const bench: Bench = { options, server, receiver, progress, signal };
  const result = options.latency ? await runLatency(bench) : await runDrain(bench);
  console.log(`\n${result.title}\n${setupOf(server)}\n${renderSections(result.sections)}\n`);
  const path = await save({ options, server, result });
  console.log(`All figures: ${path}`);
  for (const violation of result.violations) console.error(`VIOLATED: ${violation}`);
  return result.violations.length === 0 ? 0 : 1;
}

async function runDrain(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const dispatch = await runYardstick(bench, 'dispatch');
    const product = await runProduct(bench);
    const request = await runYardstick(bench, 'request');
    rounds.push({ dispatch, request, product });
    progress.done(roundLine(number, { dispatch, request, product }));
  }
  const count = options.webhooks.toLocaleString('en');
  return {
    title:
      `Drain of ${count} webhooks of 1 KB to ${options.endpoints} endpoints, ${options.workers} worker(s), ` +
      `receiver answers after ${options.delayMs} ms; median, least and most of ${options.rounds} rounds`,
    sections: drainSections(rounds, options),
    violations: rounds.flatMap(({ dispatch, request, product }, index) =>
      Object.entries({ dispatch, request, product }).flatMap(([name, { violations }]) =>
        violations.map((violation) => `round ${index + 1}, ${name}: ${violation}`),
      ),
    ),
    runs: rounds,
  };
}

function roundLine(number: number, { dispatch, request, product }: Round): string {
  const rate = (perSecond: number) => `${Math.round(perSecond).toLocaleString('en')}/s`;
  const noise = 100 * ((product.window.foreign ?? 0) + (product.window.stolen ?? 0));
  return (
    `round ${number}: dispatch ${rate(dispatch.perSecond)}, request ${rate(request.perSecond)}, ` +
    `Posthorn ${rate(product.perSecond)} (noise ${noise.toFixed(0)} %)`
  );
}

function setupOf({ settings, isEmbedded }: Server): string {
  const list = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return (
    `${coreCount()} cores (${cpuModel()}) shared by all processes; Node ${process.version}; ` +
    `${isEmbedded ? 'embedded' : 'given'} Postgres: ${list.join(', ')}`
  );
}

async function save({
  options,
  server,
  result,
}: {
  options: BenchOptions;
  server: Server;
  result: Result;
}): Promise<string> {
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(directory, { recursive: true });
  const at = new Date().toISOString();
  const kind = options.latency ? 'latency' : 'drain';
  const name = options.name ?? `${kind}-${at.replaceAll(':', '').slice(0, 17)}`;
  const machine = { cores: coreCount(), model: cpuModel(), node: process.version };
  const content = { at, options, machine, postgres: server.settings, ...result };
  const path = `${directory}${name}.json`;
  await writeFile(path, `${JSON.stringify(content, null, 2)}\n`);
  return path;
}

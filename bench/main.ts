import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { coreCount, cpuModel } from '../harness/machine.ts';
import { openServer, type Server } from '../harness/postgres.ts';
import { Progress } from '../harness/progress.ts';
import { abortedBySignals } from '../harness/stopping.ts';
import type { Bench } from './bench.ts';
import { runDrain } from './drain.ts';
import { countingSettings } from './exact-counts.ts';
import { runIsolation } from './isolation/isolation.ts';
import { runLatency } from './latency.ts';
import { type BenchOptions, readOptions, usage } from './options.ts';
import { ReceiverClient } from './receiver-client.ts';
import { type Result, renderSections } from './report.ts';
import { runDashboard } from './studies/dashboard/dashboard.ts';
import { runEvents } from './studies/events/events.ts';
import { runGrowth } from './studies/growth/growth.ts';
import { runMatrix } from './studies/matrix/matrix.ts';
import { runMemory } from './studies/memory/memory.ts';
import { runOperate } from './studies/operate/operate.ts';
import { runProducers } from './studies/producers/producers.ts';

/*
 * `npm run bench`: the drain of a backlog, the latency, what the load of others costs healthy tenants, what a producer pays, or what
 * growth costs; see docs/benchmarks.md.
 *
 * Ends with exit code 1 when a webhook was not delivered exactly once, or a row is not as it must be. Whatever ends
 * it, Ctrl-C included, its processes are stopped and its directory is removed.
 */

const modes: Readonly<Record<BenchOptions['mode'], (bench: Bench) => Promise<Result>>> = {
  drain: runDrain,
  latency: runLatency,
  isolation: runIsolation,
  producers: runProducers,
  events: runEvents,
  growth: runGrowth,
  dashboard: runDashboard,
  operate: runOperate,
  memory: runMemory,
  matrix: runMatrix,
};

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const stopping = abortedBySignals();
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
  const settings = options.peers.length > 0 ? countingSettings : {};
  await using server = await openServer(process.env['BENCH_DATABASE_URL'], settings);
  await using receiver = await ReceiverClient.start(signal);
  const bench: Bench = { options, server, receiver, progress, signal };
  const result = await modes[options.mode](bench);
  console.log(`\n${result.title}\n${setupOf(server)}\n${renderSections(result.sections)}\n`);
  for (const path of await save({ options, server, result })) console.log(`Written: ${path}`);
  for (const violation of result.violations) console.error(`VIOLATED: ${violation}`);
  return result.violations.length === 0 ? 0 : 1;
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
}): Promise<string[]> {
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(directory, { recursive: true });
  const at = new Date().toISOString();
  const name = options.name ?? `${options.mode}-${at.replaceAll(':', '').slice(0, 17)}`;
  const machine = { cores: coreCount(), model: cpuModel(), node: process.version };
  const { pictures = {}, ...figures } = result;
  const content = { at, options, machine, postgres: server.settings, ...figures };
  const files = {
    [`${directory}${name}.json`]: `${JSON.stringify(content, null, 2)}\n`,
    ...Object.fromEntries(
      Object.entries(pictures).map(([what, svg]) => [`${directory}${name}-${what}.svg`, svg]),
    ),
  };
  for (const [path, text] of Object.entries(files)) await writeFile(path, text);
  return Object.keys(files);
}

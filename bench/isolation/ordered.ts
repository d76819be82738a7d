import { once } from 'node:events';
import { Agent, createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { clockMs } from '../clock.ts';
import { Fleet } from '../fleet.ts';
import { type Figure, figure, type Result } from '../report.ts';

/** What one receiver was sent: by a bare client that sends one request after another, and by a worker in order. */
interface Run {
  readonly delayMs: number;
  readonly barePerS: number;
  readonly perS: number;
  readonly numbers: readonly number[];
  readonly mostInFlight: number;
}

interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly times: number[];
  readonly numbers: number[];
  mostInFlight: number;
}

const delaysMs = [0, 20];
/** So that each takes some seconds. */
const webhooksFor = (delayMs: number) => (delayMs === 0 ? 4_000 : 500);
const barely = 200;

/** The rate of one ordered endpoint with a backlog, beside what its receiver's own time allows. */
export async function runOrdered(bench: Bench): Promise<Result> {
  const runs: Run[] = [];
  for (let round = 1; round <= bench.options.rounds; round += 1) {
    for (const delayMs of delaysMs) {
      const name = `ordered, ${delayMs} ms, round ${round}`;
      bench.progress.now(name);
      runs.push(await runOne(bench, delayMs));
      bench.progress.done(name);
    }
  }
  return {
    title: 'one ordered endpoint with a backlog, one worker',
    sections: delaysMs.map((delayMs) => ({
      title: `the receiver answers after ${delayMs} ms`,
      figures: figuresOf(runs.filter((run) => run.delayMs === delayMs)),
    })),
    violations: runs.flatMap(violationsOf),
    runs,
  };
}

function figuresOf(runs: readonly Run[]): Figure[] {
  const rate = (name: string, of: (run: Run) => number) => figure(name, { unit: '/s', runs, of });
  return [
    rate('a bare client, one after another', ({ barePerS }) => barePerS),
    rate('in order', ({ perS }) => perS),
    figure('of what the bare client sends', {
      unit: '%',
      runs,
      of: ({ perS, barePerS }) => (perS / barePerS) * 100,
    }),
  ];
}

async function runOne({ server, options, signal }: Bench, delayMs: number): Promise<Run> {
  await using receiver = await startReceiver(delayMs);
  const barePerS = await sendBarely(receiver);
  receiver.times.length = 0;
  receiver.numbers.length = 0;
  await using database = await server.createDatabase();
  const count = webhooksFor(delayMs);
  await using fleet = new Fleet({
    ...{ databaseUrl: database.url, workers: 1, profile: options.profile },
  });
  await fleet.ready(database, signal);
  await database.client.query(
    `with endpoint as (insert into posthorn.endpoints (url, ordered) values ($1, true) returning id)
     insert into posthorn.outbox (endpoint_id, body) select id, n::text from endpoint, generate_series(1, $2::integer) as n`,
    [receiver.url, count],
  );
  await fleet.during(untilAll(receiver, { count, signal }));
  await fleet.stop();
  const { times, numbers, mostInFlight } = receiver;
  return { delayMs, barePerS, perS: perSecond(times), numbers, mostInFlight };
}

async function startReceiver(delayMs: number): Promise<Receiver> {
  let inFlight = 0;
  const answer = (response: ServerResponse) => {
    inFlight -= 1;
    response.end();
  };
  const server = createServer((incoming, response) => {
    receiver.times.push(clockMs());
    inFlight += 1;
    receiver.mostInFlight = Math.max(receiver.mostInFlight, inFlight);
    let body = '';
    incoming.on('data', (chunk) => {
      body += chunk;
    });
    incoming.on('end', () => {
      receiver.numbers.push(Number(body));
      if (delayMs === 0) answer(response);
      else setTimeout(() => answer(response), delayMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    times: [],
    numbers: [],
    mostInFlight: 0,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}

/** Over one connection, each request after the answer to the one before. */
async function sendBarely({ url, times }: Receiver): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let sent = 0; sent < barely; sent += 1) {
    const [response] = await once(request(url, { agent, method: 'POST' }).end('1'), 'response');
    await once(response.resume(), 'end');
  }
  agent.destroy();
  return perSecond(times);
}

async function untilAll(
  { numbers }: Receiver,
  { count, signal }: { count: number; signal: AbortSignal },
): Promise<void> {
  for (let tries = 0; tries < 1_200; tries += 1) {
    if (numbers.length >= count) return;
    await sleep(100, undefined, { signal });
  }
  throw new Error('Not all webhooks came within two minutes');
}

function perSecond(times: readonly number[]): number {
  const tookMs = (times.at(-1) ?? Number.NaN) - (times[0] ?? 0);
  return ((times.length - 1) * 1_000) / tookMs;
}

function violationsOf({ delayMs, numbers, mostInFlight }: Run): string[] {
  const found: string[] = [];
  const isInOrder = numbers.every((number, at) => number === at + 1);
  if (!isInOrder || numbers.length !== webhooksFor(delayMs)) {
    found.push(`${delayMs} ms: not each webhook once and in order`);
  }
  if (mostInFlight > 1) found.push(`${delayMs} ms: more than one in flight`);
  return found;
}

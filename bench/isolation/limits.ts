import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RoundDatabase } from '../../harness/postgres.ts';
import type { Bench } from '../bench.ts';
import { clockMs } from '../clock.ts';
import { Fleet } from '../fleet.ts';
import { figure, type Result } from '../report.ts';

/** What came to one endpoint. */
interface Book {
  /** When each request came, and which webhook it was. */
  readonly times: number[];
  readonly numbers: number[];
  inFlight: number;
  mostInFlight: number;
}

type Name = 'in flight' | 'rate' | 'ordered';
type Round = Readonly<Record<Name, Book>>;

const settings: Readonly<Record<Name, string>> = {
  'in flight': 'max_in_flight = 5',
  rate: 'rate_limit_per_s = 100',
  ordered: 'ordered = true',
};
const names: readonly Name[] = ['in flight', 'rate', 'ordered'];
const mostInFlight = 5;
const ratePerS = 100;
/** For as long as the rate takes. */
const webhooksEach = 1_000;
const answerAfterMs = 20;
const workers = 4;

/** Three endpoints with a limit each, and a backlog each that four worker processes could send at once. */
export async function runLimits(bench: Bench): Promise<Result> {
  const rounds: Round[] = [];
  for (let number = 1; number <= bench.options.rounds; number += 1) {
    bench.progress.now(`limits, round ${number}`);
    rounds.push(await runOne(bench));
    bench.progress.done(`limits, round ${number}`);
  }
  const books = (name: Name) => rounds.map((round) => round[name]);
  const line = (name: string, of: (book: Book) => number, which: Name) =>
    figure(name, { unit: '', runs: books(which), of });
  return {
    title: `${webhooksEach} webhooks each to 3 limited endpoints by ${workers} workers; answers after ${answerAfterMs} ms`,
    sections: [
      {
        title: 'over all workers',
        figures: [
          line('max_in_flight 5: most in flight', (book) => book.mostInFlight, 'in flight'),
          line('rate_limit_per_s 100: most in a second', (book) => mostInASecond(book), 'rate'),
          figure('rate_limit_per_s 100: on average', {
            unit: '/s',
            digits: 1,
            runs: books('rate'),
            of: (book) => perSecond(book),
          }),
          line('ordered: most in flight', (book) => book.mostInFlight, 'ordered'),
          line('ordered: out of order', (book) => outOfOrder(book), 'ordered'),
          figure('ordered: rate', {
            unit: '/s',
            runs: books('ordered'),
            of: (book) => perSecond(book),
          }),
        ],
      },
    ],
    violations: rounds.flatMap((round) => violationsOf(round)),
    runs: rounds,
  };
}

async function runOne({ server, options, signal }: Bench): Promise<Round> {
  const round: Record<Name, Book> = { 'in flight': newBook(), rate: newBook(), ordered: newBook() };
  const receiver = createServer((request, response) => receive(round, { request, response }));
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const address = receiver.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  try {
    await using database = await server.createDatabase();
    await enqueue(database, `http://127.0.0.1:${port}`);
    await using fleet = new Fleet({
      databaseUrl: database.url,
      workers,
      profile: options.profile,
    });
    await fleet.ready(database, signal);
    await fleet.during(untilEmpty(database, signal));
    await fleet.stop();
  } finally {
    receiver.closeAllConnections();
    receiver.close();
  }
  return round;
}

async function enqueue({ client }: RoundDatabase, origin: string): Promise<void> {
  for (const [at, name] of names.entries()) {
    const { rows } = await client.query<{ id: string }>(
      'insert into posthorn.endpoints (url) values ($1) returning id',
      [`${origin}/${at}`],
    );
    const id = rows[0]?.id;
    await client.query(`update posthorn.endpoints set ${settings[name]} where id = $1`, [id]);
    await client.query(
      `insert into posthorn.outbox (endpoint_id, body)
       select $1, n::text from generate_series(1, $2::integer) as n`,
      [id, webhooksEach],
    );
  }
}

async function untilEmpty({ client }: RoundDatabase, signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < 1_200; tries += 1) {
    const { rows } = await client.query<{ left: boolean }>(
      'select exists (select from posthorn.queue) as left',
    );
    if (rows[0]?.left === false) return;
    await sleep(100, undefined, { signal });
  }
  throw new Error('The queue was not empty after two minutes');
}

function receive(
  round: Round,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): void {
  const book = round[names[Number(request.url?.slice(1))] ?? 'rate'];
  book.times.push(clockMs());
  book.inFlight += 1;
  book.mostInFlight = Math.max(book.mostInFlight, book.inFlight);
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    book.numbers.push(Number(body));
    setTimeout(() => {
      book.inFlight -= 1;
      response.end();
    }, answerAfterMs);
  });
}

function newBook(): Book {
  return { times: [], numbers: [], inFlight: 0, mostInFlight: 0 };
}

function mostInASecond({ times }: Book): number {
  let most = 0;
  for (let from = 0, to = 0; to < times.length; to += 1) {
    while ((times[to] ?? 0) - (times[from] ?? 0) >= 1_000) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

function perSecond({ times }: Book): number {
  const tookMs = (times.at(-1) ?? Number.NaN) - (times[0] ?? 0);
  return ((times.length - 1) * 1_000) / tookMs;
}

function outOfOrder({ numbers }: Book): number {
  return numbers.filter((number, at) => number !== at + 1).length;
}

function violationsOf(round: Round): string[] {
  const found = names.flatMap((name) => {
    const { numbers } = round[name];
    const unique = new Set(numbers).size;
    return unique === webhooksEach && numbers.length === webhooksEach
      ? []
      : [`${name}: ${numbers.length} requests for ${unique} of ${webhooksEach} webhooks`];
  });
  if (round['in flight'].mostInFlight > mostInFlight) found.push('more in flight than the limit');
  // A tenth of a second's worth may go at once, and what the network gathers comes at once.
  if (mostInASecond(round.rate) > ratePerS * 1.15) found.push('more in a second than the limit');
  if (round.ordered.mostInFlight > 1) found.push('more than one in flight of the ordered');
  if (outOfOrder(round.ordered) > 0) found.push('out of order');
  return found;
}

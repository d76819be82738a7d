import pg from 'pg';
import { answerParent } from '../../../harness/parent.ts';
import { evenBacklog, urlOf } from '../../backlog.ts';
import { clockMs } from '../../clock.ts';
import { percentile } from '../../statistics.ts';
import { bodyOf, secretOf } from '../../traffic.ts';

/*
 * Producers, a process of its own: so many connections, each of which inserts and commits, one statement after the other
 * (closed loop). What they ask of Postgres is the same whatever the table.
 */

export type InserterRequest =
  /** Connects and inserts a little, so that no plan is made and no trigger compiled while it counts. Answers how many rows. */
  | ({ readonly ask: 'open' } & Inserts)
  /** Inserts until the time is over; at least one statement on each connection. Answers {@link Inserted}. */
  | { readonly ask: 'run'; readonly seconds: number }
  /** Disconnects: backends publish their counts when they end. */
  | { readonly ask: 'close' };

export interface Inserts {
  readonly databaseUrl: string;
  /** With its schema. */
  readonly table: string;
  readonly producers: number;
  /** Of a statement, each of which is a transaction. */
  readonly rows: number;
  /** Where the webhooks go to. */
  readonly receiverPort: number;
  /** Added to every flush of the WAL. */
  readonly flushMs: number;
}

/** What the producers saw. */
export interface Inserted {
  readonly rows: number;
  readonly durationMs: number;
  /** Of a statement with its commit. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

type Statement = () => pg.QueryConfig;

const endpoints = 100;
const secrets = Array.from({ length: endpoints }, (_, endpoint) => secretOf(endpoint));
const warmUpStatements = 20;
/** Up to so many rows come from the client; more are made by the statement itself, by 100 when it warms up. */
const mostSent = 1_000;
const fewRows = 100;

let clients: pg.Client[] = [];
let statement: Statement = () => ({ text: '' });
let sequence = 0;

answerParent<InserterRequest>({
  ready: true,
  answer: (request) => {
    switch (request.ask) {
      case 'open':
        return open(request);
      case 'run':
        return run(request.seconds);
      case 'close':
        return close();
      default:
        return request satisfies never;
    }
  },
});

async function open(inserts: Inserts): Promise<number> {
  const { databaseUrl, producers, flushMs } = inserts;
  clients = Array.from({ length: producers }, () => {
    const client = new pg.Client({
      connectionString: databaseUrl,
      application_name: 'posthorn bench producer',
      connectionTimeoutMillis: 20_000,
      // The flush waits so long whoever else is active: commit_siblings would let a lone commit through.
      ...(flushMs > 0
        ? { options: `-c commit_delay=${flushMs * 1_000} -c commit_siblings=0` }
        : {}),
    });
    client.on('error', () => {});
    return client;
  });
  await Promise.all(clients.map((client) => client.connect()));
  const few = Math.min(inserts.rows, fewRows);
  const warmUp = statementOf({ ...inserts, rows: few }, inserts.rows);
  await Promise.all(
    clients.map(async (client) => {
      for (let done = 0; done < warmUpStatements; done += 1) await client.query(warmUp());
    }),
  );
  statement = statementOf(inserts, inserts.rows);
  return producers * warmUpStatements * few;
}

async function run(seconds: number): Promise<Inserted> {
  const times: number[] = [];
  let rows = 0;
  const startedMs = clockMs();
  const untilMs = startedMs + seconds * 1_000;
  await Promise.all(
    clients.map(async (client) => {
      let atMs = startedMs;
      do {
        const { rowCount } = await client.query(statement());
        const nowMs = clockMs();
        times.push(nowMs - atMs);
        atMs = nowMs;
        rows += rowCount ?? 0;
      } while (atMs < untilMs);
    }),
  );
  const durationMs = clockMs() - startedMs;
  times.sort((a, b) => a - b);
  return {
    rows,
    durationMs,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    maxMs: times.at(-1) ?? Number.NaN,
  };
}

async function close(): Promise<true> {
  await Promise.all(clients.map((client) => client.end()));
  clients = [];
  return true;
}

/** A statement of `rows` rows, in the form that a statement of `inForm` rows has. */
function statementOf({ table, rows, receiverPort }: Inserts, inForm: number): Statement {
  if (inForm > mostSent) {
    const { text, values } = evenBacklog({ webhooks: rows, endpoints, table }).insert(receiverPort);
    return () => ({ name: 'insert', text, values: [...values] });
  }
  const next = () => {
    sequence += 1;
    const endpoint = sequence % endpoints;
    return [urlOf(receiverPort, endpoint), bodyOf(sequence), secrets[endpoint] ?? ''] as const;
  };
  if (inForm === 1) {
    const text = `insert into ${table} (url, body, secret) values ($1, $2, $3) returning id`;
    return () => ({ name: 'insert', text, values: [...next()] });
  }
  const text = `
    insert into ${table} (url, body, secret)
    select url, body, secret from unnest($1::text[], $2::text[], $3::text[]) as each (url, body, secret)`;
  return () => {
    const list = Array.from({ length: rows }, next);
    const values = [0, 1, 2].map((column) => list.map((row) => row[column]));
    return { name: 'insert', text, values };
  };
}

import pg from 'pg';
import type { Child } from '../../../harness/child.ts';
import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import { readWal } from '../../counters.ts';
import { Fleet } from '../../fleet.ts';
import { openWindow, type Window } from '../../window.ts';
import { readFlushes } from './flushes.ts';
import type { Inserted, InserterRequest } from './inserter.ts';
import { countRows, emptyTables, type Subject } from './tables.ts';

/** What is inserted, by how many, and how long a flush takes. */
export interface Load {
  readonly producers: number;
  /** Of a statement. */
  readonly rows: number;
  readonly flushMs: number;
  readonly seconds: number;
}

export interface InsertRun extends Inserted {
  readonly window: Window;
  readonly walBytes: number;
  /** Commits that shared a flush of the WAL, on average. Undefined where Postgres does not count them. */
  readonly commitsPerFlush: number | undefined;
  readonly violations: readonly string[];
}

interface Stage {
  readonly database: RoundDatabase;
  readonly inserter: Child<InserterRequest>;
}

/** Has a subject's table filled by producers for some seconds. */
export async function runInserts(
  bench: Bench,
  { stage, subject, load }: { stage: Stage; subject: Subject; load: Load },
): Promise<InsertRun> {
  const { server, receiver, signal } = bench;
  const { database, inserter } = stage;
  const { client, url: databaseUrl } = database;
  const { table } = subject;
  const limits = { signal, withinMs: load.seconds * 1_000 + 120_000 };
  await emptyTables(database);
  await using audience = new AsyncDisposableStack();
  const pids = await seat(audience, { bench, database, subject });
  const flushes = await readFlushes(client);
  const warmUp = Number(
    await inserter.ask(
      { ask: 'open', databaseUrl, table, ...load, receiverPort: receiver.port },
      limits,
    ),
  );
  const wal = await readWal(client);
  const end = openWindow({
    senders: [inserter.pid],
    others: pids,
    receiver: receiver.pid,
    postmaster: server.postmasterPid,
  });
  const inserted = (await inserter.ask({ ask: 'run', seconds: load.seconds }, limits)) as Inserted;
  const window = end();
  const walBytes = (await readWal(client)) - wal;
  await inserter.ask({ ask: 'close' }, limits);
  const flushed = ((await readFlushes(client)) ?? Number.NaN) - (flushes ?? Number.NaN);
  await audience.disposeAsync();
  return {
    ...inserted,
    window,
    walBytes,
    // Of single rows each is a commit. A worker has commits of its own.
    commitsPerFlush:
      load.rows > 1 || subject.audience === 'worker'
        ? undefined
        : (inserted.rows + warmUp) / flushed,
    violations: await violationsOf(database, { subject, rows: inserted.rows + warmUp }),
  };
}

/** Has those who hear of what is inserted there, until the stack is disposed of; returns their processes. */
async function seat(
  stack: AsyncDisposableStack,
  { bench, database, subject }: { bench: Bench; database: RoundDatabase; subject: Subject },
): Promise<readonly number[]> {
  const { options, receiver, signal } = bench;
  switch (subject.audience) {
    case 'nobody':
      return [];
    case 'session': {
      const listener = new pg.Client({ connectionString: database.url });
      listener.on('error', () => {});
      stack.defer(() => listener.end());
      await listener.connect();
      await listener.query('listen posthorn_wake');
      return [];
    }
    case 'worker': {
      await receiver.reset({ expected: Number.POSITIVE_INFINITY, delayMs: options.delayMs });
      const { workers, profile } = options;
      const fleet = stack.use(new Fleet({ databaseUrl: database.url, workers, profile }));
      await fleet.ready(database, signal);
      return fleet.pids;
    }
    default:
      return subject.audience satisfies never;
  }
}

/** Each row that was committed is there; of Posthorn's each one is in the queue or has ended. */
async function violationsOf(
  database: RoundDatabase,
  { subject, rows }: { subject: Subject; rows: number },
): Promise<string[]> {
  const found = await countRows(database, subject.table);
  const known = subject.table === 'posthorn.outbox' ? rows : 0;
  return [
    ...(found.rows === rows ? [] : [`rows in ${subject.table}: ${found.rows}, must be ${rows}`]),
    ...(found.known === known
      ? []
      : [`webhooks in the queue or ended: ${found.known}, must be ${known}`]),
  ];
}

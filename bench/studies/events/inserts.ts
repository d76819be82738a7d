import type pg from 'pg';
import { urlOf } from '../../backlog.ts';
import type { Bench } from '../../bench.ts';
import type { Row, Table } from '../../report.ts';
import { spreadOf } from '../../statistics.ts';
import { bodyOf, secretOf } from '../../traffic.ts';
import { registerEndpoints, registerTenants } from './world.ts';

/*
 * What an event costs its producer: a statement and commit each, in turn with a direct send, on one connection. The
 * write-ahead log is counted apart, because it is exact.
 */

interface Subject {
  readonly name: string;
  readonly insert: (client: pg.Client, body: string) => Promise<unknown>;
  /** Recipients whose rows are written in the statement. */
  readonly recipients: number;
}

interface Measured {
  readonly timesMs: number[];
  readonly walBytes: number[];
}

const eventText = 'insert into posthorn.events (tenant, event_type, body) values ($1, $2, $3)';

function event(name: string, tenant: string, recipients: number): Subject {
  return {
    name,
    recipients,
    insert: (client, body) =>
      client.query({ name: 'event', text: eventText, values: [tenant, 'order.paid', body] }),
  };
}

function subjectsOf(port: number): readonly Subject[] {
  return [
    {
      name: 'direct send',
      recipients: 1,
      insert: (client, body) =>
        client.query({
          name: 'direct',
          text: 'insert into posthorn.outbox (url, body, secret) values ($1, $2, $3)',
          values: [urlOf(port, 0), body, secretOf(0)],
        }),
    },
    event('event without recipient', 'none', 0),
    event('event, 1 recipient', 'one', 1),
    event('event, 1 recipient by its filter', 'filtered', 1),
    event('event, 10 recipients', 'ten', 10),
    event('event, 100 recipients', 'hundred', 100),
    event('event, 10,000 recipients (a job)', 'thousands', 0),
  ];
}

export async function measureInserts({
  server,
  receiver,
  progress,
  options,
  signal,
}: Bench): Promise<{ table: Table; runs: unknown }> {
  const subjects = subjectsOf(receiver.port);
  const measured: Measured[] = subjects.map(() => ({ timesMs: [], walBytes: [] }));
  const perRound = 60;
  for (let round = 1; round <= options.rounds; round += 1) {
    await using database = await server.createDatabase();
    const { client } = database;
    await registerTenants(database, receiver.port);
    await registerEndpoints(client, {
      ...{ tenant: 'filtered', port: receiver.port, from: 0, count: 1 },
      filter: '$.type == "order.paid"',
    });
    for (let turn = 0; turn < perRound; turn += 1) {
      progress.now(`round ${round}: inserts ${turn} of ${perRound}`);
      signal.throwIfAborted();
      for (const [at, subject] of subjects.entries()) {
        const startedMs = performance.now();
        await subject.insert(client, bodyOf(turn));
        measured[at]?.timesMs.push(performance.now() - startedMs);
      }
    }
    for (const [at, subject] of subjects.entries()) {
      // After a checkpoint, the first change of a page writes the whole page.
      await client.query('checkpoint');
      for (let warm = 0; warm < 100; warm += 1) await subject.insert(client, bodyOf(warm));
      for (let turn = 0; turn < 30; turn += 1) {
        const before = await walOf(client);
        await subject.insert(client, bodyOf(turn));
        measured[at]?.walBytes.push((await walOf(client)) - before);
      }
    }
  }
  progress.done('inserts');
  const [direct] = measured;
  const median = (one: Measured | undefined) => spreadOf(one?.timesMs ?? [])?.median ?? Number.NaN;
  // A page that is written as a whole, or split, is in few of the statements.
  const walBytesOf = (one: Measured | undefined) =>
    spreadOf(one?.walBytes ?? [])?.median ?? Number.NaN;
  const single = (value: number) => ({ median: value, min: value, max: value });
  const rows: Row[] = subjects.map(({ name, recipients }, at) => {
    const one = measured[at];
    const further =
      recipients > 1 ? (walBytesOf(one) - walBytesOf(measured[2])) / (recipients - 1) : undefined;
    return {
      name,
      unit: '',
      digits: 2,
      cells: [
        single(median(one)),
        single(median(one) / median(direct)),
        single(walBytesOf(one)),
        further === undefined ? '' : single(Math.round(further)),
      ],
    };
  });
  return {
    table: {
      title: 'A statement and commit each, on one connection: median',
      columns: ['ms', 'of direct', 'WAL bytes', 'per further'],
      rows,
    },
    runs: subjects.map(({ name }, at) => ({ name, ...measured[at] })),
  };
}

async function walOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ at: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text as at`,
  );
  return Number(rows[0]?.at);
}

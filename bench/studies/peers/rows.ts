import pg from 'pg';
import type { RowsBy } from './peers.ts';
import { RowLoader } from './row-loader.ts';

/*
 * The rows of a webhook's road, written by hand: the attempt before its request, its end and the webhook's status after
 * it, in three ways (see RowsBy). Statements have names, so that Postgres parses and plans them once a connection.
 */

/** What is sent, read in the statement that begins the attempt. */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly body: string;
  readonly secret: string;
  readonly contentType: string;
  /** Number of this attempt. */
  readonly attempt: number;
}

export interface Ended {
  readonly id: string;
  readonly attempt: number;
  readonly status: number;
  readonly responseBody: string;
  readonly durationMs: number;
}

export interface Rows {
  /** Inserts the attempt and returns what to send. @throws when the webhook is not there or has ended. */
  begin(id: string): Promise<Webhook>;
  /** Ends the attempt and says that the webhook is delivered. */
  end(ended: Ended): Promise<void>;
  close(): Promise<void>;
}

const connections = 16;

/** Of each kind; with 500 webhooks in one, that is more than a worker of any peer has in flight. */
const batches = { statements: 2, most: 500 };

export function openRows({ databaseUrl, by }: { databaseUrl: string; by: RowsBy }): Rows {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: connections,
    application_name: 'posthorn bench peer',
    connectionTimeoutMillis: 10_000,
  });
  // A connection that breaks while idle; whoever uses one is told by its query.
  pool.on('error', () => {});
  return { ...ways[by](pool), close: () => pool.end() };
}

const ways: Readonly<Record<RowsBy, (pool: pg.Pool) => Omit<Rows, 'close'>>> = {
  steps: stepByStep,
  one: rowByRow,
  batch: inBatches,
};

function stepByStep(pool: pg.Pool): Omit<Rows, 'close'> {
  return {
    async begin(id) {
      const { rows } = await pool.query<Webhook>({ name: 'read', text: readOne, values: [id] });
      const webhook = found(rows[0], id);
      const values = [id, webhook.attempt];
      await pool.query({ name: 'begin', text: insertAttempt, values });
      return webhook;
    },
    async end({ id, attempt, durationMs, status, responseBody }) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const ended = [id, attempt, durationMs, status, responseBody];
        await client.query({ name: 'end', text: endAttempt, values: ended });
        const delivered = [id, attempt, status];
        const { rowCount } = await client.query({
          name: 'deliver',
          text: setDelivered,
          values: delivered,
        });
        await client.query('commit');
        if (rowCount !== 1) throw new Error(`Cannot end the attempt of ${id}`);
      } catch (error) {
        // With its transaction.
        client.release(true);
        throw error;
      }
      client.release();
    },
  };
}

function rowByRow(pool: pg.Pool): Omit<Rows, 'close'> {
  return {
    async begin(id) {
      const { rows } = await pool.query<Webhook>({ name: 'begin', text: beginOne, values: [id] });
      return found(rows[0], id);
    },
    async end({ id, attempt, durationMs, status, responseBody }) {
      const values = [id, attempt, durationMs, status, responseBody];
      const { rowCount } = await pool.query({ name: 'end', text: endOne, values });
      if (rowCount !== 1) throw new Error(`Cannot end the attempt of ${id}`);
    },
  };
}

function inBatches(pool: pg.Pool): Omit<Rows, 'close'> {
  const begins = new RowLoader<string, Webhook>(async (ids) => {
    const { rows } = await pool.query<Webhook>({ name: 'begin', text: beginMany, values: [ids] });
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => found(byId.get(id), id));
  }, batches);
  const ends = new RowLoader<Ended, true>(async (ended) => {
    const values = [
      ended.map(({ id }) => id),
      ended.map(({ attempt }) => attempt),
      ended.map(({ durationMs }) => durationMs),
      ended.map(({ status }) => status),
      ended.map(({ responseBody }) => responseBody),
    ];
    const { rowCount } = await pool.query({ name: 'end', text: endMany, values });
    if (rowCount !== ended.length) throw new Error('Cannot end all attempts of a batch');
    return ended.map(() => true as const);
  }, batches);
  return {
    begin: (id) => begins.load(id),
    async end(ended) {
      await ends.load(ended);
    },
  };
}

function found(webhook: Webhook | undefined, id: string): Webhook {
  if (webhook === undefined) throw new Error(`Cannot begin ${id}: it is not there or has ended`);
  return webhook;
}

const reading = (these: string) => `
    select id, url, body, secret, content_type as "contentType", (attempts + 1)::smallint as attempt
    from webhooks
    where ${these} and status = 'pending'`;

const readOne = reading('id = $1');

const insertAttempt = 'insert into attempts (webhook_id, number) values ($1, $2)';

const endAttempt = `
  update attempts
  set finished_at = clock_timestamp(), duration_ms = $3, status_code = $4, response_body = $5
  where webhook_id = $1 and number = $2`;

const setDelivered = `
  update webhooks
  set status = 'delivered', attempts = $2, last_status_code = $3, finished_at = clock_timestamp()
  where id = $1`;

const beginning = (these: string) => `
  with webhook as (${reading(these)}
  ),
  begun as (
    insert into attempts (webhook_id, number)
    select id, attempt from webhook
  )
  select * from webhook`;

const beginOne = beginning('id = $1');
const beginMany = beginning('id = any($1::uuid[])');

const endOne = `
  with ended as (
    update attempts
    set finished_at = clock_timestamp(), duration_ms = $3, status_code = $4::smallint, response_body = $5
    where webhook_id = $1 and number = $2::smallint
  )
  update webhooks
  set status = 'delivered', attempts = $2::smallint, last_status_code = $4::smallint, finished_at = clock_timestamp()
  where id = $1`;

const endMany = `
  with result as (
    select *
    from unnest($1::uuid[], $2::smallint[], $3::real[], $4::smallint[], $5::text[])
      as result (id, number, duration_ms, status_code, response_body)
  ),
  ended as (
    update attempts
    set finished_at = clock_timestamp(), duration_ms = result.duration_ms, status_code = result.status_code,
      response_body = result.response_body
    from result
    where webhook_id = any($1) and webhook_id = result.id and attempts.number = result.number
  )
  update webhooks
  set status = 'delivered', attempts = result.number, last_status_code = result.status_code,
    finished_at = clock_timestamp()
  from result
  where webhooks.id = any($1) and webhooks.id = result.id`;

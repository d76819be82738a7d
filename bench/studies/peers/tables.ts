import type pg from 'pg';

/*
 * The tables of the peers: what Posthorn says of a webhook and its attempts, as they are written by hand. A row per
 * webhook with its status, a row per attempt.
 *
 * Kept lean in the peers' favour: one index each, none on the status (a list of failures would need one, and no update
 * would be HOT any more), no foreign key, no CHECK, and room in the pages for HOT updates.
 */

/** Makes them in a new database. */
export async function createPeerTables(client: pg.Client): Promise<void> {
  // Before Postgres 18 random ids, whose index costs a little more.
  const { rows } = await client.query<{ isThere: boolean }>(
    `select to_regproc('pg_catalog.uuidv7') is not null as "isThere"`,
  );
  const newId = rows[0]?.isThere === true ? 'uuidv7()' : 'gen_random_uuid()';
  await client.query(`
    create table webhooks (
      id uuid primary key default ${newId},
      url text not null,
      body text not null,
      headers jsonb,
      secret text,
      content_type text not null default 'application/json',
      priority smallint not null default 2,
      status text not null default 'pending',
      attempts smallint not null default 0,
      last_status_code smallint,
      created_at timestamptz not null default clock_timestamp(),
      finished_at timestamptz
    ) with (fillfactor = 80);

    create table attempts (
      webhook_id uuid not null,
      number smallint not null,
      started_at timestamptz not null default clock_timestamp(),
      finished_at timestamptz,
      created_at timestamptz not null default clock_timestamp(),
      duration_ms real,
      status_code smallint,
      error text,
      response_body text,
      primary key (webhook_id, number)
    ) with (fillfactor = 50)`);
}

/** What must be in them, and in the peer's queue. */
export interface PeerStanding {
  readonly webhooks: number;
  readonly delivered: number;
  readonly attempts: number;
  readonly openAttempts: number;
  /** Webhooks that are delivered, with exactly one attempt, which has ended with 200. */
  readonly inOrder: number;
}

export async function readPeerStanding(client: pg.Client): Promise<PeerStanding> {
  const { rows } = await client.query<{ standing: PeerStanding }>(`
    select json_build_object(
      'webhooks', (select count(*) from webhooks),
      'delivered', (select count(*) from webhooks where status = 'delivered'),
      'attempts', (select count(*) from attempts),
      'openAttempts', (select count(*) from attempts where finished_at is null),
      'inOrder', (
        select count(*)
        from webhooks
        where status = 'delivered' and attempts = 1 and last_status_code = 200
          and finished_at >= created_at
          and (
            select array_agg((number, status_code, response_body, finished_at >= started_at, duration_ms > 0))
            from attempts
            where webhook_id = webhooks.id
          ) = array[(1::smallint, 200::smallint, 'ok'::text, true, true)]
      )
    ) as standing`);
  const standing = rows[0]?.standing;
  if (standing === undefined) throw new Error('Postgres returned no standing');
  return standing;
}

/** How many attempts have ended; cheap, to be asked until all have. */
export async function countFinished(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ finished: number }>(
    'select count(finished_at)::integer as finished from attempts',
  );
  return rows[0]?.finished ?? 0;
}

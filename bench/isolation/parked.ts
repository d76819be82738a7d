import type pg from 'pg';

/** What was written about webhooks that wait for an endpoint that is down. */
export interface ParkedWrites {
  readonly parked: number;
  /** Rows of posthorn.queue that have another version, are locked or gone. */
  readonly queue: number;
  readonly attempts: number;
  readonly outcomes: number;
}

/**
 * Notes version and place of each row of the endpoint in the queue. Both change with every update, HOT or not, and with
 * nothing else: vacuum moves no row and leaves xmin. Asked of the rows themselves, because Postgres counts updates by table
 * and not by lane.
 */
export async function notePark(client: pg.Client, url: string): Promise<void> {
  await client.query("set work_mem = '256MB'");
  await client.query('drop table if exists parked');
  await client.query(
    `create temporary table parked as
     select
       webhook_id,
       xmin as was_xmin,
       xmax as was_xmax,
       ctid as was_at,
       attempts as had_attempts
     from posthorn.queue
     where lane = posthorn.lane_of($1::text)`,
    [url],
  );
  await client.query('analyze parked');
}

/** What has been written since. */
export async function writesSince(client: pg.Client): Promise<ParkedWrites> {
  const { rows } = await client.query<{ writes: ParkedWrites }>(`
    select json_build_object(
      'parked', (select count(*) from parked),
      'queue', (
        select count(*)
        from parked as p
        left join posthorn.queue as q using (webhook_id)
        where q.webhook_id is null
          or q.xmin <> p.was_xmin
          or q.ctid <> p.was_at
          -- Freezing clears it.
          or (q.xmax <> p.was_xmax and q.xmax <> '0'::xid)
      ),
      'attempts', (
        select count(*)
        from posthorn.attempts as a
        join parked as p using (webhook_id)
        where a.number > p.had_attempts
      ),
      'outcomes', (select count(*) from posthorn.outcomes join parked using (webhook_id))
    ) as writes`);
  const writes = rows[0]?.writes;
  if (writes === undefined) throw new Error('Postgres returned no writes');
  return writes;
}

import type pg from 'pg';
import type { Random } from '../harness/random.ts';
import { hashOf, type ProducerLine, plainLanes, secret } from './traffic.ts';

/*
 * Rows that Posthorn itself would never write, as a restored backup, a repair by hand or a bug may leave them. Each may cost its own
 * webhook and nothing else.
 */

/** What is done to a webhook, $1, in the transaction that inserts it. */
const poisons: Readonly<Record<string, string>> = {
  'attempts at the end of smallint': `
    update posthorn.queue set attempts = 32767 where webhook_id = $1`,
  'the next attempt exists': `
    insert into posthorn.attempts (webhook_id, number, worker, finished_at) values ($1, 1, 0, clock_timestamp())`,
  'max_attempts is 0': `
    update posthorn.outbox set max_attempts = 0 where id = $1`,
  'it has an outcome': `
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
    select webhook_id, outbox_id, lane, 'failed', 0, 'planted' from posthorn.queue where webhook_id = $1`,
  'uncounted at the end of smallint': `
    update posthorn.queue
    set uncounted = 32767, attempts = 1, lease_until = clock_timestamp() - interval '1 minute', leased_by = 32767
    where webhook_id = $1`,
  'due since ever': `
    update posthorn.queue set due_at = '-infinity' where webhook_id = $1`,
};

export const poisonKinds = Object.keys(poisons);

/** Without this constraint all of them can be planted. */
export const withoutConstraints = 'alter table posthorn.outbox drop constraint outbox_keeps_rules';

/** Inserts a webhook and spoils its rows. Logs it as a producer would. */
export async function plant(
  client: pg.Client,
  {
    random,
    kind,
    receiverUrl,
    endpointId,
    tx,
    log,
    onPlanted,
  }: {
    readonly random: Random;
    /** One of {@link poisonKinds}. */
    readonly kind: string;
    readonly receiverUrl: string;
    /** Undefined: to a plain URL. */
    readonly endpointId: string | undefined;
    readonly tx: string;
    readonly log: (line: ProducerLine) => void;
    /** Called before the commit. */
    readonly onPlanted: (planted: { id: string; kind: string }) => void;
  },
): Promise<void> {
  const body = JSON.stringify({ tx, kind });
  const url = `${receiverUrl}/plain/${random.whole(0, plainLanes - 1)}`;
  await client.query('begin');
  const { rows } = await client.query<{ id: string }>(
    'insert into posthorn.outbox (url, endpoint_id, body, secret) values ($1, $2, $3, $4) returning id',
    [endpointId === undefined ? url : null, endpointId, body, secret],
  );
  const id = rows[0]?.id ?? '';
  await client.query(poisons[kind] ?? '', [id]);
  log({ tx, event: 'rows', rows: [[id, hashOf(body)]] });
  onPlanted({ id, kind });
  try {
    const { command } = await client.query('commit');
    if (command !== 'COMMIT') throw new Error(command);
  } catch (error) {
    log({ tx, event: 'unknown' });
    throw error;
  }
  log({ tx, event: 'ack' });
}

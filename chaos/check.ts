import { checkExtras, checkReceiver, checkRecovery } from './check-deliveries.ts';
import { checkIsolation } from './check-isolation.ts';
import { checkLimits } from './check-limits.ts';
import { checkOperator } from './check-operator.ts';
import { checkOrder } from './check-order.ts';
import type { Finding, Notes, Subject } from './finding.ts';

/*
 * The proof: what producers and receiver saw against what Postgres says, after all is quiet.
 *
 * Invariants by their numbers (docs/reliability.md): each `violated` line names the one that does not hold.
 */

export interface Verdict {
  readonly figures: Record<string, number | string>;
  readonly violations: readonly string[];
}

export async function check(subject: Subject): Promise<Verdict> {
  const violations: string[] = [...subject.stage.violations];
  const figures: Record<string, number | string> = { ...subject.stage.figures };
  const finding: Finding = {
    subject,
    figures,
    expectNone: (rule, found) => {
      if (found.length === 0) return;
      violations.push(`${rule}: ${found.length} times, such as ${JSON.stringify(found[0])}`);
    },
  };
  figures['webhooks'] = subject.books.acked.size;
  await checkProducers(finding);
  await checkRows(finding);
  await checkReceiver(finding);
  await checkExtras(finding);
  await checkRecovery(finding);
  checkLimits(finding);
  await checkOrder(finding);
  await checkOperator(finding);
  await checkIsolation(finding);
  return { figures, violations };
}

/** I1, I2: what was committed is there, whole; what was not is not. */
async function checkProducers({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books } = subject;
  const { rows } = await client.query<{ id: string; hash: string }>(
    `select coalesce(w.webhook_id, o.id) as id, left(encode(sha256(convert_to(o.body, 'UTF8')), 'hex'), 16) as hash
     from posthorn.outbox as o
     left join (
       select webhook_id, outbox_id from posthorn.queue
       union
       select webhook_id, outbox_id from posthorn.outcomes
     ) as w on w.outbox_id = o.id and o.event_type is not null
     where o.event_type is null or w.webhook_id is not null`,
  );
  const stored = new Map(rows.map(({ id, hash }) => [id, hash]));
  const lost = [...books.acked.keys()].filter((id) => !stored.has(id));
  figures['lost'] = lost.length;
  expectNone('I1 a committed webhook is in the database', lost);
  expectNone(
    'I1 its body is what the producer said',
    [...books.acked].filter(([id, hash]) => stored.has(id) && stored.get(id) !== hash),
  );
  const phantoms = [...books.aborted].filter((id) => stored.has(id));
  expectNone('I2 a rolled-back webhook is not in the database', phantoms);
  figures['phantoms'] = phantoms.length;
  figures['commits without an answer'] = books.unknown.length;
  expectNone(
    'I2 a transaction is there whole or not at all',
    books.unknown.filter((ids) => new Set(ids.map((id) => stored.has(id))).size > 1),
  );
  const strangers = books.arrivals.filter(({ id }) => !stored.has(id));
  expectNone('I2 the receiver sees nothing that is not in the database', strangers);
}

/** I1, I5: every webhook ended for a good reason, with a whole history. */
async function checkRows({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books } = subject;
  const { orders, poison } = books.operator;
  const found = async (rule: string, text: string, values: readonly unknown[] = []) => {
    const { rows } = await client.query(`${text} limit 1000`, [...values]);
    expectNone(rule, rows);
  };
  // What was done to the rows of these says nothing about Posthorn.
  const spoilt = [...poison.keys()];
  const cancelled = orders
    .filter(({ event, took }) => event === 'cancel' && took !== false)
    .map(({ id }) => id);
  await found(
    'I1 all is quiet: nothing is left in the queue',
    'select webhook_id from posthorn.queue',
  );
  await found(
    'I1 every webhook has an outcome',
    `select id from posthorn.outbox as o
     where o.event_type is null and not exists (select from posthorn.outcomes as e where e.webhook_id = o.id)`,
  );
  await found('I13 every fan-out is done', 'select event_id from posthorn.fan_outs');
  const { rows: recipients } = await client.query<{ webhook_id: string }>(
    `select e.webhook_id from posthorn.outcomes as e join posthorn.outbox as o on o.id = e.outbox_id
     where o.event_type is not null`,
  );
  figures['webhooks of events'] = recipients.length;
  expectNone(
    'I13 an event went to no one but those who had subscribed',
    recipients.filter(({ webhook_id }) => !books.hashes.has(webhook_id)),
  );
  await found(
    'I1 none failed or was cancelled by itself, as the receiver takes all in the end',
    `select webhook_id, status, reason from posthorn.outcomes
     where status <> 'delivered'
       and webhook_id <> all ($1::uuid[])
       and not (status = 'cancelled' and webhook_id = any ($2::uuid[]))`,
    [spoilt, cancelled],
  );
  await found(
    'I5 no attempt is open',
    'select webhook_id, number from posthorn.attempts where finished_at is null',
  );
  await found(
    'I5 attempts are numbered without gaps',
    `select webhook_id, count(*), max(number) from posthorn.attempts
     where webhook_id <> all ($1::uuid[])
     group by webhook_id having count(*) <> max(number) or min(number) <> 1`,
    [spoilt],
  );
  await found(
    'I5 the count of attempts agrees with their rows',
    `select webhook_id, o.attempts from posthorn.outcomes as o
     where o.attempts <> (select count(*) from posthorn.attempts as a where a.webhook_id = o.webhook_id)
       and o.webhook_id <> all ($1::uuid[])`,
    [spoilt],
  );
  const { rows: early } = await client.query<EarlyRetry>(
    `select webhook_id, number, worker, (extract(epoch from began_at) * 1000)::float8 as "beganMs",
       (extract(epoch from started_at) * 1000)::float8 as "startedMs"
     from (
       select webhook_id, number, worker, started_at as began_at, lead(started_at) over w as started_at, finished_at, error
       from posthorn.attempts
       window w as (partition by webhook_id order by number)
     ) as pair
     where error like 'http\\_5%' and started_at < finished_at + $1::float8 * interval '0.95 seconds'
       and webhook_id <> all ($2::uuid[])`,
    // What was retried by hand may come at any time.
    [subject.retryS[0], [...spoilt, ...orders.map(({ id }) => id)]],
  );
  // The webhook was taken from a worker that seemed dead, and its answer, a failure, came late.
  const rescued = early.filter((retry) => wasRescued(subject.stage, retry));
  figures['sent again before a late failure was known'] = rescued.length;
  expectNone(
    'I6 no retry starts before its time',
    early.filter((retry) => !rescued.includes(retry)),
  );
  const { rows } = await client.query<{ attempts: number }>(
    'select count(*)::integer as attempts from posthorn.attempts',
  );
  figures['attempts'] = rows[0]?.attempts ?? 0;
  const jobs = await client.query(
    `select locked_by from posthorn_graphile._private_jobs where locked_at < now() - interval '90 seconds'`,
  );
  expectNone('I7 no Graphile job stays locked by a dead worker', jobs.rows);
}

interface EarlyRetry {
  readonly webhook_id: string;
  readonly number: number;
  readonly worker: number;
  readonly beganMs: number;
  readonly startedMs: number;
}

/** Whether the work of its worker was freed while the attempt went on, as the workers' logs have it. */
function wasRescued({ rescues }: Notes, { worker, beganMs, startedMs }: EarlyRetry): boolean {
  // Written before the commit that frees it, read when this machine comes to it.
  const logLagMs = 10_000;
  return rescues.some(
    ({ number, atMs }) => number === worker && atMs > beganMs && atMs < startedMs + logLagMs,
  );
}

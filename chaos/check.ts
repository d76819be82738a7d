import type pg from 'pg';
import type { Books } from './books.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { type Arrival, endpoints } from './traffic.ts';

/*
 * The proof: what producers and receiver saw against what Postgres says, after all is quiet.
 *
 * Invariants by their numbers (ARCHITECTURE.md): each `violated` line names the one that does not hold.
 */

export interface Verdict {
  readonly figures: Record<string, number | string>;
  readonly violations: readonly string[];
}

/** What was done to the run. */
type Notes = Pick<Stage, 'violations' | 'figures' | 'faults' | 'deaths' | 'backMs'>;

interface Subject {
  readonly client: pg.Client;
  readonly books: Books;
  readonly stage: Notes;
  readonly scenario: Pick<Scenario, 'name' | 'noExtras'>;
  /** Seconds before each retry, as the workers have it. */
  readonly retryS: readonly number[];
  readonly mostLimited: number;
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
  await checkLimits(finding);
  return { figures, violations };
}

interface Finding {
  readonly subject: Subject;
  readonly figures: Record<string, number | string>;
  expectNone(rule: string, found: readonly unknown[]): void;
}

/** I1, I2: what was committed is there, whole; what was not is not. */
async function checkProducers({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books } = subject;
  const { rows } = await client.query<{ id: string; hash: string }>(
    `select id, left(encode(sha256(convert_to(body, 'UTF8')), 'hex'), 16) as hash from posthorn.outbox`,
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
  const { client } = subject;
  const found = async (rule: string, text: string) => {
    const { rows } = await client.query(`${text} limit 1000`);
    expectNone(rule, rows);
  };
  await found(
    'I1 all is quiet: nothing is left in the queue',
    'select webhook_id from posthorn.queue',
  );
  await found(
    'I1 every webhook has an outcome',
    `select id from posthorn.outbox as o
     where not exists (select from posthorn.outcomes as e where e.webhook_id = o.id)`,
  );
  await found(
    'I1 none failed, as the receiver takes all in the end',
    `select webhook_id, status, reason from posthorn.outcomes where status <> 'delivered'`,
  );
  await found(
    'I5 no attempt is open',
    'select webhook_id, number from posthorn.attempts where finished_at is null',
  );
  await found(
    'I5 attempts are numbered without gaps',
    `select webhook_id, count(*), max(number) from posthorn.attempts
     group by webhook_id having count(*) <> max(number) or min(number) <> 1`,
  );
  await found(
    'I5 the count of attempts agrees with their rows',
    `select webhook_id, o.attempts from posthorn.outcomes as o
     where o.attempts <> (select count(*) from posthorn.attempts as a where a.webhook_id = o.webhook_id)`,
  );
  const { rows: early } = await client.query<{ number: number; startedMs: number }>(
    `select webhook_id, number, (extract(epoch from started_at) * 1000)::float8 as "startedMs"
     from (
       select webhook_id, number, lead(started_at) over w as started_at, finished_at, error
       from posthorn.attempts
       window w as (partition by webhook_id order by number)
     ) as pair
     where error like 'http\\_5%' and started_at < finished_at + $1::float8 * interval '0.95 seconds'`,
    [subject.retryS[0]],
  );
  // The lease was lost with the session: the webhook was free, and its failure came late.
  const withoutLease = early.filter(({ startedMs }) => lostSessionBefore(subject.stage, startedMs));
  figures['retried at once after a lost lease'] = withoutLease.length;
  expectNone(
    'I6 no retry starts before its time',
    early.filter((retry) => !withoutLease.includes(retry)),
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

/** Whether some worker may have lost its session before: a pause or a silent line lasts a minute. */
function lostSessionBefore({ faults }: Notes, atMs: number): boolean {
  const cuts = /SIGSTOP|Postgres|pg_ctl|postmaster|terminated|exhausted|disk|EXCLUSIVE/;
  return faults.some((fault) => cuts.test(fault.what) && Math.abs(atMs - fault.atMs) < 90_000);
}

/** I3: delivered means that the receiver accepted that very body, signed. */
async function checkReceiver({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books } = subject;
  const { rows } = await client.query<{ webhook_id: string }>(
    `select webhook_id from posthorn.outcomes where status = 'delivered'`,
  );
  const accepted = new Set(
    books.arrivals.filter(({ answer }) => answer === 'accepted').map(({ id }) => id),
  );
  expectNone(
    'I3 what is delivered was accepted by the receiver',
    rows.filter(({ webhook_id: id }) => !accepted.has(id)),
  );
  expectNone(
    'I3 every request is signed and fresh',
    books.arrivals.filter(({ isSigned }) => !isSigned),
  );
  expectNone(
    'I3 every body is byte for byte what the producer said',
    books.arrivals.filter(({ id, hash }) => books.hashes.get(id) !== hash),
  );
  figures['requests'] = books.arrivals.length;
  const skews = books.arrivals.map(({ skewS }) => Math.abs(skewS));
  figures['clock of signatures off by at most, s'] = round(
    skews.reduce((a, b) => Math.max(a, b), 0),
  );
}

/** I4: what comes again after it was accepted is explained by a death or a lost line. */
async function checkExtras({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books, scenario } = subject;
  const accepted = new Map<string, Arrival>();
  const extras: Arrival[] = [];
  const followed = new Set<Arrival>();
  for (const arrival of books.arrivals) {
    const before = accepted.get(arrival.id);
    if (before !== undefined) {
      extras.push(arrival);
      followed.add(before);
    }
    if (arrival.answer === 'accepted') accepted.set(arrival.id, arrival);
  }
  figures['extras'] = extras.length;
  figures['extras, %'] = round((100 * extras.length) / Math.max(1, books.acked.size));
  const { rows: inFlight } = await client.query<{ count: number }>(
    `select count(*)::integer as count from posthorn.attempts where error = 'abandoned'`,
  );
  figures['in flight at the deaths'] = inFlight[0]?.count ?? 0;
  if (scenario.noExtras === true) expectNone('I4 nothing is sent twice', extras);
  // The attempt that was accepted ended without that answer: the worker died, or the connection was lost.
  const answers = [...followed];
  const { rows: answered } = await client.query<{ finishedMs: number }>(
    `select a.webhook_id, a.number, a.error, (extract(epoch from a.finished_at) * 1000)::float8 as "finishedMs"
     from unnest($1::uuid[], $2::integer[]) as accepted (id, number)
     join posthorn.attempts as a on a.webhook_id = accepted.id and a.number = accepted.number
     where a.error is null or a.error like 'http\\_%'`,
    [answers.map(({ id }) => id), answers.map(({ attempt }) => attempt)],
  );
  // One that was cut off recorded its answer late; until then others had the webhook.
  expectNone(
    'I4 nothing is sent again after an answer that was recorded',
    answered.filter(({ finishedMs }) => !lostSessionBefore(subject.stage, finishedMs)),
  );
}

/** I7: what a dead worker was sending is sent again within 15 s. */
async function checkRecovery({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, stage } = subject;
  const { rows } = await client.query<{ worker: number; started: number; next: number | null }>(
    `select worker, started, next
     from (
       select worker, error, (extract(epoch from started_at) * 1000)::float8 as started,
         (extract(epoch from lead(started_at) over w) * 1000)::float8 as next
       from posthorn.attempts
       window w as (partition by webhook_id order by number)
     ) as pair
     where error = 'abandoned'`,
  );
  const againMs: number[] = [];
  for (const { worker, started, next } of rows) {
    const death = stage.deaths.findLast(
      ({ number, atMs }) => number === worker && atMs >= started && atMs <= (next ?? 0),
    );
    if (death !== undefined && next !== null) againMs.push(next - death.atMs);
  }
  if (againMs.length > 0) {
    againMs.sort((a, b) => a - b);
    figures['sent again after a death, p50 s'] = round(
      (againMs[Math.floor(againMs.length / 2)] ?? 0) / 1_000,
    );
    const p99 = againMs[Math.floor(againMs.length * 0.99)] ?? 0;
    figures['p99 s'] = round(p99 / 1_000);
    figures['most s'] = round((againMs.at(-1) ?? 0) / 1_000);
    if (['kills', 'failpoints'].includes(subject.scenario.name)) {
      expectNone('I7 99 % are sent again within 15 s', p99 > 15_000 ? [p99] : []);
    }
  }
  const backS: number[] = [];
  for (const atMs of stage.backMs) {
    const { rows: first } = await client.query<{ first: number | null }>(
      `select (extract(epoch from min(started_at)) * 1000)::float8 as first
       from posthorn.attempts where started_at > to_timestamp($1::float8 / 1000)`,
      [atMs],
    );
    const next = first[0]?.first;
    if (next !== null && next !== undefined) backS.push((next - atMs) / 1_000);
  }
  if (backS.length === 0) return;
  figures['delivering again after Postgres was back, most s'] = round(Math.max(...backS));
  expectNone(
    'delivers again within 10 s after Postgres is back',
    backS.filter((seconds) => seconds > 10),
  );
}

/** The limits of registered endpoints hold over all workers and all deaths. */
async function checkLimits({ subject, figures, expectNone }: Finding): Promise<void> {
  const { books, stage, mostLimited } = subject;
  // Ids of one producer grow; the order of an endpoint is that of its producer's commits.
  const first = new Map<string, Arrival>();
  for (const arrival of books.arrivals) {
    if (arrival.path === '/ordered' && arrival.answer === 'accepted' && !first.has(arrival.id)) {
      first.set(arrival.id, arrival);
    }
  }
  const order = [...first.keys()];
  const overtaken = order.filter((id, at) => at > 0 && id < (order[at - 1] ?? ''));
  const { rows: how } = await subject.client.query(
    `select webhook_id, number, worker, error, started_at, finished_at from posthorn.attempts
     where webhook_id = any ($1::uuid[]) order by started_at`,
    [overtaken.flatMap((id) => [id, order[order.indexOf(id) - 1]])],
  );
  expectNone(
    'an ordered endpoint is served in order',
    overtaken.map((id) => ({ id, how })),
  );
  figures['ordered'] = order.length;
  const limit = endpoints.limited.max_in_flight;
  figures[`most in flight at limit ${limit}`] = mostLimited;
  // A worker that is cut off or stopped has its requests in flight beside those of the next owner.
  const zombies = stage.faults.some(({ what }) =>
    /SIGSTOP|to Postgres|pg_ctl|postmaster|terminated|exhausted|disk|receiver/.test(what),
  );
  if (!zombies) expectNone('max_in_flight is kept', mostLimited > limit ? [mostLimited] : []);
  const rated = books.arrivals.filter(({ path }) => path === '/rated').map(({ atMs }) => atMs);
  let most = 0;
  for (let from = 0, to = 0; to < rated.length; to += 1) {
    while ((rated[to] ?? 0) - (rated[from] ?? 0) >= 1_000) from += 1;
    most = Math.max(most, to - from + 1);
  }
  const rate = endpoints.rated.rate_limit_per_s;
  figures[`most in a second at rate ${rate}`] = most;
  // A tenth of the rate may be saved up, and the receiver's second is not the worker's.
  if (!zombies) expectNone('rate_limit_per_s is kept', most > rate * 1.2 ? [most] : []);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

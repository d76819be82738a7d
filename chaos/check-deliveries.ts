import { type Finding, round } from './finding.ts';
import type { Arrival } from './traffic.ts';

/* What the receiver saw: whether each webhook came, as it was, signed, and how often. */

/** I3: delivered means that the receiver accepted that very body, signed. */
export async function checkReceiver({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books } = subject;
  const { rows } = await client.query<{ webhook_id: string }>(
    `select webhook_id from posthorn.outcomes where status = 'delivered'`,
  );
  const accepted = new Set(
    books.arrivals.filter(({ answer }) => answer === 'accepted').map(({ id }) => id),
  );
  expectNone(
    'I3 what is delivered was accepted by the receiver',
    rows.filter(({ webhook_id: id }) => !accepted.has(id) && !books.operator.poison.has(id)),
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

/** I4: what comes again after it was accepted is explained: nobody had recorded the answer when it was sent again. */
export async function checkExtras({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books, scenario, stage } = subject;
  const accepted = new Map<string, Arrival>();
  const pairs: { readonly before: Arrival; readonly extra: Arrival }[] = [];
  const copies = new Map<string, number>();
  for (const arrival of books.arrivals) {
    if (books.operator.poison.has(arrival.id)) continue;
    const before = accepted.get(arrival.id);
    if (before !== undefined) pairs.push({ before, extra: arrival });
    if (arrival.answer === 'accepted') accepted.set(arrival.id, arrival);
    copies.set(keyOf(arrival), (copies.get(keyOf(arrival)) ?? 0) + 1);
  }
  figures['extras'] = pairs.length;
  const percent = round((100 * pairs.length) / Math.max(1, books.acked.size));
  figures['extras, %'] = percent;
  const { rows: inFlight } = await client.query<{ count: number }>(
    `select count(*)::integer as count from posthorn.attempts where error = 'abandoned'`,
  );
  figures['in flight at the deaths'] = inFlight[0]?.count ?? 0;
  if (scenario.noExtras === true) {
    expectNone(
      'I4 nothing is sent twice',
      pairs.map(({ extra }) => extra),
    );
  }
  const { mostExtrasPercent: most } = scenario;
  if (most !== undefined) {
    // In a short run there are more deaths for each webhook, so that seven for each death are allowed as well.
    const allowed = Math.max((most / 100) * books.acked.size, 7 * stage.deaths.length);
    expectNone(`I4 at most ${most} % are sent twice`, pairs.length > allowed ? [percent] : []);
  }
  // The same attempt twice is a connection that broke in mid-answer, and the one instant retry on a new one.
  const again = pairs.filter(({ before, extra }) => before.attempt !== extra.attempt);
  const { rows: recordedBefore } = await client.query<{
    id: string;
    number: number;
    error: string | null;
  }>(
    `select extra.id, extra.number, a.error
     from unnest($1::uuid[], $2::integer[], $3::integer[]) as extra (id, number, again)
     join posthorn.attempts as a on a.webhook_id = extra.id and a.number = extra.number
     left join posthorn.attempts as b on b.webhook_id = extra.id and b.number = extra.again
     where a.finished_at is not null
       and (a.error is null or a.error like 'http\\_%')
       and coalesce(
         case when current_setting('track_commit_timestamp')::boolean then pg_xact_commit_timestamp(a.xmin) end,
         a.finished_at
       ) < coalesce(b.started_at, 'infinity')`,
    [
      again.map(({ before }) => before.id),
      again.map(({ before }) => before.attempt),
      again.map(({ extra }) => extra.attempt),
    ],
  );
  expectNone(
    'I4 nothing is sent again after its answer was recorded',
    recordedBefore.filter(
      // Of two copies of an attempt the answer to the second counts, and it may have been no.
      ({ id, number, error }) => error === null || copies.get(`${id} ${number}`) === 1,
    ),
  );
}

function keyOf({ id, attempt }: Arrival): string {
  return `${id} ${attempt}`;
}

/** I7: what a dead worker was sending is sent again within 15 s. */
export async function checkRecovery({ subject, figures, expectNone }: Finding): Promise<void> {
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
  const openMs: number[] = [];
  for (const { worker, started, next } of rows) {
    const death = stage.deaths.findLast(
      ({ number, atMs }) => number === worker && atMs >= started && atMs <= (next ?? 0),
    );
    if (death === undefined || next === null) continue;
    againMs.push(next - death.atMs);
    openMs.push(death.atMs - started);
  }
  if (againMs.length > 0) {
    againMs.sort((a, b) => a - b);
    openMs.sort((a, b) => a - b);
    figures['in flight at a death for, p50 s'] = round(
      (openMs[Math.floor(openMs.length / 2)] ?? 0) / 1_000,
    );
    figures['most s, in flight at a death'] = round((openMs.at(-1) ?? 0) / 1_000);
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

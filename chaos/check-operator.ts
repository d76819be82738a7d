import { type Finding, hasZombies, round, settleMs } from './finding.ts';
import { endpointOf } from './traffic.ts';

/** What an operator's orders and spoilt rows lead to. */
export async function checkOperator(finding: Finding): Promise<void> {
  checkCancelled(finding);
  await checkPoison(finding);
  checkGaps(finding);
}

/** Nothing is sent of a webhook after it was cancelled, until it is put back by hand. */
export function checkCancelled({ subject, figures, expectNone }: Finding): void {
  const { books, stage } = subject;
  const byId = Map.groupBy(books.operator.orders, ({ id }) => id);
  const sentAfter = books.arrivals.filter(({ id, atMs }) => {
    const before = byId.get(id)?.filter(({ fromMs }) => fromMs < atMs);
    const last = before?.findLast(({ took }) => took !== false);
    return last?.event === 'cancel' && last.took === true && last.toMs + settleMs(stage) < atMs;
  });
  if (!hasZombies(stage)) {
    expectNone('nothing is sent of what was cancelled', sentAfter);
  }
  figures['cancelled'] = [...byId.values()].filter(
    (orders) => orders.at(-1)?.event === 'cancel' && orders.at(-1)?.took === true,
  ).length;
}

/** A webhook whose rows were spoilt ends, and says why. */
async function checkPoison({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books } = subject;
  const { poison } = books.operator;
  const { rows } = await client.query<{
    id: string;
    status: string | null;
    reason: string | null;
    isQueued: boolean;
  }>(
    `select o.id, e.status, e.reason, q.webhook_id is not null as "isQueued"
     from posthorn.outbox as o
     left join posthorn.outcomes as e on e.webhook_id = o.id
     left join posthorn.queue as q on q.webhook_id = o.id
     where o.id = any ($1::uuid[])`,
    [[...poison.keys()]],
  );
  expectNone(
    'a spoilt row ends, for a reason',
    rows
      .filter(
        ({ status, reason, isQueued }) =>
          isQueued || !(status === 'delivered' || (status === 'failed' && reason !== null)),
      )
      .map((row) => ({ kind: poison.get(row.id), ...row })),
  );
  const ends: Record<string, number> = {};
  for (const { id, status, reason } of rows) {
    const end = `${poison.get(id)}: ${reason ?? status ?? 'waits'}`;
    ends[end] = (ends[end] ?? 0) + 1;
  }
  if (rows.length > 0) figures['ends of spoilt rows'] = JSON.stringify(ends);
}

/** Whatever is done, somebody goes on delivering. */
function checkGaps({ subject, figures, expectNone }: Finding): void {
  const { books, scenario, stage } = subject;
  const { longestGapS: mostS } = scenario;
  const { loadMs } = stage;
  if (mostS === undefined || loadMs === undefined) return;
  const timesMs = books.arrivals
    .filter(({ answer, path }) => answer === 'accepted' && endpointOf(path) === undefined)
    .map(({ atMs }) => atMs)
    .filter((atMs) => atMs > loadMs.from && atMs < loadMs.to);
  const ordered = [loadMs.from, ...timesMs.sort((a, b) => a - b), loadMs.to];
  const gapsS = ordered.slice(1).map((atMs, at) => (atMs - (ordered[at] ?? 0)) / 1_000);
  const longestS = round(Math.max(...gapsS));
  figures['longest time without a delivery, s'] = longestS;
  expectNone(`deliveries never stop for more than ${mostS} s`, longestS > mostS ? [longestS] : []);
}

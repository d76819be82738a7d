import type { Finding } from './finding.ts';
import { type Arrival, endpoints } from './traffic.ts';

/** The limits of registered endpoints hold over all workers and all deaths. */
export async function checkLimits({ subject, figures, expectNone }: Finding): Promise<void> {
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

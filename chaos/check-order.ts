import { mostUnrecorded } from '../src/deliver/train.ts';
import { byEndpoint } from './check-limits.ts';
import { type Finding, hasZombies, settleMs } from './finding.ts';
import { SettingsHistory, type Span } from './settings.ts';
import { type Arrival, type EndpointName, endpointNames } from './traffic.ts';

/** A frozen worker may send so much later what it had claimed before an endpoint became ordered. */
const zombieMs = 120_000;

interface Life {
  readonly id: string;
  /** Its first request in the span; undefined when it had none. */
  readonly beganMs: number | undefined;
  /** Its first accepted answer, or its cancellation if that was before. */
  readonly endedMs: number;
}

/**
 * While an endpoint is ordered, a webhook never begins before an earlier one ended or was cancelled.
 *
 * After a worker died, those whose answers were not recorded come again: no more than the last few, before anything new.
 *
 * Only of webhooks whose first attempt is in the span: the place of those that were tried before depends on their retries. Ids
 * of one producer grow, so that the order of an endpoint is that of its ids.
 */
export async function checkOrder({ subject, figures, expectNone }: Finding): Promise<void> {
  const { client, books, stage } = subject;
  const { changes, orders, poison } = books.operator;
  const graceMs = hasZombies(stage) ? zombieMs : settleMs(stage);
  const ofEndpoint = byEndpoint(books.arrivals);
  const { rows } = await client.query<{ id: string; startedMs: number }>(
    `select a.webhook_id as id, (extract(epoch from min(a.started_at)) * 1000)::float8 as "startedMs"
     from posthorn.attempts as a
     join posthorn.outbox as o on o.id = a.webhook_id
     where o.endpoint_id is not null
     group by a.webhook_id`,
  );
  const startedMs = new Map(rows.map((row) => [row.id, row.startedMs]));
  const cancelledMs = new Map<string, number>();
  for (const { event, id, took, fromMs } of orders) {
    if (event === 'cancel' && took !== false && !cancelledMs.has(id)) cancelledMs.set(id, fromMs);
  }
  const overtaken: unknown[] = [];
  const repeats: Repeat[] = [];
  const operated = new Set(orders.map(({ id }) => id));
  let proved = 0;
  for (const name of endpointNames) {
    const history = new SettingsHistory(name, changes.get(name) ?? []);
    const arrivals = Map.groupBy(ofEndpoint.get(name) ?? [], ({ id }) => id);
    for (const whole of history.spansWhere(({ isOrdered }) => isOrdered)) {
      const span = { fromMs: whole.fromMs + graceMs, toMs: whole.toMs };
      const ids = new Set([...arrivals.keys(), ...cancelledOf(name)]);
      const lives = [...ids]
        .filter((id) => !poison.has(id) && (startedMs.get(id) ?? span.fromMs) >= span.fromMs)
        .map((id) => lifeOf(id, { arrivals: arrivals.get(id) ?? [], cancelledMs, span }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const checked = new Set(lives.map(({ id }) => id).filter((id) => !operated.has(id)));
      const inSpan = (ofEndpoint.get(name) ?? []).filter(
        ({ id, atMs }) => checked.has(id) && atMs <= span.toMs,
      );
      repeats.push(...repeatsOf(inSpan));
      proved += lives.filter(({ beganMs }) => beganMs !== undefined).length;
      overtaken.push(
        ...overtakersOf(lives).map((found) => ({
          name,
          'ordered since': new Date(Math.max(0, whole.fromMs)).toISOString(),
          ...found,
        })),
      );
    }
  }
  figures['requests in an order'] = proved;
  figures['of them sent twice'] = repeats.length;
  const { rows: how } = await client.query(
    `select a.webhook_id, o.created_at, a.number, a.worker, a.error, a.started_at, a.finished_at
     from posthorn.attempts as a
     join posthorn.outbox as o on o.id = a.webhook_id
     where a.webhook_id = any ($1::uuid[])
     order by started_at
     limit 10`,
    [overtaken.slice(0, 1).flatMap((found) => Object.values(found as object).filter(isId))],
  );
  expectNone(
    'an ordered endpoint is served in order',
    overtaken.map((found) => ({ ...(found as object), how })),
  );

  expectNone(
    'an ordered endpoint gets again only what came last',
    hasZombies(stage) ? [] : repeats.filter(({ later }) => later > mostUnrecorded),
  );

  function cancelledOf(name: EndpointName): string[] {
    return orders
      .filter(({ event, endpoint }) => event === 'cancel' && endpoint === name)
      .map(({ id }) => id);
  }
}

function lifeOf(
  id: string,
  {
    arrivals,
    cancelledMs,
    span,
  }: { arrivals: readonly Arrival[]; cancelledMs: ReadonlyMap<string, number>; span: Span },
): Life {
  const accepted = arrivals.find(({ answer, hungUp }) => answer === 'accepted' && !hungUp);
  return {
    id,
    beganMs: arrivals.find(({ atMs }) => atMs >= span.fromMs && atMs <= span.toMs)?.atMs,
    endedMs: Math.min(
      accepted?.untilMs ?? Number.POSITIVE_INFINITY,
      cancelledMs.get(id) ?? Number.POSITIVE_INFINITY,
    ),
  };
}

/** In the order of their ids: those that began before an earlier one had ended. */
function overtakersOf(lives: readonly Life[]): object[] {
  const found: object[] = [];
  let last: Life | undefined;
  for (const life of lives) {
    if (last !== undefined && life.beganMs !== undefined && life.beganMs < last.endedMs) {
      found.push({
        earlier: last.id,
        ended: Number.isFinite(last.endedMs) ? new Date(last.endedMs).toISOString() : 'never',
        later: life.id,
        began: new Date(life.beganMs).toISOString(),
      });
    }
    if (last === undefined || life.endedMs > last.endedMs) last = life;
  }
  return found;
}

interface Repeat {
  readonly again: string;
  readonly at: string;
  /** How many later webhooks had come by then. With many, its answer must have been recorded. */
  readonly later: number;
}

/** Webhooks that came again although they had been accepted. */
function repeatsOf(arrivals: readonly Arrival[]): Repeat[] {
  const found: Repeat[] = [];
  const begun = new Set<string>();
  const accepted = new Set<string>();
  for (const { id, atMs, answer, hungUp } of arrivals) {
    if (accepted.has(id)) {
      const later = [...begun].filter((other) => other > id).length;
      found.push({ again: id, at: new Date(atMs).toISOString(), later });
    }
    begun.add(id);
    if (answer === 'accepted' && !hungUp) accepted.add(id);
  }
  return found;
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length === 36;
}

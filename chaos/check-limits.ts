import { type Finding, hasZombies, settleMs } from './finding.ts';
import { mostAtOnce, ratePerSOf, SettingsHistory, type Span } from './settings.ts';
import { type Arrival, type EndpointName, endpointNames, endpointOf } from './traffic.ts';

/* Whether what the receiver saw keeps to the settings that its registered endpoints had at the time. */

/** The receiver may read requests so much later than they were sent, and then all at once; or as late as it was seen to be. */
const jitterMs = 250;
/** A sender that hung up did so a little earlier than the receiver came to know. */
const hangUpMs = 250;
/** In windows of so many seconds the rate is looked at. */
const windowsS = [1, 5];

/** max_in_flight, rate_limit_per_s, pauses and URLs hold over all workers and all deaths, whatever is changed. */
export function checkLimits({ subject, figures, expectNone }: Finding): void {
  const { books, stage } = subject;
  const tooMany: unknown[] = [];
  const whilePaused: unknown[] = [];
  const tooFast: unknown[] = [];
  const stale: unknown[] = [];
  const ofEndpoint = byEndpoint(books.arrivals);
  const afterMs = settleMs(stage);
  const jitterS = Math.max(jitterMs, stage.lagMs) / 1_000;
  let proved = 0;
  for (const name of endpointNames) {
    const history = new SettingsHistory(name, books.operator.changes.get(name) ?? []);
    const arrivals = ofEndpoint.get(name) ?? [];
    for (const limit of history.valuesOf(mostAtOnce).filter(Number.isFinite)) {
      for (const span of history.spansWhere((settings) => mostAtOnce(settings) <= limit)) {
        const begun = begunIn(arrivals, { span, afterMs });
        proved += begun.length;
        const worst = mostOpen(begun);
        if (worst.count <= limit) continue;
        const found = { name, limit, atOnce: worst.count, ...shown(worst.at, span) };
        (limit === 0 ? whilePaused : tooMany).push(found);
      }
    }
    for (const ratePerS of history.valuesOf(ratePerSOf).filter(Number.isFinite)) {
      for (const span of history.spansWhere((settings) => ratePerSOf(settings) <= ratePerS)) {
        const begun = begunIn(withoutInstantRetries(arrivals), { span, afterMs });
        for (const windowS of windowsS) {
          const worst = mostBegun(begun, windowS * 1_000);
          // The documented burst: a tenth of the rate may be saved up, and one more.
          const most = ratePerS * (windowS + 0.1 + jitterS) + 1;
          if (worst.count > most) {
            tooFast.push({ name, ratePerS, windowS, begun: worst.count, ...shown(worst.at, span) });
          }
        }
      }
    }
    for (const arrival of arrivals) {
      const window = { fromMs: arrival.atMs - afterMs, toMs: arrival.atMs };
      const versions = new Set(history.possibleIn(window).map(({ version }) => version));
      const inUrl = endpointOf(arrival.path)?.version ?? 0;
      if (versions.has(inUrl) && versions.has(arrival.version)) continue;
      stale.push({ name, inUrl, inHeader: arrival.version, inForce: [...versions], ...arrival });
    }
  }
  const limited = ofEndpoint.get('limited') ?? [];
  figures['most in flight at limit 4'] = mostOpen(limited).count;
  figures['most in a second at rate 20'] = mostBegun(ofEndpoint.get('rated') ?? [], 1_000).count;
  figures['requests under a limit of those at once'] = proved;
  if (hasZombies(stage)) return;
  expectNone('max_in_flight is kept', tooMany);
  expectNone('nothing is sent to a paused endpoint', whilePaused);
  expectNone('rate_limit_per_s is kept', tooFast);
  expectNone("a request has the endpoint's URL and headers of the time", stale);
}

export function byEndpoint(arrivals: readonly Arrival[]): Map<EndpointName, Arrival[]> {
  const found = new Map<EndpointName, Arrival[]>();
  for (const arrival of arrivals.toSorted((a, b) => a.atMs - b.atMs)) {
    const name = endpointOf(arrival.path)?.name;
    if (name === undefined) continue;
    const list = found.get(name);
    if (list === undefined) found.set(name, [arrival]);
    else list.push(arrival);
  }
  return found;
}

/** Those that began when the settings of the span were known to all: what was in flight before is allowed. */
function begunIn(
  arrivals: readonly Arrival[],
  { span, afterMs }: { span: Span; afterMs: number },
): Arrival[] {
  return arrivals.filter(({ atMs }) => atMs >= span.fromMs + afterMs && atMs <= span.toMs);
}

interface Worst {
  readonly count: number;
  readonly at: Arrival | undefined;
}

function mostOpen(arrivals: readonly Arrival[]): Worst {
  const events = arrivals
    .flatMap((arrival) => [
      { atMs: arrival.atMs, step: 1, arrival },
      {
        // At the earliest after all that begin in its own millisecond.
        atMs: Math.max(arrival.atMs + 0.5, arrival.untilMs - (arrival.hungUp ? hangUpMs : 0)),
        step: -1,
        arrival,
      },
    ])
    .sort((a, b) => a.atMs - b.atMs || a.step - b.step);
  let open = 0;
  let worst: Worst = { count: 0, at: undefined };
  for (const { step, arrival } of events) {
    open += step;
    if (open > worst.count) worst = { count: open, at: arrival };
  }
  return worst;
}

function mostBegun(arrivals: readonly Arrival[], windowMs: number): Worst {
  let worst: Worst = { count: 0, at: undefined };
  for (let from = 0, to = 0; to < arrivals.length; to += 1) {
    while ((arrivals[to]?.atMs ?? 0) - (arrivals[from]?.atMs ?? 0) >= windowMs) from += 1;
    if (to - from + 1 > worst.count) worst = { count: to - from + 1, at: arrivals[to] };
  }
  return worst;
}

/** A request whose connection broke before its answer is sent again at once, as the same attempt. */
function withoutInstantRetries(arrivals: readonly Arrival[]): Arrival[] {
  const seen = new Set<string>();
  return arrivals.filter(({ id, attempt }) => {
    const isNew = !seen.has(`${id} ${attempt}`);
    seen.add(`${id} ${attempt}`);
    return isNew;
  });
}

function shown(arrival: Arrival | undefined, { fromMs, toMs }: Span): object {
  const at = arrival?.atMs ?? 0;
  return {
    id: arrival?.id,
    at: new Date(at).toISOString(),
    'in force for ms': Math.round(at - fromMs),
    'and for': Math.round(toMs - at),
  };
}

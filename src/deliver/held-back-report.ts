import type { HeldBackGroup } from '../lanes/held-back.ts';
import type { LaneBook } from '../lanes/lane-book.ts';
import type { ClaimedWebhook } from './claim.ts';
import type { DatabaseClock } from './database-clock.ts';
import type { Sender } from './sender.ts';

/** A tenant or an origin that a worker holds back, as it stands in posthorn.workers. */
export interface ReportedGroup {
  readonly key: string;
  readonly level: HeldBackGroup['level'];
  readonly reason: HeldBackGroup['reason'];
  /** The tenant, or scheme, host and port. Null: not known, because no request of it has been in flight; its lane says it. */
  readonly name: string | null;
  readonly lane: string | null;
  readonly since: string;
  readonly in_flight: number;
  readonly slots: number;
}

interface Sources {
  readonly book: Pick<LaneBook, 'heldBack'>;
  readonly sender: Pick<Sender, 'underWay'>;
  readonly clock: Pick<DatabaseClock, 'nowMs'>;
}

/** Those held back for less time are not worth a word: each burst uses its slots for a moment. */
const leastMs = 1_000;

/** What a worker says of the groups that it holds back: with their names, and times by the clock of the database. */
export class HeldBackReport {
  readonly #options: Sources;
  /** Of the groups in the latest report, so that what is said of one stays the same when nothing has changed. */
  #told = new Map<string, Pick<ReportedGroup, 'name' | 'since'>>();

  constructor(options: Sources) {
    this.#options = options;
  }

  take(): ReportedGroup[] {
    const { book, sender, clock } = this.#options;
    const nowMs = performance.now();
    const groups = book.heldBack(nowMs).filter(({ sinceMs }) => nowMs - sinceMs >= leastMs);
    const names = groups.length === 0 ? new Map<string, string>() : namesOf(sender.underWay);
    const report = groups.map(({ key, level, reason, sinceMs, inFlight, slots, lane }) => {
      const told = this.#told.get(key);
      const name = names.get(key) ?? told?.name ?? null;
      const since = told?.since ?? new Date(clock.nowMs() - (nowMs - sinceMs)).toISOString();
      const nameless = name === null ? lane : null;
      return { key, level, reason, name, lane: nameless, since, in_flight: inFlight, slots };
    });
    this.#told = new Map(report.map((group) => [group.key, group]));
    return report;
  }
}

/** By key, of the groups with requests in flight. No query: it may hold a secret. */
function namesOf(webhooks: Iterable<ClaimedWebhook>): Map<string, string> {
  const names = new Map<string, string>();
  for (const { groups, tenant, url, endpointId, eventType } of webhooks) {
    // A webhook that was sent directly to an endpoint may name another tenant than the endpoint's, whose slots it takes.
    const isTenantOfGroup = endpointId === null || eventType !== null;
    if (groups.tenant !== null && isTenantOfGroup) names.set(groups.tenant, tenant);
    if (!names.has(groups.origin) && URL.canParse(url))
      names.set(groups.origin, new URL(url).origin);
  }
  return names;
}

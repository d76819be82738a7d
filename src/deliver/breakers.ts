import type { Pool } from 'pg';
import { closedPayload, originPayload, wakeChannel } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { AttemptResult } from '../domain/attempt-result.ts';
import {
  type BreakerNews,
  breakerRules,
  followedBy,
  hasAnswered,
  isAlive,
} from '../domain/breaker.ts';
import type { Verdict } from '../domain/classify.ts';
import { EgressWatch } from '../domain/egress.ts';
import type { LaneGroups } from '../domain/lane.ts';
import { SilentLanes } from '../domain/silent-lanes.ts';
import type { Events } from '../events.ts';
import type { ProbeLane } from '../lanes/probe-lanes.ts';
import type { Log } from '../log.ts';
import { lanesThatAre, type RecordedRow, recordAttempts } from './attempt-record.ts';
import { type ClaimedWebhook, type ClaimRow, toWebhook } from './claim.ts';
import { PutOff } from './put-off.ts';

/*
 * Counts failures into the breakers: rows of posthorn.breakers, shared by all workers, one per lane or origin that
 * fails.
 *
 * In: results, their lanes and origins. Out: rows that the claim reads, and probes. A count that gets lost here costs a few requests to a
 * lane that is down, and never a webhook (I6, I9). The rescue of a worker that died frees its probes.
 */

/** What became of a key. Null: its row is locked. */
interface CountedRow {
  readonly key: string;
  readonly is_origin: boolean | null;
  readonly is_open: boolean | null;
}

interface BreakersOptions {
  readonly pool: Pool;
  readonly events: Events;
  readonly log: Log;
}

const probeSql = sqlFile('probe');
const watchSql = sqlFile('watch-lanes');
const countSql = sqlFile('count-failures');
const forgetSql = sqlFile('forget-lanes');

export class Breakers {
  readonly #options: BreakersOptions;
  readonly #egress = new EgressWatch();
  readonly #silent = new SilentLanes();
  /** By key: results that could not be counted, because another session has locked the row of the breaker. */
  readonly #putOff = new PutOff<string, BreakerNews>((news) => this.#countAgain(news));
  #wasDown = false;

  constructor(options: BreakersOptions) {
    this.#options = options;
  }

  /** Takes the probes that are due: one webhook per lane or origin, which no other worker probes at the same time. */
  async takeProbes(request: {
    readonly workerNumber: number;
    readonly limit: number;
    readonly leaseS: number;
    /** For origins whose probe may be due. */
    readonly probeLanes: readonly ProbeLane[];
  }): Promise<ClaimedWebhook[]> {
    const fromMs = performance.now();
    const rows = await runSql<ClaimRow>(this.#options.pool, probeSql, {
      workerNumber: request.workerNumber,
      maxProbes: request.limit,
      leaseS: request.leaseS,
      origins: request.probeLanes.map(({ origin }) => origin),
      originLanes: request.probeLanes.map(({ lane }) => lane),
    });
    const claimed = { fromMs, toMs: performance.now() };
    return rows.map((row) => ({ ...toWebhook(row, { claimed, request }), isProbe: true }));
  }

  /** Most endpoints cannot be reached, so the fault is probably in our own network. */
  get isEgressDown(): boolean {
    return this.#wasDown;
  }

  /**
   * Notes whether there was any answer, to tell a lane's outage from its origin's and from ours, and returns what the attempt means
   * for its webhook.
   *
   * A probe that got no answer during an outage of our own does not count against its webhook, because it was sent to test the
   * lane, outside the webhook's own schedule.
   */
  judge(
    { lane, groups, isProbe }: Pick<ClaimedWebhook, 'lane' | 'groups' | 'isProbe'>,
    { result, verdict }: { result: AttemptResult; verdict: Verdict },
  ): Verdict {
    const answered = hasAnswered(result, verdict);
    const nowMs = performance.now();
    if (answered === undefined) return verdict;
    this.#silent.note({ lane, origin: groups.origin }, { answered, nowMs });
    this.#noteEgress(groups, { failed: !answered, nowMs });
    if (answered || verdict.kind !== 'retry') return verdict;
    return isProbe && this.#wasDown ? { kind: 'repeat', reason: verdict.reason } : verdict;
  }

  /**
   * Counts failures, pauses and lost probes into the breakers of their lanes and origins. Never throws, and never waits for a locked
   * row: its news is written as soon as the lock is gone. Those whose keys are in `unhealed` are alive, and that is still to be
   * written.
   */
  async count(
    all: readonly BreakerNews[],
    unhealed: ReadonlySet<string> = new Set(),
  ): Promise<void> {
    const now: BreakerNews[] = [];
    for (const news of all) {
      const { key } = news;
      const before = this.#putOff.get(key);
      if (unhealed.has(key)) this.#putOffNews(news);
      else if (before === undefined) now.push(news);
      else if (!isAlive(news)) this.#putOffNews(news);
      // The row is gone, so there is nothing to count into.
      else this.#putOff.delete(key);
    }
    await this.#countNow(now);
  }

  /** Tells all workers which lanes and origins work again, so that they send the backlog from now on, slowly at first. */
  async tellClosed(rows: readonly RecordedRow[]): Promise<void> {
    const lanes = lanesThatAre('closed', rows);
    const origins = lanesThatAre('origin_closed', rows);
    if (lanes.length + origins.length === 0) return;
    this.#options.events.emit('breakersClosed', { lanes, origins });
    try {
      await this.#options.pool.query('select pg_notify($1, call) from unnest($2::text[]) as call', [
        wakeChannel,
        [
          ...lanes.map((lane) => `${closedPayload}${lane}`),
          ...origins.map((origin) => `${originPayload}${origin}`),
        ],
      ]);
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Cannot tell of endpoints that are back');
    }
  }

  #noteEgress(groups: LaneGroups, result: { failed: boolean; nowMs: number }): void {
    this.#egress.note(groups, result);
    const { isDown } = this.#egress;
    if (isDown === this.#wasDown) return;
    this.#wasDown = isDown;
    this.#options.events.emit('egress', { isDown });
    if (isDown)
      this.#options.log.error({}, 'Most endpoints cannot be reached: breakers are frozen');
    else this.#options.log.info({}, 'Endpoints can be reached again');
  }

  async #countNow(all: readonly BreakerNews[]): Promise<void> {
    const said = all.filter(
      ({ failures, probes, pauseS }) => failures > 0 || probes.length > 0 || pauseS !== null,
    );
    if (said.length === 0) return;
    const news = this.#egress.isDown ? said.map(frozen) : said;
    try {
      const counted = await this.#write(news);
      const locked = new Set(counted.flatMap((row) => (row.is_open === null ? [row.key] : [])));
      for (const each of news) if (locked.has(each.key)) this.#putOffNews(each);
      await this.#noteOpened(counted.filter((row) => row.is_open === true));
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Cannot count failures of endpoints');
    }
  }

  async #noteOpened(opened: readonly CountedRow[]): Promise<void> {
    if (opened.length === 0) return;
    const [lanes, origins] = [false, true].map((isOrigin) =>
      opened.flatMap((row) => (row.is_origin === isOrigin ? [row.key] : [])),
    );
    this.#options.events.emit('breakersOpened', { lanes: lanes ?? [], origins: origins ?? [] });
    if (origins !== undefined && origins.length > 0)
      await runSql(this.#options.pool, forgetSql, { origins });
  }

  #putOffNews(news: BreakerNews): void {
    const before = this.#putOff.get(news.key);
    this.#putOff.set(news.key, before === undefined ? news : followedBy(before, news));
  }

  async #countAgain(putOff: ReadonlyMap<string, BreakerNews>): Promise<void> {
    for (const key of putOff.keys()) this.#putOff.delete(key);
    if (this.#options.pool.ending) return;
    const news = [...putOff.values()];
    try {
      const healed = await this.#heal(news.filter(isAlive).map(({ key }) => key));
      await this.tellClosed(healed);
      await this.count(news, new Set(lanesThatAre('breaker_locked', healed)));
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Cannot tell breakers of successes');
    }
  }

  async #heal(alive: readonly string[]): Promise<readonly RecordedRow[]> {
    if (alive.length === 0) return [];
    return recordAttempts(this.#options.pool, [], { alive, startedMs: 0 });
  }

  async #write(news: readonly BreakerNews[]): Promise<readonly CountedRow[]> {
    await this.#watch(news);
    // A probe that was put off may have been sent again since.
    const probes = [
      ...new Map(
        news.flatMap((each) => each.probes.map((probe) => [probe.webhookId, probe])),
      ).values(),
    ];
    return runSql<CountedRow>(this.#options.pool, countSql, {
      keys: news.map(({ key }) => key),
      failures: news.map(({ failures }) => failures),
      succeeded: news.map(({ succeeded }) => succeeded),
      errors: news.map(({ error }) => error),
      pausesS: news.map(({ pauseS }) => pauseS),
      onlyLanes: news.map(({ onlyLane }) => onlyLane),
      openAfter: breakerRules.failures,
      openOverS: breakerRules.overS,
      firstOpenS: breakerRules.openS,
      maxOpenS: breakerRules.maxOpenS,
      probeIds: probes.map(({ webhookId }) => webhookId),
      probeNumbers: probes.map(({ number }) => number),
      probeFailed: probes.map(({ failed }) => failed),
    });
  }

  /** Makes rows to count in, for those that need one. */
  async #watch(news: readonly BreakerNews[]): Promise<void> {
    const nowMs = performance.now();
    const rows = news.flatMap(({ key, url, failures, pauseS, ...what }) => {
      const alone = this.#silent.failingAloneSince(key);
      const missed = alone !== undefined && alone.failures > failures ? 1 : 0;
      const failingS = alone === undefined ? 0 : (nowMs - alone.sinceMs) / 1_000;
      const isWanted = what.isOrigin || what.hasRefused || alone !== undefined;
      return (failures > 0 && isWanted) || pauseS !== null ? [{ key, url, missed, failingS }] : [];
    });
    if (rows.length === 0) return;
    await runSql(this.#options.pool, watchSql, {
      keys: rows.map(({ key }) => key),
      urls: rows.map(({ url }) => url),
      failures: rows.map(({ missed }) => missed),
      failingS: rows.map(({ failingS }) => failingS),
      mostLanes: breakerRules.mostLanes,
    });
  }
}

/** During an outage of our own, failures say nothing about the lane, and a probe has found out nothing. */
function frozen(news: BreakerNews): BreakerNews {
  return {
    ...news,
    failures: 0,
    probes: news.probes.map((probe) => ({ ...probe, failed: false })),
  };
}

import type { Pool } from 'pg';
import { closedPayload, wakeChannel } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { AttemptResult } from '../domain/attempt-result.ts';
import { breakerRules, followedBy, isAlive, type LaneNews } from '../domain/breaker.ts';
import type { Verdict } from '../domain/classify.ts';
import { EgressWatch } from '../domain/egress.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { lanesThatAre, recordAttempts } from './attempt-record.ts';
import { type ClaimedWebhook, type ClaimRow, toWebhook } from './claim.ts';
import { PutOff } from './put-off.ts';

/*
 * Counts failures into the breakers: rows of posthorn.breakers, shared by all workers, one per lane that fails.
 *
 * In: results and their lanes. Out: rows that the claim reads, and probes. A count that gets lost here costs a few requests to a
 * lane that is down, and never a webhook (I6, I9). The rescue of a worker that died frees its probes.
 */

interface BreakersOptions {
  readonly pool: Pool;
  readonly events: Events;
  readonly log: Log;
}

const probeSql = sqlFile('probe');
const watchSql = sqlFile('watch-lanes');
const countSql = sqlFile('count-failures');

export class Breakers {
  readonly #options: BreakersOptions;
  readonly #egress = new EgressWatch();
  /** By lane: results that could not be counted, because another session has locked the row of the breaker. */
  readonly #putOff = new PutOff<string, LaneNews>((news) => this.#countAgain(news));
  #wasDown = false;

  constructor(options: BreakersOptions) {
    this.#options = options;
  }

  /** Takes the probes that are due: one webhook per lane, which no other worker probes at the same time. */
  async takeProbes(request: {
    readonly workerNumber: number;
    readonly limit: number;
    readonly leaseS: number;
  }): Promise<ClaimedWebhook[]> {
    const fromMs = performance.now();
    const rows = await runSql<ClaimRow>(this.#options.pool, probeSql, {
      workerNumber: request.workerNumber,
      maxProbes: request.limit,
      leaseS: request.leaseS,
    });
    const claimed = { fromMs, toMs: performance.now() };
    return rows.map((row) => ({ ...toWebhook(row, { claimed, request }), isProbe: true }));
  }

  /** Most endpoints cannot be reached, so the fault is probably in our own network. */
  get isEgressDown(): boolean {
    return this.#wasDown;
  }

  /**
   * Notes whether a lane gave any answer, to tell its outage from ours, and returns what the attempt means for its webhook.
   *
   * A probe that got no answer during an outage of our own does not count against its webhook, because it was sent to test the
   * lane, outside the webhook's own schedule.
   */
  judge(
    { lane, isProbe }: Pick<ClaimedWebhook, 'lane' | 'isProbe'>,
    { result, verdict }: { result: AttemptResult; verdict: Verdict },
  ): Verdict {
    if (result.kind === 'response' || verdict.kind !== 'retry') {
      this.#note(lane, { failed: false });
      return verdict;
    }
    this.#note(lane, { failed: true });
    return isProbe && this.#wasDown ? { kind: 'repeat', reason: verdict.reason } : verdict;
  }

  /**
   * Counts failures, pauses and lost probes into the breakers of their lanes. Never throws, and never waits for a locked row: the
   * news of that lane is written as soon as the lock is gone. The lanes in `unhealed` are alive, and that is still to be written.
   */
  async count(all: readonly LaneNews[], unhealed: ReadonlySet<string> = new Set()): Promise<void> {
    const now: LaneNews[] = [];
    for (const news of all) {
      const { lane } = news;
      const before = this.#putOff.get(lane);
      if (unhealed.has(lane)) this.#putOffNews(news);
      else if (before === undefined) now.push(news);
      else if (!isAlive(news)) this.#putOffNews(news);
      // The row is gone, so there is nothing to count into.
      else this.#putOff.delete(lane);
    }
    await this.#countNow(now);
  }

  /** Tells all workers which lanes work again, so that they send the backlog from now on, slowly at first. */
  async tellClosed(lanes: readonly string[]): Promise<void> {
    if (lanes.length === 0) return;
    this.#options.events.emit('breakersClosed', { lanes });
    try {
      await this.#options.pool.query(
        'select pg_notify($1, $2 || lane) from unnest($3::text[]) as lane',
        [wakeChannel, closedPayload, lanes],
      );
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Cannot tell of endpoints that are back');
    }
  }

  #note(lane: string, { failed }: { failed: boolean }): void {
    this.#egress.note(lane, { failed, nowMs: performance.now() });
    const { isDown } = this.#egress;
    if (isDown === this.#wasDown) return;
    this.#wasDown = isDown;
    this.#options.events.emit('egress', { isDown });
    if (isDown)
      this.#options.log.error({}, 'Most endpoints cannot be reached: breakers are frozen');
    else this.#options.log.info({}, 'Endpoints can be reached again');
  }

  async #countNow(all: readonly LaneNews[]): Promise<void> {
    const said = all.filter(
      ({ failures, probes, pauseS }) => failures > 0 || probes.length > 0 || pauseS !== null,
    );
    if (said.length === 0) return;
    const news = this.#egress.isDown ? said.map(frozen) : said;
    try {
      const counted = await this.#write(news);
      const locked = new Set(counted.flatMap((row) => (row.is_open === null ? [row.lane] : [])));
      for (const each of news) if (locked.has(each.lane)) this.#putOffNews(each);
      const opened = counted.flatMap((row) => (row.is_open === true ? [row.lane] : []));
      if (opened.length > 0) this.#options.events.emit('breakersOpened', { lanes: opened });
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Cannot count failures of endpoints');
    }
  }

  #putOffNews(news: LaneNews): void {
    const before = this.#putOff.get(news.lane);
    this.#putOff.set(news.lane, before === undefined ? news : followedBy(before, news));
  }

  async #countAgain(putOff: ReadonlyMap<string, LaneNews>): Promise<void> {
    for (const lane of putOff.keys()) this.#putOff.delete(lane);
    if (this.#options.pool.ending) return;
    const news = [...putOff.values()];
    try {
      const { closed, locked } = await this.#heal(news.filter(isAlive).map(({ lane }) => lane));
      await this.tellClosed(closed);
      await this.count(news, new Set(locked));
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Cannot tell breakers of successes');
    }
  }

  /** Lanes whose breaker was open and is closed now, and those whose breaker is locked still. */
  async #heal(
    alive: readonly string[],
  ): Promise<{ closed: readonly string[]; locked: readonly string[] }> {
    if (alive.length === 0) return { closed: [], locked: [] };
    const rows = await recordAttempts(this.#options.pool, [], { alive, startedMs: 0 });
    return { closed: lanesThatAre('closed', rows), locked: lanesThatAre('breaker_locked', rows) };
  }

  async #write(
    news: readonly LaneNews[],
  ): Promise<readonly { lane: string; is_open: boolean | null }[]> {
    const lanes = news.map(({ lane }) => lane);
    // A probe that was put off may have been sent again since.
    const probes = [
      ...new Map(
        news.flatMap((each) => each.probes.map((probe) => [probe.webhookId, probe])),
      ).values(),
    ];
    await runSql(this.#options.pool, watchSql, { lanes, urls: news.map(({ url }) => url) });
    return runSql(this.#options.pool, countSql, {
      lanes,
      failures: news.map(({ failures }) => failures),
      succeeded: news.map(({ succeeded }) => succeeded),
      errors: news.map(({ error }) => error),
      pausesS: news.map(({ pauseS }) => pauseS),
      openAfter: breakerRules.failures,
      openOverS: breakerRules.overS,
      firstOpenS: breakerRules.openS,
      maxOpenS: breakerRules.maxOpenS,
      probeIds: probes.map(({ webhookId }) => webhookId),
      probeNumbers: probes.map(({ number }) => number),
      probeFailed: probes.map(({ failed }) => failed),
    });
  }
}

/** During an outage of our own, failures say nothing about the lane, and a probe has found out nothing. */
function frozen(news: LaneNews): LaneNews {
  return {
    ...news,
    failures: 0,
    probes: news.probes.map((probe) => ({ ...probe, failed: false })),
  };
}

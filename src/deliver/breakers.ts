import type { Pool } from 'pg';
import { closedPayload, wakeChannel } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { AttemptResult } from '../domain/attempt-result.ts';
import { breakerRules, type LaneNews } from '../domain/breaker.ts';
import type { Verdict } from '../domain/classify.ts';
import { EgressWatch } from '../domain/egress.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { type ClaimedWebhook, type ClaimRow, toWebhook } from './claim.ts';

/*
 * The breakers: rows of posthorn.breakers, shared by all workers, one per lane that fails.
 *
 * In: what results say about their lanes. Out: rows that the claim reads, probes. What is not written here costs a few
 * requests to a lane that is down, and never a webhook (I6, I9). The rescue of a prober that died frees its probe.
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
  #wasDown = false;

  constructor(options: BreakersOptions) {
    this.#options = options;
  }

  /** Takes the probes that are due: one webhook per lane, which nobody else probes meanwhile. */
  async takeProbes(request: {
    readonly workerNumber: number;
    readonly limit: number;
    readonly leaseS: number;
  }): Promise<ClaimedWebhook[]> {
    const fromMs = performance.now();
    const rows = await runSql<ClaimRow>(this.#options.pool, {
      sql: probeSql,
      values: [request.workerNumber, request.limit, request.leaseS],
    });
    const claimed = { fromMs, toMs: performance.now() };
    return rows.map((row) => ({ ...toWebhook(row, { claimed, request }), isProbe: true }));
  }

  /** Most endpoints cannot be reached, which is taken for trouble of our own. */
  get isEgressDown(): boolean {
    return this.#wasDown;
  }

  /**
   * Notes whether a lane gave any answer, to tell its outage from ours, and returns what the attempt means for its webhook.
   *
   * A probe that got no answer during an outage of our own does not count against its webhook: it was sent to ask for the
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

  /** Counts failures, pauses and lost probes into the breakers of their lanes. Never throws. */
  async count(all: readonly LaneNews[]): Promise<void> {
    const news = all.filter(
      ({ failures, probes, pauseS }) => failures > 0 || probes.length > 0 || pauseS !== null,
    );
    if (news.length === 0) return;
    try {
      const opened = await this.#write(this.#egress.isDown ? news.map(frozen) : news);
      if (opened.length > 0) this.#options.events.emit('breakersOpened', { lanes: opened });
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Cannot count failures of endpoints');
    }
  }

  /** Tells all workers of lanes that are well again, so that their backlog is taken up at once, and slowly. */
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

  async #write(news: readonly LaneNews[]): Promise<string[]> {
    const lanes = news.map(({ lane }) => lane);
    const probes = news.flatMap((each) => each.probes);
    await runSql(this.#options.pool, {
      sql: watchSql,
      values: [lanes, news.map(({ url }) => url)],
    });
    const rows = await runSql<{ lane: string; is_open: boolean }>(this.#options.pool, {
      sql: countSql,
      values: [
        lanes,
        news.map(({ failures }) => failures),
        news.map(({ succeeded }) => succeeded),
        news.map(({ error }) => error),
        news.map(({ pauseS }) => pauseS),
        breakerRules.failures,
        breakerRules.overS,
        breakerRules.openS,
        breakerRules.mostOpenS,
        probes.map(({ webhookId }) => webhookId),
        probes.map(({ number }) => number),
        probes.map(({ failed }) => failed),
      ],
    });
    return rows.filter((row) => row.is_open).map((row) => row.lane);
  }
}

/** During an outage of our own failures say nothing about the lane; a probe has found nothing out. */
function frozen(news: LaneNews): LaneNews {
  return {
    ...news,
    failures: 0,
    probes: news.probes.map((probe) => ({ ...probe, failed: false })),
  };
}

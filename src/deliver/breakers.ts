import type { Pool } from 'pg';
import { closedPayload, wakeChannel } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import { breakerRules, type LaneNews } from '../domain/breaker.ts';
import { EgressWatch } from '../domain/egress.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { type ClaimedWebhook, type ClaimRow, toWebhook } from './claim.ts';

/*
 * The breakers: rows of posthorn.breakers, shared by all workers, one per lane that fails.
 *
 * In: what results say about their lanes. Out: rows that the claim reads, probes. What is not written here costs a few
 * requests to a lane that is down, and never a webhook (I6, I9). A crash of a prober frees its probe with the lease.
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

  /** Notes whether a lane gave any answer, to tell its outage from ours. */
  noteAnswer(lane: string, { failed, nowMs }: { failed: boolean; nowMs: number }): void {
    this.#egress.note(lane, { failed, nowMs });
    const { isDown } = this.#egress;
    if (isDown === this.#wasDown) return;
    this.#wasDown = isDown;
    this.#options.events.emit('egress', { isDown });
    if (isDown)
      this.#options.log.error({}, 'Most endpoints cannot be reached: breakers are frozen');
    else this.#options.log.info({}, 'Endpoints can be reached again');
  }

  /** Counts failures, pauses and lost probes into the breakers of their lanes. Never throws. */
  async count(all: readonly LaneNews[]): Promise<void> {
    const news = all.filter(
      ({ failures, probeReleased, pauseS }) => failures > 0 || probeReleased || pauseS !== null,
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

  async #write(news: readonly LaneNews[]): Promise<string[]> {
    const lanes = news.map(({ lane }) => lane);
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
        news.map(({ probeFailed }) => probeFailed),
        news.map(({ probeReleased }) => probeReleased),
        news.map(({ error }) => error),
        news.map(({ pauseS }) => pauseS),
        breakerRules.failures,
        breakerRules.overS,
        breakerRules.openS,
        breakerRules.mostOpenS,
      ],
    });
    return rows.filter((row) => row.is_open).map((row) => row.lane);
  }
}

/** During an outage of our own failures say nothing about the lane; a probe is given back. */
function frozen(news: LaneNews): LaneNews {
  return {
    ...news,
    failures: 0,
    probeFailed: false,
    probeReleased: news.probeReleased || news.probeFailed,
  };
}

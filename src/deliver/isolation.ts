import type { Pool, QueryConfig } from 'pg';
import { inHalves } from '../db/in-halves.ts';
import { plainArray } from '../db/plain-array.ts';
import { queryOf, runSql, sqlFile } from '../db/sql-file.ts';
import { isFaultOfContent, isFaultOfRow } from '../db/sqlstate.ts';
import type { Events } from '../events.ts';
import { mostNewest } from '../lanes/discovery-window.ts';
import type { LaneBook } from '../lanes/lane-book.ts';
import type { LaneWish } from '../lanes/lane-wish.ts';
import type { ProbeLane } from '../lanes/probe-lanes.ts';
import type { Log } from '../log.ts';
import { endPoisoned, poisonReason, setAside } from './poisoned.ts';

/*
 * Finds the rows that make a claim or a probe fail, so that each costs one webhook and not all.
 *
 * In: the lanes and the window that the failed claim asked for. Out: webhooks that are ended as failed with the reason poison_row,
 * or set aside for an hour. It does what a claim does, in a transaction that is rolled back, with some webhooks at a time and then
 * with halves of them. A crash here leaves nothing, or one webhook ended. It runs only after a failure, so claims cost no more.
 */

interface IsolationOptions {
  readonly pool: Pool;
  readonly events: Events;
  readonly log: Log;
  readonly book: LaneBook;
}

/** What a claim that failed had asked for. */
export interface FailedClaim {
  readonly wishes: readonly LaneWish[];
  /** Where the discovery window started; undefined: it did not discover. */
  readonly windowFromMs: number | undefined;
  /** If it was a probe: lanes that were to be probed for their origins. */
  readonly probeLanes: readonly ProbeLane[];
}

interface Found {
  /** Webhooks and their errors. */
  readonly culprits: Map<string, unknown>;
  /** How many can be claimed. */
  sound: number;
}

type Run = (query: QueryConfig) => Promise<readonly { readonly id: string }[]>;

const suspectsSql = sqlFile('suspects');
const tryClaimSql = sqlFile('try-claim');
/** Tried at once: they come with their bodies. */
const triedAtOnce = 64;
/** Found in one run, so that claims are tried again in between. */
const mostFound = 200;
/** Ended in an hour. More of them are a fault of the database rather than of so many rows: the others are set aside. */
const mostEndedPerHour = 1_000;
const hourMs = 3_600_000;
const setAsideS = 3_600;

export class Isolation {
  readonly #options: IsolationOptions;
  #hourFromMs = 0;
  #ended = 0;

  constructor(options: IsolationOptions) {
    this.#options = options;
  }

  /**
   * Overcomes the failure of a claim; whether that claim may be tried again at once. Never throws.
   *
   * If no row is at fault, the lanes that were asked for are forgotten: one of them may be what no lane can be. The scan finds
   * those that have work again.
   */
  async overcome(error: unknown, failed: FailedClaim): Promise<boolean> {
    if (!isFaultOfRow(error)) return false;
    try {
      if (await this.#run(failed)) return true;
    } catch (isolationError) {
      this.#options.log.warn({ error: String(isolationError) }, 'Cannot find the rows at fault');
    }
    const { wishes } = failed;
    this.#options.book.learn({ wishes, claimed: [], discovered: [], wasFull: false });
    return false;
  }

  /** Finds the webhooks at fault and gets them out of the way; whether there were any. */
  async #run({ wishes, windowFromMs, probeLanes }: FailedClaim): Promise<boolean> {
    const suspects = await runSql<{ webhook_id: string }>(this.#options.pool, suspectsSql, {
      lanes: plainArray(wishes.map((wish) => wish.lane)),
      priorities: plainArray(wishes.map((wish) => wish.priority)),
      quotas: plainArray(wishes.map(({ quota, ahead }) => Math.max(quota, ahead ?? 1))),
      dueFromMs: plainArray(wishes.map((wish) => wish.dueFromMs)),
      windowFromMs: windowFromMs ?? Number.POSITIVE_INFINITY,
      maxNewest: mostNewest,
      probeLanes: plainArray(probeLanes.map(({ lane }) => lane)),
    });
    const found = await this.#try(suspects.map((row) => row.webhook_id));
    if (found.culprits.size === 0) return false;
    // If nothing at all can be claimed, the fault is not the rows', and no webhook must fail for it.
    if (found.sound === 0 && !(await this.#canClaimAny())) return false;
    // The fault may have been everybody's and have ended since: only those that still fail are at fault.
    const { culprits } = found.sound > 0 ? found : await this.#try([...found.culprits.keys()]);
    for (const [webhookId, error] of culprits) await this.#remove(webhookId, error);
    return true;
  }

  async #try(ids: readonly string[]): Promise<Found> {
    const found: Found = { culprits: new Map(), sound: 0 };
    for (let from = 0; from < ids.length && found.culprits.size < mostFound; from += triedAtOnce) {
      const chunk = ids.slice(from, from + triedAtOnce);
      const tryThem = (some: readonly string[]) =>
        this.#inVain(async (run) => {
          found.sound += (await run(queryOf(tryClaimSql, { webhookIds: some }))).length;
        });
      await inHalves(chunk, tryThem, (id, error) => found.culprits.set(id, error));
    }
    return found;
  }

  /** Whether a new webhook could be claimed; it is never committed. */
  async #canClaimAny(): Promise<boolean> {
    let canClaim = false;
    const claimNew = () =>
      this.#inVain(async (run) => {
        const inserted = await run({
          text: `insert into posthorn.outbox (url, body) values ('http://127.0.0.1/', '') returning id`,
        });
        await run(queryOf(tryClaimSql, { webhookIds: inserted.map(({ id }) => id) }));
        canClaim = true;
      });
    await inHalves(['a new one'], claimNew, () => {});
    return canClaim;
  }

  /** Runs statements in a transaction that is rolled back. */
  async #inVain(work: (run: Run) => Promise<void>): Promise<void> {
    const client = await this.#options.pool.connect();
    let lost: Error | undefined;
    try {
      await client.query('begin');
      await work(async (query) => (await client.query<{ id: string }>(query)).rows);
    } finally {
      await client.query('rollback').catch((error: Error) => {
        lost = error;
      });
      client.release(lost);
    }
  }

  async #remove(webhookId: string, error: unknown): Promise<void> {
    const { pool, events, log } = this.#options;
    const fields = { webhookId, error: error instanceof Error ? error.message : String(error) };
    if (isFaultOfContent(error) && this.#mayEnd()) {
      const isEnded = await endPoisoned(pool, {
        webhookId,
        became: 'failed',
        reason: poisonReason,
      }).catch((endError: unknown) => {
        if (!isFaultOfRow(endError)) throw endError;
        return undefined;
      });
      if (isEnded === false) return;
      if (isEnded === true) {
        events.emit('poisoned', { webhookId, became: 'failed' });
        log.error(fields, 'Ended a webhook as failed because its rows make claims fail');
        return;
      }
    }
    if (!(await setAside(pool, { webhookId, forS: setAsideS }))) return;
    events.emit('poisoned', { webhookId, became: 'set_aside' });
    log.error(fields, 'Set a webhook aside for an hour because its rows make claims fail');
  }

  #mayEnd(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#hourFromMs > hourMs) {
      this.#hourFromMs = nowMs;
      this.#ended = 0;
    }
    this.#ended += 1;
    return this.#ended <= mostEndedPerHour;
  }
}

import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { AttemptedWebhook } from '../domain/attempt.ts';
import type { Decision } from '../domain/decide.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { PutOff } from './put-off.ts';

/** What an attempt says about a registered endpoint. */
interface EndpointResult {
  readonly webhook: Pick<AttemptedWebhook, 'endpointId' | 'goneAnswers'>;
  readonly decision: Decision;
}

/** What a batch says about one endpoint. */
interface GoneNews {
  /** Answers 410 Gone. */
  readonly answers: number;
  /** There was a success before them. */
  readonly succeeded: boolean;
}

const countSql = sqlFile('count-gone');

/**
 * Counts 410 Gone of registered endpoints, and disables an endpoint with the second, because it asks for no more webhooks. Its
 * waiting webhooks are held, not failed. Endpoints that never answer 410 cost no statement.
 */
export class GoneEndpoints {
  readonly #options: { readonly pool: Pool; readonly events: Events; readonly log: Log };
  /** By endpoint: answers that could not be counted, because another session has locked its row. */
  readonly #putOff = new PutOff<string, GoneNews>((news) => this.#countAgain(news));

  constructor(options: { readonly pool: Pool; readonly events: Events; readonly log: Log }) {
    this.#options = options;
  }

  /** Never throws: an answer that cannot be counted is made up for by the next 410. Never waits for a locked row. */
  async note(results: readonly EndpointResult[]): Promise<void> {
    const all = new Map<string, GoneNews>();
    for (const { webhook, decision } of results) {
      const { endpointId, goneAnswers } = webhook;
      if (endpointId === null) continue;
      const { answers, succeeded } = all.get(endpointId) ?? { answers: 0, succeeded: false };
      if (isGone(decision)) all.set(endpointId, { answers: answers + 1, succeeded });
      else if (decision.became === 'delivered' && goneAnswers > 0) {
        all.set(endpointId, { answers, succeeded: true });
      }
    }
    const now = new Map<string, GoneNews>();
    for (const [id, news] of all) {
      const before = this.#putOff.get(id);
      if (before === undefined) now.set(id, news);
      else this.#putOff.set(id, followedBy(before, news));
    }
    await this.#count(now);
  }

  async #countAgain(putOff: ReadonlyMap<string, GoneNews>): Promise<void> {
    for (const id of putOff.keys()) this.#putOff.delete(id);
    if (!this.#options.pool.ending) await this.#count(putOff);
  }

  async #count(all: ReadonlyMap<string, GoneNews>): Promise<void> {
    const { pool, events, log } = this.#options;
    const disabled: string[] = [];
    try {
      // One at a time: a trigger writes the rules of the lanes, and in a statement of many not in their order.
      for (const [id, { answers, succeeded }] of all) {
        const [counted] = await runSql<{ is_disabled: boolean; is_locked: boolean }>(
          pool,
          countSql,
          {
            endpointId: id,
            answers,
            succeeded,
          },
        );
        if (counted?.is_locked === true) this.#putOff.set(id, { answers, succeeded });
        if (counted?.is_disabled === true && answers > 0) disabled.push(id);
      }
    } catch (error) {
      log.warn({ error: String(error) }, 'Cannot count answers 410 Gone');
    }
    if (disabled.length === 0) return;
    log.warn({ endpoints: disabled }, 'Disabled endpoints that answered 410 Gone twice');
    events.emit('endpointsDisabled', { ids: disabled, reason: 'gone' });
  }
}

function isGone(decision: Decision): boolean {
  return decision.became === 'failed' && decision.reason === 'gone';
}

function followedBy(first: GoneNews, second: GoneNews): GoneNews {
  if (second.succeeded) return second;
  return { ...first, answers: first.answers + second.answers };
}

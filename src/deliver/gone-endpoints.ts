import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';

/** What an attempt says about a registered endpoint. */
interface EndpointResult {
  readonly endpointId: string | null;
  readonly became: 'retry' | 'delivered' | 'failed';
  readonly reason: string | null;
  /** Answers 410 Gone before this one, since the last success. */
  readonly goneAnswers: number;
}

const countSql = sqlFile('count-gone');

/**
 * Counts 410 Gone of registered endpoints, and disables an endpoint with the second: it asks not to be sent to any more.
 * What it has waiting is held, not failed. Endpoints that never answer so cost no statement.
 */
export class GoneEndpoints {
  readonly #options: { readonly pool: Pool; readonly events: Events; readonly log: Log };

  constructor(options: { readonly pool: Pool; readonly events: Events; readonly log: Log }) {
    this.#options = options;
  }

  /** Never throws: what is not counted is counted with the next 410. */
  async note(results: readonly EndpointResult[]): Promise<void> {
    const gone = new Map<string, number>();
    const back = new Set<string>();
    for (const { endpointId, became, reason, goneAnswers } of results) {
      if (endpointId === null) continue;
      if (reason === 'gone') gone.set(endpointId, (gone.get(endpointId) ?? 0) + 1);
      else if (became === 'delivered' && goneAnswers > 0) back.add(endpointId);
    }
    try {
      if (back.size > 0) await this.#forgive([...back]);
      if (gone.size > 0) await this.#count(gone);
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Cannot count answers 410 Gone');
    }
  }

  async #count(gone: ReadonlyMap<string, number>): Promise<void> {
    const { pool, events, log } = this.#options;
    const disabled: string[] = [];
    // One at a time: a trigger writes the rules of the lanes, and in a statement of many not in their order.
    for (const [id, answers] of gone) {
      const rows = await runSql<{ is_disabled: boolean }>(pool, {
        sql: countSql,
        values: [id, answers],
      });
      if (rows[0]?.is_disabled === true) disabled.push(id);
    }
    if (disabled.length === 0) return;
    log.warn({ endpoints: disabled }, 'Disabled endpoints that answered 410 Gone twice');
    events.emit('endpointsDisabled', { ids: disabled, reason: 'gone' });
  }

  async #forgive(ids: readonly string[]): Promise<void> {
    await this.#options.pool.query(
      'update posthorn.endpoints set gone_answers = 0 where id = any ($1::uuid[]) and gone_answers > 0',
      [ids],
    );
  }
}

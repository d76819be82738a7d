import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { scanPayload, wakeChannel } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { LaneBook } from '../lanes/lane-book.ts';
import type { Log } from '../log.ts';
import type { ClaimedWebhook } from './claim.ts';

const giveBackSql = sqlFile('give-back');
/** Then the loop frees what this worker has leased and does not know, as soon as Postgres is there. */
const mostTries = 3;

/**
 * Gives back webhooks that were claimed and not sent: their attempts never happened.
 *
 * @param tellAll lets all workers look at all lanes, because the webhooks are due since before the others' windows.
 */
export async function giveBackWebhooks(
  pool: Pool,
  webhooks: readonly ClaimedWebhook[],
  { tellAll }: { readonly tellAll: boolean },
): Promise<void> {
  const [first] = webhooks;
  if (first === undefined) return;
  await runSql(pool, giveBackSql, {
    webhookIds: webhooks.map((webhook) => webhook.webhookId),
    numbers: webhooks.map((webhook) => webhook.number),
    workerNumber: first.leasedBy,
  });
  if (tellAll) await pool.query('select pg_notify($1, $2)', [wakeChannel, scanPayload]);
}

/** Gives back webhooks of one lane, and tries it several times. False if it was in vain. Never throws. */
export async function giveBackPatiently(
  { pool, log }: { readonly pool: Pool; readonly log: Log },
  webhooks: readonly ClaimedWebhook[],
  book: Pick<LaneBook, 'owned'>,
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    try {
      // Its owner looks at it by itself.
      const tellAll = webhooks.some(({ lane }) => !book.owned.has(lane));
      await giveBackWebhooks(pool, webhooks, { tellAll });
      return true;
    } catch (error) {
      const fields = { error: String(error), webhooks: webhooks.length };
      log.warn(fields, 'Cannot give back webhooks of an ordered endpoint');
      if (tries >= mostTries || pool.ending) return false;
      await delay(100 * 2 ** tries);
    }
  }
}

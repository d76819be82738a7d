import type { DatabasePool } from 'slonik';
import { keyConflict, notFound } from '../input/problem.ts';
import { cancelRefusal, retryRefusal } from '../input/refusals.ts';
import { readSendRequest } from '../input/send-request.ts';
import { type FoundWebhook, findWebhook } from '../queries/find-webhook.ts';
import { listWebhooks } from '../queries/list-webhooks.ts';
import {
  cancelMatching,
  cancelWebhook,
  type RetryResult,
  retryWebhook,
} from '../queries/put-back.ts';
import { cancelRunningReplays } from '../queries/replays.ts';
import { sendWebhook } from '../queries/send-webhook.ts';
import { countMatching } from '../queries/webhook-filter.ts';
import { type WebhookRow, webhookStatuses } from '../queries/webhook-row.ts';
import { choiceOption, type Given, hasOption, numberOption, textOption } from './command.ts';
import { bodyLimitBytes, contentOf } from './content-options.ts';
import { withDatabase } from './database.ts';
import { refuseDeadFilter } from './dead-filter.ts';
import { filterOf, idArgument, listFilterOf, refuseChoice } from './filter-options.ts';
import { refuse, refuseUsage } from './problem-text.ts';
import { statusCell, table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';
import { webhookText } from './webhook-text.ts';

/** `posthorn send`. */
export async function sendCommand(given: Given): Promise<void> {
  const request = readSendRequest(
    {
      url: textOption(given, 'url'),
      endpoint_id: textOption(given, 'endpoint'),
      tenant: textOption(given, 'tenant'),
      secret: textOption(given, 'secret'),
      ...(await contentOf(given)),
    },
    { bodyLimitBytes },
  );
  if (!request.ok) refuseUsage(request.problem);
  await withDatabase(async (pool) => {
    const sent = await sendWebhook(pool, request.webhook);
    if (sent.kind === 'conflict') refuse(keyConflict('webhook', sent.id).detail);
    const { id } = sent;
    print(hasOption(given, 'json') ? { id, is_new: sent.kind === 'accepted' } : id);
  });
}

/** `posthorn list`. */
export async function listCommand(given: Given): Promise<void> {
  const status = choiceOption(given, 'status', webhookStatuses);
  const limit = numberOption(given, 'limit', { min: 1, max: 10_000, fallback: 50 });
  const which = listFilterOf(given);
  const webhooks: WebhookRow[] = [];
  await withDatabase(async (pool) => {
    for (let before: string | undefined; webhooks.length < limit; ) {
      const page = await listWebhooks(pool, {
        status,
        limit: Math.min(200, limit - webhooks.length),
        before,
        which,
      });
      webhooks.push(...page.webhooks);
      if (page.before === null) break;
      before = page.before;
    }
  });
  if (hasOption(given, 'json')) {
    print({ webhooks });
    return;
  }
  if (webhooks.length === 0) {
    const isChosen = Object.values(which).some((value) => value !== undefined);
    print(
      isChosen
        ? 'No webhook matches.'
        : status === undefined
          ? 'No webhooks.'
          : `No webhook is ${status}.`,
    );
    return;
  }
  const rows = webhooks.map((webhook) => [
    webhook.id,
    timeText(webhook.created_at),
    statusCell(webhook.status),
    String(webhook.attempt_count),
    webhook.reason ?? webhook.last_error ?? String(webhook.last_status_code ?? ''),
    webhook.tenant,
    webhook.event_type ?? '',
    (webhook.url ?? '').split('?')[0] ?? '',
  ]);
  const head = ['ID', 'ENQUEUED', 'STATUS', 'TRIES', 'LAST', 'TENANT', 'EVENT', 'URL'];
  print(table(head, rows, terminalOf(process.stdout)));
}

/** `posthorn show`. */
export async function showCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'webhook');
  await withDatabase((pool) => showWebhook(pool, { id, given }));
}

async function showWebhook(
  pool: DatabasePool,
  { id, given }: { readonly id: string; readonly given: Given },
): Promise<void> {
  const webhook = (await findWebhook(pool, id)) ?? refuse(notFound('webhook', id).detail);
  print(hasOption(given, 'json') ? webhook : webhookText(webhook, terminalOf(process.stdout)));
}

/** `posthorn retry`. */
export async function retryCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'webhook');
  const force = hasOption(given, 'force');
  await withDatabase(async (pool) => {
    const became = await retryWebhook(pool, { id, force });
    const refusal = retryRefusal(became, { id, force: '--force' });
    if (refusal !== undefined) refuse(refusal.detail);
    tell(await findWebhook(pool, id), { given, text: retried[became] ?? '' });
  });
}

const retried: Readonly<Partial<Record<RetryResult, string>>> = {
  queued: 'It is queued again.',
  brought_forward: 'It is due now.',
  already_due: 'It was due already.',
};

/** `posthorn cancel`: cancels one webhook by its id, or all that wait and match. */
export async function cancelCommand(given: Given): Promise<void> {
  if (given.arguments.length > 0) {
    refuseChoice(given, { chosenBy: 'the id' });
    return cancelOne(given);
  }
  const isAll = hasOption(given, 'all');
  if (isAll) refuseChoice(given, { chosenBy: '--all' });
  const filter = {
    ...(isAll ? everything : filterOf(given, { doing: 'cancel' })),
    statuses: ['pending'] as const,
  };
  await withDatabase(async (pool) => {
    await refuseDeadFilter(pool, { filter, doing: 'cancel' });
    if (hasOption(given, 'dry-run')) {
      const { matched, isAtLeast } = await countMatching(pool, filter);
      return print(
        hasOption(given, 'json')
          ? { dry_run: true, matched, is_at_least: isAtLeast }
          : `${isAtLeast ? 'At least ' : ''}${matched} wait and match.`,
      );
    }
    // A running replay would go on to put back webhooks.
    if (isAll) await cancelRunningReplays(pool);
    let cancelled = 0;
    for (let isComplete = false; !isComplete; ) {
      const done = await cancelMatching(pool, filter);
      cancelled += done.matched;
      isComplete = !done.isAtLeast;
    }
    print(hasOption(given, 'json') ? { cancelled } : `Cancelled ${cancelled}.`);
  });
}

const everything = {
  endpointId: null,
  url: null,
  from: null,
  until: null,
  ids: null,
  eventId: null,
  eventType: null,
  tenant: null,
} as const;

async function cancelOne(given: Given): Promise<void> {
  const id = idArgument(given, 'webhook');
  await withDatabase(async (pool) => {
    const refusal = cancelRefusal(await cancelWebhook(pool, id), { id });
    if (refusal !== undefined) refuse(refusal.detail);
    tell(await findWebhook(pool, id), { given, text: 'It is cancelled.' });
  });
}

function tell(
  webhook: FoundWebhook | undefined,
  { given, text }: { readonly given: Given; readonly text: string },
): void {
  const wait = webhook?.status === 'pending' ? ` It waits for: ${webhook.waits_for}.` : '';
  print(hasOption(given, 'json') ? (webhook ?? {}) : `${text}${wait}`);
}

import type { DatabasePool } from 'slonik';
import { keyConflict, notFound, shown } from '../input/problem.ts';
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
import {
  choiceOption,
  type Given,
  hasOption,
  numberOption,
  textOption,
  textOptions,
  UsageError,
} from './command.ts';
import { withDatabase } from './database.ts';
import { refuseDeadFilter } from './dead-filter.ts';
import { filterOf, idArgument, refuseChoice } from './filter-options.ts';
import { refuse, refuseUsage } from './problem-text.ts';
import { statusCell, table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';
import { webhookText } from './webhook-text.ts';

/** Larger bodies need SQL; the API accepts 256 KiB. */
const bodyLimitBytes = 1_048_576;

/** `posthorn send`. */
export async function sendCommand(given: Given): Promise<void> {
  const body = textOption(given, 'body') ?? '-';
  const headers = headersOf(textOptions(given, 'header'));
  const request = readSendRequest(
    {
      url: textOption(given, 'url'),
      endpoint_id: textOption(given, 'endpoint'),
      body: body === '-' ? await readStdin() : body,
      headers,
      secret: textOption(given, 'secret'),
      content_type: textOption(given, 'content-type'),
      priority: textOption(given, 'priority'),
      send_at: textOption(given, 'send-at'),
      max_attempts:
        textOption(given, 'max-attempts') === undefined
          ? undefined
          : numberOption(given, 'max-attempts', { min: 1, max: 100, fallback: 1 }),
      idempotency_key: textOption(given, 'idempotency-key'),
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

/** The headers that are given, if any. A name that comes twice, in upper or lower case, would lose one of its values. */
function headersOf(texts: readonly string[]): Readonly<Record<string, string>> | undefined {
  const headers = texts.map(headerOf);
  const names = headers.map(([name]) => name.toLowerCase());
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) {
    throw new UsageError(`The header ${twice} is given twice: each name may be given once`);
  }
  return headers.length === 0 ? undefined : Object.fromEntries(headers);
}

function headerOf(text: string): readonly [string, string] {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UsageError(`--header must be like "Name: value": "${shown(text)}" is not`);
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  // A byte order mark is part of the body.
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
}

/** `posthorn list`. */
export async function listCommand(given: Given): Promise<void> {
  const status = choiceOption(given, 'status', webhookStatuses);
  const limit = numberOption(given, 'limit', { min: 1, max: 10_000, fallback: 50 });
  const webhooks: WebhookRow[] = [];
  await withDatabase(async (pool) => {
    for (let before: string | undefined; webhooks.length < limit; ) {
      const page = await listWebhooks(pool, {
        status,
        limit: Math.min(200, limit - webhooks.length),
        before,
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
    print(status === undefined ? 'No webhooks.' : `No webhook is ${status}.`);
    return;
  }
  const rows = webhooks.map((webhook) => [
    webhook.id,
    timeText(webhook.created_at),
    statusCell(webhook.status),
    String(webhook.attempt_count),
    webhook.reason ?? webhook.last_error ?? String(webhook.last_status_code ?? ''),
    (webhook.url ?? '').split('?')[0] ?? '',
  ]);
  const head = ['ID', 'ENQUEUED', 'STATUS', 'TRIES', 'LAST', 'URL'];
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

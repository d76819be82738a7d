import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabasePool } from 'slonik';
import { codeOf } from '../db/sqlstate.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { responseText } from '../domain/response-text.ts';
import { brokenSecretRule } from '../domain/secret-rules.ts';
import { targetOf } from '../domain/target.ts';
import { isCanonicalUuid } from '../domain/uuid.ts';
import { createHttpClient } from '../http/http-client.ts';
import { notFound } from '../input/problem.ts';
import { findEndpoint } from '../queries/find-endpoint.ts';
import { type FollowFilter, findFollowed, WebhookFollower } from '../queries/follow-webhooks.ts';
import { readContent } from '../queries/read-content.ts';
import {
  type Given,
  hasOption,
  numberOption,
  textOption,
  textOptions,
  UsageError,
} from './command.ts';
import { withDatabase } from './database.ts';
import { timeOption, uuidOption } from './filter-options.ts';
import { type Forwarded, Forwarder } from './forwarder.ts';
import { refuse } from './problem-text.ts';
import { Reconnecting } from './reconnecting.ts';
import { oneLine, paint, spanText, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

const everyMs = 500;
/** As long as a worker waits for a receiver, unless it is told otherwise. */
const timeoutMs = 30_000;
/** More are not read ahead: the local program may be slower than the look. */
const mostAhead = 1_000;
const mostLines = 999_999_999;

interface Listening {
  readonly to: string;
  readonly filter: FollowFilter & { readonly agoMs: number };
  readonly ids: readonly string[];
  readonly secret: string | undefined;
  readonly isAnywhere: boolean;
  readonly isJson: boolean;
  readonly lines: number;
}

/** `posthorn listen`: forwards webhooks until Ctrl-C, or until all that were asked for are forwarded. */
export async function listen(given: Given): Promise<void> {
  const listening = await listeningOf(given);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    await withDatabase((pool, { keyRing }) => forwardAll(pool, { listening, keyRing, stop }));
  } catch (error) {
    if (!stop.signal.aborted) throw explained(error);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

async function forwardAll(
  pool: DatabasePool,
  {
    listening,
    keyRing,
    stop,
  }: { listening: Listening; keyRing: KeyRing | undefined; stop: AbortController },
): Promise<void> {
  const { to, filter, ids, secret, isAnywhere, lines } = listening;
  const what = await targetedBy(pool, listening);
  // With --json, a program reads the other stream.
  const say = listening.isJson ? (line: string) => console.error(line) : print;
  const database = new Reconnecting({ stop: stop.signal, say });
  const http = createHttpClient({
    connectTimeoutMs: 5_000,
    timeoutMs,
    connections: 16,
    allows: isAnywhere ? () => true : isLoopback,
  });
  let told = 0;
  const forwarder = new Forwarder({
    ...{ to, http, keyRing, secret },
    read: (webhook) => database.ask(() => readContent(pool, webhook)),
    tell: (forwarded) => {
      if (stop.signal.aborted || told === lines) return;
      print(listening.isJson ? jsonOf(forwarded) : lineOf(forwarded));
      told += 1;
      if (told === lines) stop.abort();
    },
  });
  try {
    if (ids.length > 0) {
      forwarder.add(await chosen(pool, ids));
      return await forwarder.until(0, stop.signal);
    }
    const follower = new WebhookFollower(pool, filter);
    let found = await database.ask(() => follower.look());
    // Said once it is true: what is enqueued from now on is forwarded.
    say(`Forwarding ${what} to ${withoutQuery(to)}. Ctrl-C ends it.`);
    for (;;) {
      forwarder.add(found.webhooks);
      await forwarder.until(mostAhead, stop.signal);
      if (!found.hasMore) await delay(everyMs, undefined, { signal: stop.signal }).catch(() => {});
      if (stop.signal.aborted) return;
      found = await database.ask(() => follower.look());
    }
  } finally {
    const stopped = forwarder.stop();
    await http.destroy();
    await stopped;
  }
}

/** The webhooks that were asked for by id. */
async function chosen(pool: DatabasePool, ids: readonly string[]) {
  const found = await findFollowed(pool, ids);
  const missing = ids.find((id) => !found.some((webhook) => webhook.webhook_id === id));
  if (missing !== undefined) refuse(`No webhook ${missing}, or it was cancelled`);
  return found;
}

/** Says what is forwarded. */
async function targetedBy(pool: DatabasePool, { filter, ids }: Listening): Promise<string> {
  const { endpointId, tenant, eventType } = filter;
  if (endpointId !== undefined && ids.length === 0) {
    const endpoint = await findEndpoint(pool, endpointId);
    if (endpoint === undefined) refuse(notFound('endpoint', endpointId).detail);
    if (endpoint.status === 'deleted') refuse(`The endpoint ${endpointId} is deleted`);
  }
  return [
    'new webhooks',
    ...(endpointId === undefined ? [] : [`to the endpoint ${endpointId}`]),
    ...(tenant === undefined
      ? []
      : [tenant === '' ? 'of no tenant' : `of the tenant ${oneLine(tenant)}`]),
    ...(eventType === undefined ? [] : [`of the event type ${oneLine(eventType)}`]),
    ...(filter.agoMs > 0 ? [`and those of the last ${spanText(filter.agoMs / 1_000)}`] : []),
  ].join(' ');
}

async function listeningOf(given: Given): Promise<Listening> {
  const isAnywhere = hasOption(given, 'anywhere');
  const to = await targetOption(given, { isAnywhere });
  const ids = textOptions(given, 'id');
  const choosing = ['endpoint', 'tenant', 'event-type', 'since', 'lines'] as const;
  const other = choosing.find((name) => given.options[name] !== undefined);
  if (ids.length > 0 && other !== undefined) {
    throw new UsageError(`--id cannot be combined with --${other}: it says which webhooks`);
  }
  const wrong = ids.find((id) => !isCanonicalUuid(id));
  if (wrong !== undefined) {
    throw new UsageError(`--id must be a UUID in lower case with dashes: "${wrong}" is not`);
  }
  const secret = textOption(given, 'secret');
  if (secret !== undefined && brokenSecretRule(secret) !== undefined) {
    throw new UsageError(
      '--secret must be a secret as endpoints have them: whsec_ and base64 of 24 to 64 bytes, whsk_ and an Ed25519 key, or another text of up to 512 bytes',
    );
  }
  const since = timeOption(given, 'since');
  return {
    ...{ to, ids, secret, isAnywhere },
    filter: {
      endpointId: uuidOption(given, 'endpoint'),
      tenant: textOption(given, 'tenant'),
      eventType: textOption(given, 'event-type'),
      agoMs: since === undefined ? 0 : Math.max(0, Date.now() - Date.parse(since)),
    },
    isJson: hasOption(given, 'json'),
    lines: numberOption(given, 'lines', { min: 1, max: mostLines, fallback: mostLines }),
  };
}

/** Where to send to: on this machine, unless the user says that it need not be. */
async function targetOption(
  given: Given,
  { isAnywhere }: { readonly isAnywhere: boolean },
): Promise<string> {
  const to = textOption(given, 'to');
  if (to === undefined) {
    throw new UsageError('Say where to send them: --to http://localhost:3000/hooks, for example');
  }
  if (targetOf(to) === undefined) {
    throw new UsageError(
      `--to must be an http or https URL without a user name: "${withoutQuery(to.replace(/\/\/[^/]*@/, '//…@'))}" is not`,
    );
  }
  if (isAnywhere) return to;
  const host = new URL(to).hostname.replace(/^\[|\]$/g, '');
  if (/(^|\.)localhost$/.test(host)) return to;
  const addresses = await lookup(host, { all: true }).catch(() => []);
  if (addresses.length > 0 && addresses.every(({ address }) => isLoopback(address))) return to;
  throw new UsageError(
    `--to must be on this machine, such as http://localhost:3000/hooks: "${host}" is not. --anywhere allows other machines, which then get the bodies`,
  );
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  const [plain = ''] = address.split('%');
  return isIP(plain) !== 0 && loopback.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

function explained(error: unknown): unknown {
  const cause = error instanceof Error && codeOf(error) === undefined ? error.cause : error;
  if (codeOf(cause) !== '42501') return error;
  return new Error(
    'The role of DATABASE_URL may not read bodies and secrets: it needs the rights of a worker (docs/roles.md)',
    { cause: error },
  );
}

function lineOf({ webhook, result }: Forwarded): string {
  const { hasColours } = terminalOf(process.stdout);
  const isGood = result.kind === 'response' && result.statusCode >= 200 && result.statusCode < 300;
  const what = result.kind === 'response' ? String(result.statusCode) : result.code;
  const said =
    result.kind === 'response' ? responseText(result).text.slice(0, 200) : result.message;
  return [
    paint(timeText(new Date().toISOString()), 'faint', hasColours),
    webhook.webhook_id,
    oneLine(webhook.event_type ?? '-').padEnd(20),
    paint(what.padEnd(18), isGood ? 'green' : 'red', hasColours),
    spanText(result.durationMs / 1_000).padStart(7),
    oneLine(isGood ? webhook.url : said),
  ]
    .join('  ')
    .trimEnd();
}

function jsonOf({ webhook, result }: Forwarded): object {
  const { webhook_id: id, outbox_id: outboxId, event_type: eventType, ...rest } = webhook;
  const isAnswer = result.kind === 'response';
  return {
    forwarded_at: new Date().toISOString(),
    webhook_id: id,
    event_id: eventType === null ? null : outboxId,
    event_type: eventType,
    tenant: rest.tenant,
    endpoint_id: rest.endpoint_id,
    url: rest.url,
    status_code: isAnswer ? result.statusCode : null,
    error: isAnswer ? null : result.code,
    error_message: isAnswer ? null : result.message,
    duration_ms: Math.round(result.durationMs * 10) / 10,
    answer: isAnswer ? responseText(result).text : null,
  };
}

function withoutQuery(url: string): string {
  return url.split('?')[0] ?? '';
}

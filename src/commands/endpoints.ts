import type { DatabasePool } from 'slonik';
import { usualCatchUpRatePerS } from '../input/catch-up-fields.ts';
import { type EndpointAction, refusalOf } from '../input/endpoint-actions.ts';
import { endpointChange, newEndpoint } from '../input/endpoint-fields.ts';
import {
  newSecret,
  otherTypeProblem,
  rotateEndpointSecret,
  toColumns,
} from '../input/endpoint-secrets.ts';
import { notFound } from '../input/problem.ts';
import { cancelCatchUp, catchUp } from '../queries/catch-ups.ts';
import type { EndpointWithHealth } from '../queries/endpoint-health.ts';
import { endpointStatuses } from '../queries/endpoint-row.ts';
import { type FoundEndpoint, findEndpoint } from '../queries/find-endpoint.ts';
import { listEndpoints } from '../queries/list-endpoints.ts';
import { changeEndpoint, createEndpoint, newEndpointId } from '../queries/save-endpoint.ts';
import { sendTest } from '../queries/send-test.ts';
import { setEndpointStatus, setStatusWithoutCatchUp } from '../queries/set-endpoint-status.ts';
import type { SubscriptionRow } from '../queries/subscriptions.ts';
import {
  choiceOption,
  type Given,
  hasOption,
  numberOption,
  textOption,
  UsageError,
} from './command.ts';
import { withDatabase } from './database.ts';
import { plain, settingOptions, settingsOf } from './endpoint-options.ts';
import { idArgument, rateOption, timeOption } from './filter-options.ts';
import { refuse, refuseUsage } from './problem-text.ts';
import { type Cell, oneLine, paint, statusCell, table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

/** `posthorn endpoints list`. */
export async function listEndpointsCommand(given: Given): Promise<void> {
  const status = choiceOption(given, 'status', endpointStatuses);
  const tenant = textOption(given, 'tenant');
  const limit = numberOption(given, 'limit', { min: 1, max: 10_000, fallback: 100 });
  const { endpoints } = await withDatabase((pool) =>
    listEndpoints(pool, { status, tenant, limit, before: undefined }),
  );
  if (hasOption(given, 'json')) return print({ endpoints });
  if (endpoints.length === 0) return print('No endpoints.');
  const head = ['ID', 'STATUS', 'SINCE', 'BREAKER', 'WAITING', 'TENANT', 'DESCRIPTION', 'URL'];
  const rows = endpoints.map((endpoint) => [
    endpoint.id,
    statusCell(endpoint.status),
    timeText(endpoint.status_since),
    breakerCell(endpoint),
    waitingText(endpoint),
    endpoint.tenant,
    endpoint.description,
    endpoint.url.split('?')[0] ?? '',
  ]);
  print(table(head, rows, terminalOf(process.stdout)));
}

function breakerCell({ breaker }: EndpointWithHealth): Cell {
  if (breaker.state === 'open') return [breaker.of_origin ? 'open, host' : 'open', 'red'];
  return breaker.consecutive_failures > 0 ? ['closed, failing', 'yellow'] : 'closed';
}

function waitingText({ backlog }: EndpointWithHealth): string {
  return `${backlog.is_at_least ? 'more than ' : ''}${backlog.waiting}`;
}

/** `posthorn endpoints show`. */
export async function showEndpointCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'endpoint');
  await withDatabase((pool) => show(pool, { id, given }));
}

/** `posthorn endpoints create`. Without --secret it makes a secret and shows it once. */
export async function createEndpointCommand(given: Given): Promise<void> {
  const { subscriptions: _, ...settings } = settingsOf(given, newEndpoint);
  const made = newSecret(settings, 'hmac');
  if (made === undefined) refuseUsage(otherTypeProblem);
  await withDatabase(async (pool, { keyRing: ring }) => {
    const id = await newEndpointId(pool);
    const values = toColumns({ ...settings, secret: made.secret }, { id, ring });
    await createEndpoint(pool, { id, values });
    const secret = made.isMade ? made.secret : undefined;
    if (hasOption(given, 'json')) return print({ id, secret });
    print(secret === undefined ? id : `${id}\n\nIts secret, which is not shown again: ${secret}`);
  });
}

/** `posthorn endpoints change`. */
export async function changeEndpointCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'endpoint');
  const settings = settingsOf(given, endpointChange);
  if (Object.keys(settings).length === 0) {
    throw new UsageError(
      `Nothing to change: give one of --${Object.keys(settingOptions).join(', --')}`,
    );
  }
  await withDatabase(async (pool, { keyRing: ring }) => {
    const values = toColumns(settings, { id, ring });
    if (!(await changeEndpoint(pool, { id, values }))) refuse(missing(id));
    await show(pool, { id, given });
  });
}

/** `posthorn endpoints rotate`. */
export async function rotateEndpointCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'endpoint');
  const overlap = textOption(given, 'overlap-s');
  const values = {
    secret: textOption(given, 'secret'),
    secret_type: textOption(given, 'secret-type'),
    overlap_s: overlap === undefined ? undefined : plain(overlap),
  };
  await withDatabase(async (pool, { keyRing }) => {
    const rotated = await rotateEndpointSecret(values, { id, pool, keyRing });
    if ('missing' in rotated) refuse(missing(id));
    if ('problem' in rotated) {
      const { problem } = rotated;
      if (problem.kind === 'endpoint_state_conflict') refuse(problem.detail);
      refuseUsage(problem);
    }
    if (hasOption(given, 'json')) return print(rotated.endpoint);
    const secret: unknown = Reflect.get(rotated.endpoint, 'secret');
    const publicKey: unknown = Reflect.get(rotated.endpoint, 'public_key');
    print(
      typeof secret === 'string'
        ? `Its new secret, which is not shown again: ${secret}`
        : typeof publicKey === 'string'
          ? `Its new public key: ${publicKey}`
          : 'The endpoint has the new secret',
    );
  });
}

/** `posthorn endpoints pause`, `resume`, `disable` and `enable`. */
export function endpointActionCommand(action: EndpointAction) {
  return async (given: Given): Promise<void> => {
    const id = idArgument(given, 'endpoint');
    const setStatus = hasOption(given, 'no-catch-up') ? setStatusWithoutCatchUp : setEndpointStatus;
    await withDatabase(async (pool) => {
      const changed = await setStatus(pool, { id, ...action });
      if (changed.kind === 'missing') refuse(missing(id));
      if (changed.kind === 'conflict') refuse(refusalOf(action, changed.status).detail);
      await show(pool, { id, given });
    });
  };
}

/** `posthorn endpoints catch-up`: sends an endpoint what it has missed, or ends that. */
export async function catchUpCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'endpoint');
  if (hasOption(given, 'cancel')) return await endCatchUp(given, id);
  const since = timeOption(given, 'since');
  if (since === undefined) {
    throw new UsageError('To catch up, give --since: the time from which it missed events');
  }
  const isDryRun = hasOption(given, 'dry-run');
  const rateLimitPerS = rateOption(given) ?? usualCatchUpRatePerS;
  await withDatabase(async (pool) => {
    const missed = await catchUp(pool, { endpointId: id, since, isDryRun, rateLimitPerS });
    if (missed === undefined) refuse(missing(id));
    if (hasOption(given, 'json')) return print(isDryRun ? { dry_run: true, missed } : { missed });
    const found = `It has missed ${missed} ${missed === 1 ? 'event' : 'events'}.`;
    print(
      isDryRun || missed === 0
        ? found
        : `${found} The workers enqueue them, ${rateLimitPerS} a second.`,
    );
  });
}

async function endCatchUp(given: Given, id: string): Promise<void> {
  const other = ['since', 'dry-run', 'rate'].find((name) => given.options[name] !== undefined);
  if (other !== undefined) throw new UsageError(`--${other} cannot be combined with --cancel`);
  await withDatabase(async (pool) => {
    if (!(await cancelCatchUp(pool, id))) refuse(missing(id));
    await show(pool, { id, given });
  });
}

/** `posthorn endpoints delete`. */
export async function deleteEndpointCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'endpoint');
  await withDatabase(async (pool) => {
    const from = ['active', 'paused', 'disabled'] as const;
    const changed = await setEndpointStatus(pool, { id, from, to: 'deleted' });
    if (changed.kind !== 'done') refuse(missing(id));
    print(
      hasOption(given, 'json')
        ? { id, status: 'deleted' }
        : 'The endpoint is deleted; its waiting webhooks fail.',
    );
  });
}

/** `posthorn endpoints test`. */
export async function testEndpointCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'endpoint');
  await withDatabase(async (pool) => {
    const webhookId = await sendTest(pool, { id, body: textOption(given, 'body') ?? null });
    if (webhookId === undefined) return refuse(missing(id));
    print(hasOption(given, 'json') ? { id: webhookId } : webhookId);
  });
}

async function show(
  pool: DatabasePool,
  { id, given }: { readonly id: string; readonly given: Given },
): Promise<void> {
  const endpoint = (await findEndpoint(pool, id)) ?? refuse(missing(id));
  print(hasOption(given, 'json') ? endpoint : endpointText(endpoint));
}

function endpointText(endpoint: FoundEndpoint): string {
  const { hasColours } = terminalOf(process.stdout);
  const { breaker, backlog } = endpoint;
  const fields: [string, Cell][] = [
    ['id', endpoint.id],
    ['url', endpoint.url.split('?')[0] ?? ''],
    ['description', endpoint.description],
    ['status', statusCell(endpoint.status)],
    [
      'since',
      timeText(endpoint.status_since) +
        (endpoint.status_reason === null ? '' : `, ${endpoint.status_reason}`),
    ],
    [
      'breaker',
      [
        breaker.state === 'open'
          ? `open${breaker.of_origin ? ' for all endpoints of its host' : ''}, next probe ${timeText(breaker.next_probe_at)}`
          : `closed, ${breaker.consecutive_failures} failures in a row`,
        breaker.state === 'open' ? 'red' : undefined,
      ],
    ],
    ['backlog', `${waitingText(endpoint)} waiting, ${backlog.delivering} being sent`],
    ['limits', limitsOf(endpoint)],
    ...(endpoint.tenant === '' ? [] : [['tenant', endpoint.tenant] satisfies [string, Cell]]),
    ...endpoint.subscriptions.map((one): [string, Cell] => ['subscribed', subscriptionText(one)]),
    ...catchUpFields(endpoint),
  ];
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields
    .map(([name, cell]) => {
      const [text, colour] = typeof cell === 'string' ? [cell, undefined] : cell;
      return `${paint(name.padEnd(width), 'faint', hasColours)}  ${paint(oneLine(text), colour, hasColours)}`;
    })
    .join('\n');
}

function subscriptionText({ event_type: type, filter }: SubscriptionRow): string {
  return filter === null ? type : `${type}, if ${filter}`;
}

function catchUpFields({ catch_up: last }: FoundEndpoint): [string, Cell][] {
  if (last === null) return [];
  const read = `events since ${timeText(last.since)}: ${last.read_count} read, ${last.webhooks} ${last.webhooks === 1 ? 'webhook' : 'webhooks'} added`;
  return [
    ['catch-up', [`${last.status}, ${read}`, last.status === 'running' ? 'yellow' : undefined]],
  ];
}

function limitsOf(endpoint: EndpointWithHealth): string {
  const limits = [
    endpoint.max_in_flight === null ? '' : `${endpoint.max_in_flight} in flight`,
    endpoint.rate_limit_per_s === null ? '' : `${endpoint.rate_limit_per_s} a second`,
    endpoint.ordered ? 'in order' : '',
    endpoint.timeout_ms === null ? '' : `${endpoint.timeout_ms} ms a request`,
    endpoint.retry_schedule_s === null
      ? ''
      : endpoint.retry_schedule_s.length === 0
        ? 'no retries'
        : `retries after ${endpoint.retry_schedule_s.join(', ')} s`,
  ].filter((limit) => limit !== '');
  return limits.length === 0 ? 'no own limits' : limits.join(', ');
}

function missing(id: string): string {
  return notFound('endpoint', id).detail;
}

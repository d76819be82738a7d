import { notFound } from '../input/problem.ts';
import { readFields } from '../input/read-fields.ts';
import { newSubscription } from '../input/subscription-fields.ts';
import { problemOfFilter } from '../input/subscription-filter.ts';
import {
  endSubscription,
  findSame,
  findSubscription,
  listSubscriptions,
  type SubscriptionRow,
  subscribe,
} from '../queries/subscriptions.ts';
import {
  type Command,
  type Given,
  hasOption,
  jsonOption,
  numberOption,
  textOption,
} from './command.ts';
import { withDatabase } from './database.ts';
import { idArgument, uuidOption } from './filter-options.ts';
import { refuse, refuseUsage } from './problem-text.ts';
import { table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

/** `posthorn subscriptions …`: which events an endpoint receives. */
export const subscriptionCommands: readonly Command[] = [
  {
    name: 'subscriptions list',
    summary: 'list subscriptions in force, newest first',
    options: {
      endpoint: { type: 'string', value: 'ID', help: 'of this registered endpoint' },
      tenant: { type: 'string', value: 'ID', help: 'of endpoints of this tenant' },
      'event-type': { type: 'string', value: 'TYPE', help: 'to exactly this, such as order.*' },
      ended: { type: 'boolean', help: 'those that have ended' },
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 10000; default: 100' },
      ...jsonOption,
    },
    run: listSubscriptionsCommand,
  },
  {
    name: 'subscriptions add',
    summary: 'let an endpoint receive a type of events; prints the id',
    details:
      "TYPE is a type of events, order.* for all types below order, or * for all types.\n\n  posthorn subscriptions add ENDPOINT invoice.paid --filter '$.total >= 1000'",
    arguments: [{ name: 'endpoint' }, { name: 'type' }],
    options: {
      filter: {
        type: 'string',
        value: 'JSONPATH',
        help: 'only events whose body it matches, such as $.total >= 1000',
      },
      ...jsonOption,
    },
    run: addSubscriptionCommand,
  },
  {
    name: 'subscriptions end',
    summary: 'end a subscription; webhooks that are enqueued are still sent',
    arguments: [{ name: 'id' }],
    options: jsonOption,
    run: endSubscriptionCommand,
  },
];

async function listSubscriptionsCommand(given: Given): Promise<void> {
  const limit = numberOption(given, 'limit', { min: 1, max: 10_000, fallback: 100 });
  const which = {
    endpointId: uuidOption(given, 'endpoint'),
    tenant: textOption(given, 'tenant'),
    eventType: textOption(given, 'event-type'),
    hasEnded: hasOption(given, 'ended'),
  };
  const subscriptions: SubscriptionRow[] = [];
  await withDatabase(async (pool) => {
    for (let before: string | undefined; subscriptions.length < limit; ) {
      const page = await listSubscriptions(pool, {
        limit: Math.min(200, limit - subscriptions.length),
        before,
        which,
      });
      subscriptions.push(...page.subscriptions);
      if (page.before === null) break;
      before = page.before;
    }
  });
  if (hasOption(given, 'json')) return print({ subscriptions });
  if (subscriptions.length === 0) return print('No subscriptions.');
  const rows = subscriptions.map((one) => [
    one.id,
    timeText(one.created_at),
    ...(which.hasEnded ? [timeText(one.ended_at)] : []),
    one.tenant,
    one.endpoint_id,
    one.event_type,
    one.filter ?? '',
  ]);
  const ended = which.hasEnded ? ['ENDED'] : [];
  const head = ['ID', 'SINCE', ...ended, 'TENANT', 'ENDPOINT', 'TYPE', 'FILTER'];
  print(table(head, rows, terminalOf(process.stdout)));
}

async function addSubscriptionCommand(given: Given): Promise<void> {
  const [endpoint, type] = given.arguments;
  const values = { endpoint_id: endpoint, event_type: type, filter: textOption(given, 'filter') };
  const read = readFields(values, newSubscription);
  if (!read.ok) refuseUsage({ detail: '', errors: read.errors });
  const { endpoint_id: endpointId, event_type: eventType, filter = null } = read.fields;
  await withDatabase(async (pool) => {
    const problem = await problemOfFilter(pool, filter);
    if (problem !== undefined) refuseUsage(problem);
    const [made] = await subscribe(pool, { endpointId, subscriptions: [{ eventType, filter }] });
    // The same command again changes nothing, and prints the same.
    const id = made ?? (await findSame(pool, { endpointId, eventType, filter }));
    if (id === undefined) return refuse('The subscription has just been ended: try again');
    print(hasOption(given, 'json') ? ((await findSubscription(pool, id)) ?? {}) : id);
  });
}

async function endSubscriptionCommand(given: Given): Promise<void> {
  const id = idArgument(given, 'subscription');
  await withDatabase(async (pool) => {
    if (!(await endSubscription(pool, id))) refuse(notFound('subscription', id).detail);
    if (hasOption(given, 'json')) return print((await findSubscription(pool, id)) ?? {});
    print('The subscription has ended.');
  });
}
